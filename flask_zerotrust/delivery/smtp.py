"""Hands mail to an SMTP server (RFC 5321), over TLS unless the site says otherwise."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Literal

from flask_zerotrust.errors import ConfigError, SenderError

Security = Literal["starttls", "ssl", "none"]

# Answers of a server that no later try will change: no such mailbox, not local, name not allowed,
# bad address or domain (RFC 5321, 4.2.2; 521 and 556 are RFC 7504's for hosts without mail).
_BLOCKED = frozenset({521, 550, 551, 553, 556})


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
        To log in with; neither, where the server asks for none.
    from_ : str
        ``Harbour Bank <no-reply@bank.example>`` or the address alone.
    timeout_s : float
        Longest wait for a connection, and for each answer.
    tls : ssl.SSLContext, optional
        For servers with a certificate of their own; else the system's authorities are trusted.
    """

    host: str
    port: int
    from_: str
    timeout_s: float
    security: Security = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def send(self, address: str, subject: str, text: str) -> None:
        """Hand over one mail, once: a retry of our own could send it twice."""
        mail = compose(address, subject, text, from_=self.from_)
        # What a server says may hold the address: its words go no further, nor the exception.
        try:
            server = self.connect()
        except (OSError, smtplib.SMTPException) as error:
            raise SenderError(f"{_said(self, error)} {_hint(error)}") from None
        try:
            server.send_message(mail, from_addr=parseaddr(self.from_)[1], to_addrs=[address])
        except (OSError, smtplib.SMTPException) as error:
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
        OSError, smtplib.SMTPException
            Where that fails; the words may hold the user's name.
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
                server.login(self.user, self.password or "")
        except BaseException:
            server.close()
            raise
        return server


def trouble(mailer: SmtpMailer) -> tuple[str, str] | None:
    """Connect and log in without a mail; return what goes wrong and what to look at, None if nothing."""
    try:
        server = mailer.connect()
    except (OSError, smtplib.SMTPException) as error:
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


def _status(error: Exception) -> int | None:
    """Return the server's number; of a refused recipient that of the only one there is."""
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
