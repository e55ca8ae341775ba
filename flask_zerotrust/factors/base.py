"""What a factor and a sender have to offer; the rest of the package knows only these."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

from flask_zerotrust.errors import ConfigError

# 160 bits: RFC 4226 section 4 recommends it, and every authenticator app takes it.
_SECRET_BYTES = 20

# Why factors cannot be used, while those of a user are being made. None at all other times.
_problems: ContextVar[list[str] | None] = ContextVar("problems", default=None)


class Factor(Protocol):
    """One way in which one person can prove who they are.

    A sending factor gets codes that :class:`flask_zerotrust.challenge.Challenges` makes, checks and
    uses once. A knowing factor judges a code itself and names its use, which is then claimed.
    """

    @property
    def id(self) -> str:
        """Name among this person's factors; stays the same while the factor exists.

        Failures are counted under it, so a name that another factor had takes over its failures.
        """

    @property
    def kind(self) -> str:
        """What it is, such as ``"totp"`` or ``"sms"``; the same for all people."""

    @property
    def label(self) -> str:
        """What the person reads; a number or an address is masked."""

    @property
    def sends(self) -> bool:
        """True when a code is sent, False when the person's own device knows it."""

    @property
    def recipient(self) -> str | None:
        """Where codes go: a number as ``+`` and digits, or an address. None when nothing is sent."""

    def send(self, code: str, *, action: str, host: str) -> None:
        """Send a code (sending factors), naming the action; ``host`` may carry a port.

        Raises
        ------
        SenderError
            When the message could not be handed over.
        """

    def check(self, code: str, *, now: float) -> str | None:
        """Return the use that a right code makes of the factor, None for a wrong one (knowing factors).

        Two codes that must not both be accepted have the same use, such as the time step of a TOTP
        code; uses of different factors of one kind differ.
        """


@runtime_checkable
class ProviderCodes(Protocol):
    """What a sending factor offers, too, whose provider makes and checks the codes."""

    def start(self, *, before: str | None) -> str:
        """Have a new code sent and return the provider's name for it; the code named ``before`` is void.

        Raises
        ------
        ChallengeError
            ``budget`` where the provider sends no more for a while.
        SenderError
            When the provider did not send it.
        """

    def approves(self, reference: str, code: str) -> bool:
        """Say whether the provider holds a code for the right one.

        Raises
        ------
        ChallengeError
            ``expired`` or ``too_many``, by the provider's own count.
        SenderError
            When the provider gave no judgement.
        """


@runtime_checkable
class Questioned(Protocol):
    """What a knowing factor offers, too, that answers a question of ours."""

    def question(self, challenge: bytes) -> str:
        """Return what the person's browser is asked, as JSON."""

    def made(self, answer: str) -> bool:
        """Return whether an answer says that it is of this factor: one question goes to all of a kind."""

    def judge(self, answer: str, *, challenge: bytes) -> str | None:
        """Return the use that a right answer makes of the factor, None for a wrong one."""


@runtime_checkable
class Timed(Protocol):
    """What a knowing factor offers, too, whose codes follow the clock of the user's device."""

    def uses_by_other_clock(self, code: str, *, now: float) -> tuple[str, ...]:
        """Return the uses of a code that a clock which is off shows, none if there is no such time."""


@runtime_checkable
class Tells(Protocol):
    """What a factor offers, too, whose recipient can be told something that is no code."""

    def tell(self, text: str) -> None:
        """Send a sentence or two.

        Raises
        ------
        SenderError
            When the message could not be handed over.
        """


@runtime_checkable
class Unguessable(Protocol):
    """What a factor offers, too, whose right answers nobody finds by trying: wrong ones close nothing.

    Whoever has the password could else keep every way shut that the owner has. NIST SP 800-63B asks for a
    limit of codes below 64 bits (5.1.2.2), and for none of signatures.
    """

    @property
    def answer_bits(self) -> int:
        """How many bits a right answer has; 64 at least."""


@runtime_checkable
class OwnShape(Protocol):
    """What a factor offers, too, whose codes are not six digits."""

    def read_code(self, typed: str) -> str | None:
        """Return the code in what was typed, as :meth:`Factor.check` takes it; None if it can be none.

        What was typed can be of any length.
        """


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
    """Makes codes, sends them to numbers, and checks them: what :class:`ProviderCodes` asks."""

    def start(self, number: str, *, before: str | None) -> str:
        """Send a new code to a number; see :meth:`ProviderCodes.start`."""

    def approves(self, reference: str, code: str) -> bool:
        """Judge a code; see :meth:`ProviderCodes.approves`."""


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
    """Let factors be made whose number, address or secret cannot be used, and yield what is wrong with it.

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
    """Return a fresh secret for an authenticator app: 160 random bits in base32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
