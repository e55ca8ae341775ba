"""Codes by text message."""

from __future__ import annotations

import re

from flask_zerotrust.factors.base import Sender, usable
from flask_zerotrust.factors.phone_numbers import canonical_number, require
from flask_zerotrust.factors.sent_code import SendingFactor, one_line
from flask_zerotrust.i18n import gettext


class NumberFactor(SendingFactor):
    """A mobile number, whoever makes the codes that go there. See :class:`SmsFactor`."""

    kind = "sms"

    def __init__(self, number: str, id: str, label: str | None) -> None:
        require()  # so that no number is blamed for a missing package
        super().__init__(usable(canonical_number, number), id, label)

    @property
    def number(self) -> str:
        """Return where codes go: ``+`` and digits."""
        return self.recipient

    def _masked(self) -> str:
        return gettext("Text message to the number ending in %(digits)s", digits=self.number[-2:])


class SmsFactor(NumberFactor):
    """A mobile number that the app has verified.

    Parameters
    ----------
    number : str
        With ``+`` or ``00`` and the country code. Spaces, dashes, dots and brackets do not matter, nor does
        the zero of ``+44 (0)7700 900123``.
    sender : Sender
    id : str
        Name among the person's factors.
    label : str, optional
        Name that the user reads. Without one, a sentence with the last two digits.

    Raises
    ------
    ConfigError
        For a number that is not in international form.

    Examples
    --------
    >>> from flask_zerotrust.factors import SmsFactor
    >>> class Printer:
    ...     def send(self, number, text):
    ...         print(number, text.splitlines()[0])
    >>> SmsFactor("+44 (0)7700 900123", Printer()).send("123456", action="pay", host="")
    +447700900123 Your code for "pay" is 123456. Never share it: we never ask for it.
    """

    def __init__(self, number: str, sender: Sender, id: str = "sms", label: str | None = None) -> None:
        super().__init__(number, id, label)
        self.sender = sender

    def send(self, code: str, *, action: str, host: str) -> None:
        """Send the code, together with the action that it is for."""
        self.sender.send(self.number, message(code, action=action, host=host))

    def tell(self, text: str) -> bool:
        """Send a message without a code."""
        self.sender.send(self.number, text)
        return True


def message(code: str, *, action: str, host: str) -> str:
    """Return the text: action, code, a warning, and a last line from which browsers fill the code in.

    The last line follows WebOTP (origin-bound one-time codes): a host without a port. Without a host it
    is the code alone.
    """
    text = gettext(
        'Your code for "%(action)s" is %(code)s. Never share it: we never ask for it.',
        action=one_line(action),
        code=code,
    )
    return f"{text}\n\n@{_without_port(host)} #{code}" if host else f"{text}\n\n{code}"


def _without_port(host: str) -> str:
    return re.sub(r":[0-9]*$", "", host) if not host.endswith("]") else host
