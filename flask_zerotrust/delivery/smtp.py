"""Hands mail to an SMTP server (RFC 5321), over TLS unless the site says otherwise."""

from __future__ import annotations

import base64
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Literal

from flask_zerotrust.errors import ConfigError, SenderError
from flask_zerotrust.spelling import host_name

# Answers to AUTH: send the rest, and welcome (RFC 4954, 4 and 6).
_GO_ON, _LOGGED_IN = 334, 235

Security = Literal["starttls", "ssl", "none"]

# Answers of a server that no later try will change: no such mailbox, not local, name not allowed,
# bad address or domain (RFC 5321, 4.2.2; 521 and 556 are RFC 7504's for hosts without mail).
_BLOCKED = frozenset({521, 550, 551, 553, 556})
# Errors of smtplib. A ValueError comes of characters that a command cannot carry.
_TROUBLE = (OSError, smtplib.SMTPException, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """Sends each mail over a connection of its own.

    Parameters
    ----------
    host, port : str, int
        The server that takes the site's mail.
    security : {"starttls", "ssl", "none"}
        Encrypt after a greeting (port 587), from the first octet (465), or not at all. A server that does
        not offer STARTTLS gets no mail then: it is never sent in the clear instead.
    user, password : str or None
        To log in with. Neither, where the server asks for none.
    from_ : str
        ``Harbour Bank <no-reply@bank.example>`` or the address alone.
    timeout_s : float
        Longest wait for a connection, and for each answer.
    tls : ssl.SSLContext, optional
        For servers with a certificate of their own. Else the system's authorities are trusted.
    """

    host: str
    port: int
    from_: str
    timeout_s: float
    security: Security = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_", _with_ascii_host(self.from_))

    def send(self, address: str, subject: str, text: str) -> None:
        """Hand over one mail, once: a retry of our own could send it twice."""
        mail = compose(address, subject, text, from_=self.from_)
        # A server's answer may hold the address: neither its words nor the exception go further.
        try:
            server = self.connect()
        except _TROUBLE as error:
            raise SenderError(f"{_said(self, error)} {_hint(error)}") from None
        try:
            server.ehlo_or_helo_if_needed()
            server.send_message(mail, from_addr=parseaddr(self.from_)[1], to_addrs=[address])
        except smtplib.SMTPNotSupportedError:
            raise SenderError(_no_smtputf8(self), blocked=True) from None
        except _TROUBLE as error:
            raise SenderError(_said(self, error), blocked=_status(error) in _BLOCKED) from None
        finally:
            # The mail is taken, or refused, by now: a goodbye that fails changes neither.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def connect(self) -> smtplib.SMTP:
        """Return a connection that mail can be handed to: encrypted and logged in.

        Raises
        ------
        OSError, smtplib.SMTPException, ValueError
            If that fails. The words may hold the user's name.
        """
        # Without a name smtplib asks DNS for this machine's own, and no timeout holds for that.
        name = parseaddr(self.from_)[1].rpartition("@")[2]
        tls = self.tls or ssl.create_default_context()
        if self.security == "ssl":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, local_hostname=name, timeout=self.timeout_s, context=tls
            )
        else:
            server = smtplib.SMTP(self.host, self.port, local_hostname=name, timeout=self.timeout_s)
        try:
            if self.security == "starttls":
                server.starttls(context=tls)
            if self.user is not None:
                _log_in(server, self.user, self.password or "")
        except BaseException:
            server.close()
            raise
        return server


def trouble(mailer: SmtpMailer) -> tuple[str, str] | None:
    """Connect and log in without a mail. Return the problem and the advice, None if it worked."""
    try:
        server = mailer.connect()
    except _TROUBLE as error:
        return _said(mailer, error), _hint(error)
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    server.close()
    return None


def _said(mailer: SmtpMailer, error: Exception) -> str:
    status, where = _status(error), f"{mailer.host}:{mailer.port}"
    if status is None:
        return (
            f"The mail server {where} gave no usable answer within {mailer.timeout_s:g} s "
            f"({type(error).__name__})."
        )
    return f"The mail server {where} refused with status {status}."


def compose(address: str, subject: str, text: str, *, from_: str) -> EmailMessage:
    """Return a mail of plain text that answering machines leave alone (RFC 3834).

    Raises
    ------
    ConfigError
        Where a line break would add a header.
    """
    if not all(line.isprintable() for line in (from_, address, subject)):
        raise ConfigError(
            "A mail's sender, address and subject are one line each, without control characters."
        )
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = from_, address, subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=parseaddr(from_)[1].rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    """Log in. smtplib takes ASCII only, and a name or a password outside of it is sent in UTF-8 (RFC 4616).

    Raises
    ------
    smtplib.SMTPException
        If the server refuses, or takes such a name by no way that we know.
    """
    if user.isascii() and password.isascii():
        server.login(user, password)
        return
    server.ehlo_or_helo_if_needed()
    offered = server.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        steps = ["PLAIN " + _base64(f"\0{user}\0{password}")]
    elif "LOGIN" in offered:
        steps = ["LOGIN " + _base64(user), _base64(password)]
    else:
        raise smtplib.SMTPNotSupportedError("no way to log in with characters outside ASCII")
    status, words = server.docmd("AUTH", steps[0])
    if status == _GO_ON and len(steps) > 1:
        status, words = server.docmd(steps[1])
    if status != _LOGGED_IN:
        raise smtplib.SMTPAuthenticationError(status, words)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _with_ascii_host(sender: str) -> str:
    """Return a sender whose address has the name of its host as DNS has it."""
    head, at, host = sender.rpartition("@")
    end = ">" if host.endswith(">") else ""
    try:
        return head + at + host_name(host.removesuffix(">")) + end
    except ValueError:
        raise ConfigError(f"ZEROTRUST_SMTP_FROM names a host that nobody can have: {sender!r}.") from None


def _no_smtputf8(mailer: SmtpMailer) -> str:
    return (
        f"The mail server {mailer.host}:{mailer.port} does not offer SMTPUTF8, so it takes no address "
        "with a local part outside ASCII."
    )


def _status(error: Exception) -> int | None:
    """Return the server's number. Of a refused recipient that of the only one there is."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((int(code) for code, _ in error.recipients.values()), None)
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None


def _hint(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "Check ZEROTRUST_SMTP_USER and ZEROTRUST_SMTP_PASSWORD."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "It offers no STARTTLS or no login: check ZEROTRUST_SMTP_SECURITY and the port."
    if isinstance(error, ssl.SSLError):
        return "Its certificate is not trusted, or ZEROTRUST_SMTP_SECURITY does not fit the port."
    return "Check ZEROTRUST_SMTP_HOST, the port and the network."
