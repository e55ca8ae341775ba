"""Codes by text message."""

from __future__ import annotations

import re

from ..errors import ConfigError
from ..texts import gettext
from .base import Sender

# E.164: at most fifteen digits; no country has fewer than seven.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_PUNCTUATION = re.compile(r"[\s().\-/]+")
# One message holds 160 characters; the sentence, the host and the code need the rest.
_MAX_ACTION = 50


class SmsFactor:
    """A mobile number that the app has verified.

    Parameters
    ----------
    number : str
        With ``+`` and country code; spaces, dashes, dots and brackets do not matter.
    sender : Sender
    id : str
        Name among the person's factors.
    label : str, optional
        What the person reads; without one, a sentence with the last two digits.

    Raises
    ------
    ConfigError
        For a number that is not in international form.
    """

    kind = "sms"
    sends = True

    def __init__(self, number: str, sender: Sender, id: str = "sms", label: str | None = None) -> None:
        self.number = canonical_number(number)
        self.sender = sender
        self.id = id
        self._label = label

    @property
    def label(self) -> str:
        """Return what the person reads, in the language of the request."""
        if self._label is not None:
            return self._label
        return gettext("Text message to the number ending in %(digits)s", digits=self.number[-2:])

    def __repr__(self) -> str:
        return f"SmsFactor(id={self.id!r})"

    @property
    def recipient(self) -> str:
        """Return the number."""
        return self.number

    def send(self, code: str, *, action: str, host: str) -> None:
        """Send the code, and with it what it is for."""
        self.sender.send(self.number, message(code, action=action, host=host))

    def tell(self, text: str) -> None:
        """Send a message without a code."""
        self.sender.send(self.number, text)

    def check(self, code: str, *, now: float) -> str | None:  # noqa: ARG002 - the protocol's shape
        """Return None: the server made the code and checks it itself."""
        return None


def message(code: str, *, action: str, host: str) -> str:
    """Return the text: action, code, a warning, and a last line from which browsers fill the code in.

    The last line follows WebOTP (origin-bound one-time codes): a host without a port.
    """
    text = gettext(
        'Your code for "%(action)s" is %(code)s. Never share it: we never ask for it.',
        action=one_line(action),
        code=code,
    )
    return f"{text}\n\n@{_without_port(host)} #{code}"


def canonical_number(number: str) -> str:
    """Return the number as ``+`` and digits (E.164), or raise without echoing it."""
    plain = _PUNCTUATION.sub("", number)
    if not _E164.fullmatch(plain):
        raise ConfigError(
            "A mobile number must be in international form, such as +44 7700 900123: a plus sign, the "
            f"country code and in all 7 to 15 digits. The number given has {len(plain)} characters."
        )
    return plain


def one_line(action: str) -> str:
    """Keep what an action is called from adding lines, quotes or a second code line."""
    words = "".join(c if c.isprintable() and c not in '"@#' else " " for c in action).split()
    short = " ".join(words)
    return short if len(short) <= _MAX_ACTION else short[: _MAX_ACTION - 3].rstrip() + "..."


def _without_port(host: str) -> str:
    return re.sub(r":[0-9]*$", "", host) if not host.endswith("]") else host
