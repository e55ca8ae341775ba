"""The base class of factors, and the protocols of those who deliver their codes."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.spelling import compact

# 160 bits: RFC 4226 section 4 recommends it, and every authenticator app takes it.
_SECRET_BYTES = 20

# Characters of an input that are looked at: a code, and marks that people and phones put around its digits.
_MAX_TYPED = 64
# NIST SP 800-63B-4, section 3.2.2: secrets of 64 bits and more need no limit of tries.
_UNGUESSABLE_BITS = 64

# Why factors cannot be used, while those of a user are being made. None at all other times.
_problems: ContextVar[list[str] | None] = ContextVar("problems", default=None)


class Factor:
    """A second factor of one user. Subclass it for a factor of your own.

    A subclass sets ``id``, ``kind`` and ``label``, and one of three groups of methods:

    - *Codes that the user's device knows*: :meth:`check`.
    - *Codes that are sent*: ``sends = True``, ``recipient`` and :meth:`send`. The extension makes and
      checks the codes. If a provider makes them, ``made_by_provider = True``, :meth:`start` and
      :meth:`approves` instead of :meth:`send`.
    - *Signatures over a question*: ``asks = True``, :meth:`question`, :meth:`made` and :meth:`judge`.

    Attributes
    ----------
    id : str
        Name among the user's factors. It stays as long as the factor exists: failures are counted under it.
    kind : str
        Kind, such as ``"totp"`` or ``"sms"``. All users have the same one.
    label : str
        Name that the user reads. A number or an address in it is masked.
    sends : bool
        A code is sent. Default: False.
    recipient : str or None
        Where codes go: a number as ``+`` and digits, or an address. Default: None.
    made_by_provider : bool
        A provider makes, sends and checks the codes. Default: False.
    asks : bool
        It answers a question with a signature. Default: False.
    digits : int or None
        Digits of a code. None if :meth:`read_code` reads codes of another shape. Default: 6.
    answer_bits : int
        Bits of a right answer. From 64 on, wrong answers lock nothing (NIST SP 800-63B-4, section 3.2.2).
        Otherwise a thief of the password could keep every factor of the owner locked. Default: 20.

    Examples
    --------
    Numbered codes on a sheet of paper:

    >>> import hmac
    >>> from flask_zerotrust import Factor
    >>> class PaperList(Factor):
    ...     kind, label = "paper", "Code from your sheet"
    ...
    ...     def __init__(self, codes, id="paper"):
    ...         self.codes, self.id = codes, id
    ...
    ...     def check(self, code, *, now):
    ...         uses = [use for use, right in self.codes.items() if hmac.compare_digest(right, code)]
    ...         return uses[0] if uses else None
    >>> sheet = PaperList({"17": "402911", "18": "118034"})
    >>> sheet.check(sheet.read_code("118 034"), now=0.0)
    '18'
    >>> sheet.read_code("a letter") is None
    True
    """

    id: str
    kind: str
    label: str
    sends: bool = False
    recipient: str | None = None
    made_by_provider: bool = False
    asks: bool = False
    digits: int | None = 6
    answer_bits: int = 20

    @property
    def guessable(self) -> bool:
        """Return whether somebody could find a right answer by trying."""
        return self.answer_bits < _UNGUESSABLE_BITS

    def read_code(self, typed: str) -> str | None:
        """Return the code in a text that was typed, of any length. None if it holds no code.

        The default takes ``digits`` digits of any script. Spaces, dashes and invisible marks do not count,
        so all spellings of a code become one before it is compared and marked as used.
        """
        plain = compact(typed[:_MAX_TYPED])
        return plain if len(plain) == self.digits and plain.isascii() and plain.isdecimal() else None

    def check(self, code: str, *, now: float) -> str | None:  # noqa: ARG002 - subclasses use them
        """Return the use that a right code makes of the factor, None for a wrong code.

        Two codes that must not both be accepted have the same use, such as the time step of a TOTP code.
        Uses of different factors of one kind differ.

        Parameters
        ----------
        code : str
            As :meth:`read_code` returns it.
        now : float
            Seconds since the epoch.
        """
        return None

    def uses_by_other_clock(self, code: str, *, now: float) -> tuple[str, ...]:  # noqa: ARG002
        """Return the uses of a code that the user's device shows if its clock is off. Default: none."""
        return ()

    def send(self, code: str, *, action: str, host: str) -> None:  # noqa: ARG002
        """Send a code to the recipient, with the action that it is for. ``host`` may carry a port.

        Raises
        ------
        ConfigError
            If the factor sends nothing.
        SenderError
            If the message could not be handed over.
        """
        raise ConfigError(f"Nothing can be sent to factor {self.id!r} ({type(self).__name__}).")

    def tell(self, text: str) -> bool:  # noqa: ARG002
        """Send a sentence that is no code, and return True. The default sends nothing and returns False.

        Raises
        ------
        SenderError
            If the message could not be handed over.
        """
        return False

    def start(self, *, before: str | None) -> str:  # noqa: ARG002
        """Have the provider send a new code and return its name for it. The code named ``before`` is void.

        Raises
        ------
        ChallengeError
            ``budget`` if the provider sends no more for a while.
        SenderError
            If the provider did not send it.
        """
        raise ConfigError(f"No provider makes codes for factor {self.id!r} ({type(self).__name__}).")

    def approves(self, reference: str, code: str) -> bool:  # noqa: ARG002
        """Return whether the provider takes a code for the one that it calls ``reference``.

        Raises
        ------
        ChallengeError
            ``expired`` or ``too_many``, by the provider's own count.
        SenderError
            If the provider gave no judgement.
        """
        return False

    def question(self, challenge: bytes) -> str:  # noqa: ARG002
        """Return the question for the user's browser, as JSON. ``challenge`` has 32 random bytes."""
        raise ConfigError(f"Factor {self.id!r} ({type(self).__name__}) asks no question.")

    def made(self, answer: str) -> bool:  # noqa: ARG002
        """Return whether an answer says that it is of this factor: one question goes to all of a kind."""
        return False

    def judge(self, answer: str, *, challenge: bytes) -> str | None:  # noqa: ARG002
        """Return the use that a right answer to a question makes of the factor, None for a wrong one."""
        return None


class Sender(Protocol):
    """Hands a text message to somebody who delivers it."""

    def send(self, number: str, text: str) -> None:
        """Send the text to a number (``+`` and digits).

        Raises
        ------
        SenderError
            Saying neither number nor text.
        """


@runtime_checkable
class Verifier(Protocol):
    """Makes codes, sends them to numbers, and checks them."""

    def start(self, number: str, *, before: str | None) -> str:
        """Send a new code to a number. See :meth:`Factor.start`."""

    def approves(self, reference: str, code: str) -> bool:
        """Judge a code. See :meth:`Factor.approves`."""


class Mailer(Protocol):
    """Hands a mail to somebody who delivers it."""

    def send(self, address: str, subject: str, text: str) -> None:
        """Send plain text to an address.

        Raises
        ------
        SenderError
            Saying neither address nor text.
        """


@contextmanager
def leaving_out() -> Iterator[list[str]]:
    """Let factors be made whose number, address or secret cannot be used, and yield the problems.

    They have an empty one, see :func:`is_usable`. So one bad row of an app's data does not take away the
    other factors of a user.
    """
    problems: list[str] = []
    before = _problems.set(problems)
    try:
        yield problems
    finally:
        _problems.reset(before)


def usable(spell: Callable[[str], str], given: str) -> str:
    """Return the one form of a number, an address or a secret.

    Raises
    ------
    ConfigError
        If it has none. Within :func:`leaving_out` return nothing instead.
    """
    try:
        return spell(given)
    except ConfigError as error:
        problems = _problems.get()
        if problems is None:
            raise
        problems.append(str(error))
        return ""


def is_usable(factor: Factor) -> bool:
    """Return whether a factor has a number, an address or a secret, if its kind needs one."""
    return factor.recipient != "" and getattr(factor, "secret", None) != ""


def new_secret() -> str:
    """Return a fresh secret for an authenticator app: 160 random bits in base32.

    Examples
    --------
    >>> len(new_secret())
    32
    """
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
