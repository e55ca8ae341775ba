"""Codes by e-mail: for people without a phone. NIST SP 800-63B does not count it as out-of-band."""

from __future__ import annotations

import re
import unicodedata

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Mailer, usable
from flask_zerotrust.factors.sent_code import SendingFactor, one_line
from flask_zerotrust.i18n import gettext
from flask_zerotrust.spelling import host_name, readable_host, visible

KIND = "email"
# RFC 5321, 4.5.3.1: 64 octets before the at sign, 254 in all (256 with the angle brackets of a path).
_MAX_LOCAL = 64
_MAX_ADDRESS = 254
# The characters of an unquoted local part (RFC 5322, 3.2.3, and RFC 6531, 3.3) and of host names (RFC 1123,
# 2.1): no white space, so nothing that could begin another header, and no comma, which would begin another
# recipient.
_LOCAL = re.compile(r"""[^\s"(),.:;<>@\[\\\]]+(\.[^\s"(),.:;<>@\[\\\]]+)*""")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII)


class EmailFactor(SendingFactor):
    """An e-mail address that the app has verified.

    Parameters
    ----------
    address : str
        Such as ``ada@bank.example``. Hosts outside ASCII are kept by their name in DNS. A local part
        outside ASCII needs a mail server with SMTPUTF8.
    mailer : Mailer
    id : str
        Name among the person's factors.
    label : str, optional
        Name that the user reads. Without one, a sentence with the masked address.

    Raises
    ------
    ConfigError
        For text that is no address.

    Examples
    --------
    >>> from flask_zerotrust.factors import EmailFactor
    >>> class Printer:
    ...     def send(self, address, subject, text):
    ...         print(address, subject)
    >>> EmailFactor("ada@bank.example", Printer()).send("123456", action="pay", host="")
    ada@bank.example Your code
    """

    kind = KIND

    def __init__(self, address: str, mailer: Mailer, id: str = "email", label: str | None = None) -> None:
        super().__init__(usable(canonical_address, address), id, label)
        self.mailer = mailer

    @property
    def address(self) -> str:
        """Return where codes go."""
        return self.recipient

    def send(self, code: str, *, action: str, host: str) -> None:  # noqa: ARG002 - no host
        """Send the code, together with the action that it is for.

        The host is left out: it is the client's word, and mail programs would make a link of it.
        """
        self.mailer.send(self.address, gettext("Your code"), message(code, action=action))

    def tell(self, text: str) -> bool:
        """Send a mail without a code."""
        self.mailer.send(self.address, gettext("Your account"), text + "\n")
        return True

    def _masked(self) -> str:
        return gettext("E-mail to %(address)s", address=masked(self.address))


def message(code: str, *, action: str) -> str:
    """Return the text of the mail: the action, the code on a line of its own, a warning.

    There is no link to press: people who are used to such links press those of others, too.
    """
    first = gettext('Your code for "%(action)s" is:', action=one_line(action))
    never = gettext("It works for a few minutes. Never share it: we never ask for it.")
    alarm = gettext("If you did not ask for a code, somebody may know your password: change it.")
    return f"{first}\n\n{code}\n\n{never}\n{alarm}\n"


def canonical_address(address: str) -> str:
    """Return the address with its domain as DNS has it, or raise without echoing it.

    Raises
    ------
    ConfigError
        For quotes, spaces and a host without a dot.

    Examples
    --------
    >>> canonical_address(" Ada@Bücher.example ")
    'Ada@xn--bcher-kva.example'
    """
    given = address if isinstance(address, str) and len(address) <= 2 * _MAX_ADDRESS else ""
    local, _, domain = unicodedata.normalize("NFC", visible(given)).strip().rpartition("@")
    plain = f"{local}@{_host(domain)}"
    if not _is_local(local) or plain.endswith("@") or len(plain.encode()) > _MAX_ADDRESS:
        raise ConfigError(
            "An e-mail address must look like ada@bank.example: without quotes and spaces, and at most "
            f"{_MAX_ADDRESS} characters. What was given has {len(given)} characters."
        )
    return plain


def _is_local(local: str) -> bool:
    fits = _LOCAL.fullmatch(local) and local.isprintable()
    return bool(fits) and len(local.encode()) <= _MAX_LOCAL


def _host(domain: str) -> str:
    """Return the name of a mail server's host, empty if nobody can have it."""
    try:
        name = host_name(domain)
    except ValueError:
        return ""
    return name if _DOMAIN.fullmatch(name) else ""


def masked(address: str) -> str:
    """Return the address with its local part cut to the first letter: enough for its owner to know it."""
    local, _, domain = address.rpartition("@")
    return f"{local[0]}…@{readable_host(domain)}"
