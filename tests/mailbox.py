"""A real SMTP server on loopback, for tests: what it takes lies in its mailbox."""

from __future__ import annotations

import datetime
import email
import email.policy
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flask_zerotrust.delivery.smtp import Security, SmtpMailer

FROM = "Harbour Bank <no-reply@bank.example>"
USER, PASSWORD = "bank", "the-mail-password"


@dataclass
class Mailbox:
    """What arrived, how to refuse, and how to reach it."""

    port: int = 0
    security: Security = "none"
    #: The answer to the next recipients, and to the next mails; None takes them.
    refuse_rcpt: str | None = None
    refuse_data: str | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    trust: ssl.SSLContext | None = None
    user: str = USER
    password: str = PASSWORD

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_rcpt is not None:
            return self.refuse_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse_data is not None:
            return self.refuse_data
        assert isinstance(envelope.content, bytes)
        self.envelopes.append(envelope)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(
            success=data == LoginPassword(self.user.encode(), self.password.encode()), handled=False
        )

    def mailer(self, **changes: Any) -> SmtpMailer:
        """Return a mailer that talks to this server as it wants to be talked to."""
        wanted: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "from_": FROM,
            "timeout_s": 5.0,
            "security": self.security,
            "tls": self.trust,
        }
        return SmtpMailer(**{**wanted, **changes})

    def text(self) -> str:
        """The text of the newest mail."""
        return str(self.mails[-1].get_content()).replace("\r\n", "\n")


class _AnyPort(Controller):
    """A controller that asks the system for a free port, and knows which it got."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def serve_mail(
    folder: Path, security: Security = "none", *, login: bool = False, **options: Any
) -> Iterator[Mailbox]:
    """Serve SMTP on loopback: in the clear, by STARTTLS only, or over TLS; a login may be asked for."""
    box = Mailbox(security=security)
    if security != "none":
        own, box.trust = _contexts(folder)
        options |= {"ssl_context" if security == "ssl" else "tls_context": own}
        if security == "starttls":
            options["require_starttls"] = True
    if login:
        options |= {
            "authenticator": box.authenticate,
            # Behind implicit TLS aiosmtpd cannot tell that the line is safe, and warns.
            "auth_required": security == "starttls",
            "auth_require_tls": security == "starttls",
        }
    controller = _AnyPort(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the server's side and that of a client who trusts it, over a certificate made for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(file)
    trust = ssl.create_default_context(cafile=str(file))
    return own, trust
