"""Who delivers messages: the console while developing, Twilio in earnest."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask_zerotrust.delivery import twilio
from flask_zerotrust.delivery.twilio import DEFAULT_PLACE, Place, Refusal
from flask_zerotrust.errors import ConfigError, SenderError

# Messages that the demo phone shows. Older ones are forgotten.
_OUTBOX = 50
# The code of a message: at the end of a text message, on a line of its own in a mail.
_CODE = re.compile(r"#([0-9]+)\s*$|^([0-9]{6})$", re.ASCII | re.MULTILINE)


# The id of a messaging service. Sender names may begin with the same letters.
_SERVICE = re.compile("MG[0-9a-f]{32}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """A message on the demo phone: to whom, the text, the code in it, and when (seconds, epoch)."""

    to: str = field(repr=False)
    text: str = field(repr=False)
    code: str = field(repr=False)
    at: float


class _Console:
    """Writes messages to standard output and keeps the newest: for development and tests.

    In production anyone who reads the output could answer every challenge.

    Parameters
    ----------
    enabled : callable
        Returns True while the app is in debug mode or ``TESTING``. Asked before each message.
    clock : callable
        Seconds since the epoch.
    """

    _setting: str
    _instead: str

    def __init__(self, enabled: Callable[[], bool], *, clock: Callable[[], float] = time.time) -> None:
        self._enabled = enabled
        self._clock = clock
        self._outbox: deque[Message] = deque(maxlen=_OUTBOX)

    def check(self) -> None:
        """Raise ConfigError unless the sender is enabled."""
        if not self._enabled():
            raise ConfigError(self._refusal())

    @property
    def outbox(self) -> list[Message]:
        """The messages of this process, oldest first."""
        return list(self._outbox)

    def _refusal(self) -> str:
        return (
            f"{self._setting} = 'console' prints codes and works only with DEBUG or TESTING. "
            f"Set it to '{self._instead}' or 'none', or run with: flask run --debug"
        )

    def _keep(self, what: str, to: str, text: str) -> None:
        """Print the message and put it into the outbox. Nothing reaches the logs."""
        if not self._enabled():
            raise SenderError(self._refusal())
        match = _CODE.search(text)
        code = (match[1] or match[2]) if match else ""
        self._outbox.append(Message(to=to, text=text, code=code, at=self._clock()))
        print(f"--- {what} to {to}\n{text}\n---", flush=True)


class ConsoleSender(_Console):
    """Text messages on the console."""

    _setting, _instead = "ZEROTRUST_SMS_SENDER", "twilio"

    def send(self, number: str, text: str) -> None:
        """Print a text message and keep it."""
        self._keep("text message", number, text)


class ConsoleMailer(_Console):
    """Mail on the console."""

    _setting, _instead = "ZEROTRUST_EMAIL_SENDER", "smtp"

    def send(self, address: str, subject: str, text: str) -> None:
        """Print a mail and keep its text."""
        self._keep(f"mail “{subject}”", address, text)


class OwnSender:
    """Hands messages to a function of the app.

    Parameters
    ----------
    function : callable
        Returns the function, or None while the app has named none.
    """

    def __init__(self, function: Callable[[], Callable[[str, str], object] | None]) -> None:
        self._function = function

    def send(self, number: str, text: str) -> None:
        """Call the function of the app. Its error may hold the number, so it stays here."""
        send, kind = self._function(), ""
        if send is None:
            raise SenderError("ZEROTRUST_SMS_SENDER is 'app': name a function with @zt.text_sender.")
        try:
            send(number, text)
        except SenderError:
            raise
        except Exception as error:
            kind = type(error).__name__
        if kind:
            raise SenderError(f"The function of @zt.text_sender raised {kind}.")


class TwilioSender:
    """Sends through Twilio's Messages API.

    Parameters
    ----------
    sid, token, timeout_s, http_client, place
        As for :func:`flask_zerotrust.delivery.twilio.connect`.
    from_ : str
        A number of the account, or a messaging service (``MG...``).
    """

    def __init__(
        self,
        sid: str,
        token: str,
        from_: str,
        timeout_s: float,
        http_client: Any | None = None,
        place: Place = DEFAULT_PLACE,
    ) -> None:
        self._twilio = twilio.connect(sid, token, timeout_s, http_client, place)
        self._messages = self._twilio.client.messages
        self._from = {"messaging_service_sid" if _SERVICE.fullmatch(from_) else "from_": from_}

    def __repr__(self) -> str:
        return "TwilioSender()"

    def send(self, number: str, text: str) -> None:
        """Hand the message to Twilio, once: a retry of our own could send and bill it twice."""
        try:
            with self._twilio.asked():
                self._messages.create(to=number, body=text, **self._from)
        except Refusal as refusal:
            raise refusal.as_sender_error() from None
