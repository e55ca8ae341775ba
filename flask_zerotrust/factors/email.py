"""Codes by e-mail: for people without a phone; NIST SP 800-63B does not count it as out-of-band."""

from __future__ import annotations

import re

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Mailer
from flask_zerotrust.factors.sent_code import SendingFactor, one_line
from flask_zerotrust.i18n import gettext

KIND = "email"
# RFC 5321, 4.5.3.1: 64 octets before the at sign, 254 in all (256 with the angle brackets of a path).
_MAX_LOCAL = 64
_MAX_ADDRESS = 254
# The characters of an unquoted local part (RFC 5322, 3.2.3) and of host names (RFC 1123, 2.1): no white
# space, so nothing that could begin another header, and no comma, which would begin another recipient.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII)


class EmailFactor(SendingFactor):
    """An e-mail address that the app has verified.

    Parameters
    ----------
    address : str
        ASCII, such as ``ada@bank.example``; white space around it does not matter.
    mailer : Mailer
    id : str
        Name among the person's factors.
    label : str, optional
        What the person reads; without one, a sentence with the masked address.

    Raises
    ------
    ConfigError
        For what is no address.
    """

    kind = KIND

    def __init__(self, address: str, mailer: Mailer, id: str = "email", label: str | None = None) -> None:
        super().__init__(canonical_address(address), id, label)
        self.mailer = mailer

    @property
    def address(self) -> str:
        """Return where codes go."""
        return self.recipient

    def send(self, code: str, *, action: str, host: str) -> None:  # noqa: ARG002 - the protocol's shape
        """Send the code, and with it what it is for.

        The host is left out: it is the client's word, and mail programs would make a link of it.
        """
        self.mailer.send(self.address, gettext("Your code"), message(code, action=action))

    def tell(self, text: str) -> None:
        """Send a mail without a code."""
        self.mailer.send(self.address, gettext("Your account"), text + "\n")

    def _masked(self) -> str:
        return gettext("E-mail to %(address)s", address=masked(self.address))


def message(code: str, *, action: str) -> str:
    """Return the text of the mail: what the code is for, the code on a line of its own, a warning.

    There is no link to press: people who are used to such links press those of others, too.
    """
    first = gettext('Your code for "%(action)s" is:', action=one_line(action))
    never = gettext("It works for a few minutes. Never share it: we never ask for it.")
    alarm = gettext("If you did not ask for a code, somebody may know your password: change it.")
    return f"{first}\n\n{code}\n\n{never}\n{alarm}\n"


def canonical_address(address: str) -> str:
    """Return the address with its domain in small letters, or raise without echoing it."""
    plain = address.strip()
    local, at, domain = plain.rpartition("@")
    fits = _LOCAL.fullmatch(local) and len(local) <= _MAX_LOCAL and _DOMAIN.fullmatch(domain)
    if not at or not fits or len(plain) > _MAX_ADDRESS:
        raise ConfigError(
            "An e-mail address must look like ada@bank.example: ASCII, without quotes and spaces, at most "
            f"{_MAX_ADDRESS} characters. What was given has {len(plain)} characters."
        )
    return f"{local}@{domain.lower()}"


def masked(address: str) -> str:
    """Return the address with its local part cut to the first letter: enough for its owner to know it."""
    local, _, domain = address.rpartition("@")
    return f"{local[0]}…@{domain}"
