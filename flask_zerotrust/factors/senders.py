"""Who delivers messages: the console while developing, Twilio in earnest."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError, SenderError

# Messages that the demo phone shows; older ones are forgotten.
_OUTBOX = 50
# The code of a message: at the end of a text message, on a line of its own in a mail.
_CODE = re.compile(r"#([0-9]+)\s*$|^([0-9]{6})$", re.ASCII | re.MULTILINE)

# Recipients that no later try will reach: stopped by the person, not a mobile, no such number
# (twilio.com/docs/api/errors).
_BLOCKED = frozenset({21610, 21614, 21211})


@dataclass(frozen=True, slots=True)
class Message:
    """A message on the demo phone: to whom, what, the code in it, and when (seconds, epoch)."""

    to: str = field(repr=False)
    text: str = field(repr=False)
    code: str = field(repr=False)
    at: float


class _Console:
    """Writes messages to standard output and keeps the newest: for development and tests.

    Parameters
    ----------
    enabled : bool
        True in debug and testing.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    ConfigError
        Unless enabled: in production anyone who reads the output could answer every challenge.
    """

    _setting: str
    _instead: str

    def __init__(self, enabled: bool, *, clock: Callable[[], float] = time.time) -> None:
        if not enabled:
            raise ConfigError(
                f"{self._setting} = 'console' prints codes and works only with DEBUG or TESTING. "
                f"Set it to '{self._instead}' or 'none', or run with: flask run --debug"
            )
        self._clock = clock
        self._outbox: deque[Message] = deque(maxlen=_OUTBOX)

    @property
    def outbox(self) -> list[Message]:
        """The messages of this process, oldest first."""
        return list(self._outbox)

    def _keep(self, what: str, to: str, text: str) -> None:
        """Print the message and put it into the outbox; nothing reaches the logs."""
        found = _CODE.search(text)
        code = (found[1] or found[2]) if found else ""
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


class TwilioSender:
    """Sends through Twilio's Messages API.

    Parameters
    ----------
    sid, token : str
        Account and its auth token.
    from_ : str
        A number of the account, or a messaging service (``MG...``).
    timeout_s : float
        Longest wait for a connection, and for an answer.
    http_client : twilio.http.HttpClient, optional
        For proxies and tests; it brings its own timeout.

    Raises
    ------
    ConfigError
        Where the ``twilio`` package is not installed.
    """

    def __init__(
        self, sid: str, token: str, from_: str, timeout_s: float, http_client: Any | None = None
    ) -> None:
        try:
            from twilio.base.exceptions import TwilioException  # noqa: PLC0415 - an extra
            from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415
            from twilio.rest import Client  # noqa: PLC0415
        except ImportError as error:
            raise ConfigError(
                "ZEROTRUST_SMS_SENDER = 'twilio' needs the twilio package: "
                'pip install "Flask-ZeroTrust[sms]"'
            ) from error
        self._failure: type[Exception] = TwilioException
        client = Client(sid, token, http_client=http_client or TwilioHttpClient(timeout=timeout_s))
        self._messages = client.messages
        self._from = {"messaging_service_sid" if from_.startswith("MG") else "from_": from_}
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return "TwilioSender()"

    def send(self, number: str, text: str) -> None:
        """Hand the message to Twilio, once: a retry of our own could send and bill it twice."""
        # requests raises an OSError for every trouble on the network, and what is no JSON is a
        # ValueError. What Twilio says may hold the number: its words go no further, nor the exception.
        try:
            self._messages.create(to=number, body=text, **self._from)
        except self._failure as error:
            raise _refused(error) from None
        except (OSError, ValueError) as error:
            raise SenderError(
                f"Twilio gave no usable answer within {self._timeout_s:g} s ({type(error).__name__}). "
                "Check the network, and status.twilio.com."
            ) from None


def _refused(error: Exception) -> SenderError:
    """Return what Twilio's refusal means, from its numbers only."""
    status, code = getattr(error, "status", None), getattr(error, "code", None)
    if status is None:
        return SenderError("Twilio gave no answer that its client understands. Check status.twilio.com.")
    if code in _BLOCKED:
        return SenderError(f"Twilio cannot reach this recipient (error {code}).", blocked=True)
    return SenderError(
        f"Twilio refused the message: HTTP {status}, error {code}. What it means and how to mend it: "
        f"https://www.twilio.com/docs/api/errors/{code}"
    )
