"""A client of Twilio with a timeout, and its refusals by number only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask_zerotrust.errors import ConfigError, SenderError

# Recipients that no later try will reach: stopped by the person, not a mobile, no such number, a
# landline, a country or range that the account blocks (twilio.com/docs/api/errors).
_BLOCKED = frozenset({21610, 21614, 21211, 60205, 60410})


class Refusal(Exception):
    """A refusal by Twilio, by its numbers. Its words may hold the recipient and stay behind."""

    def __init__(self, status: int, code: int | None) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code

    def as_sender_error(self) -> SenderError:
        """Return its meaning for the operator."""
        if self.code in _BLOCKED:
            return SenderError(f"Twilio cannot reach this recipient (error {self.code}).", blocked=True)
        return SenderError(
            f"Twilio refused the message: HTTP {self.status}, error {self.code}. What it means and how to "
            f"fix it: https://www.twilio.com/docs/api/errors/{self.code}"
        )


@dataclass(frozen=True, slots=True)
class Twilio:
    """A client, and its errors."""

    client: Any = field(repr=False)
    failure: type[Exception]
    timeout_s: float

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Turn errors inside into a Refusal, or a SenderError where nothing was understood.

        requests raises an OSError for trouble on the network. An answer that is no JSON is a ValueError.
        """
        refusal: Exception | None = None
        try:
            yield
        except self.failure as error:
            refusal = _refusal(error)
        except (OSError, ValueError) as error:
            refusal = SenderError(
                f"Twilio gave no usable answer within {self.timeout_s:g} s ({type(error).__name__}). "
                "Check the network, and status.twilio.com."
            )
        if refusal is not None:
            raise refusal from None


@dataclass(frozen=True, slots=True)
class Place:
    """How an account is reached, where it is not by its own token at Twilio's default place.

    Attributes
    ----------
    api_key : str or None
        ``SK...``. Then the token is this key's secret.
    region, edge : str or None
        Where Twilio keeps the data, and which of its doors is near, such as ``ie1`` and ``dublin``.
    """

    api_key: str | None = None
    region: str | None = None
    edge: str | None = None


DEFAULT_PLACE = Place()


def connect(
    sid: str, token: str, timeout_s: float, http_client: Any | None = None, place: Place = DEFAULT_PLACE
) -> Twilio:
    """Return a client of an account. Nothing is sent yet.

    Parameters
    ----------
    sid, token : str
        Account and its auth token, or the secret of an API key.
    timeout_s : float
        Longest wait for a connection, and for an answer: Twilio's own client would wait for ever.
    http_client : twilio.http.HttpClient, optional
        For proxies and tests. It brings its own timeout.
    place : Place, optional

    Raises
    ------
    ConfigError
        Where the ``twilio`` package is not installed.
    """
    try:
        from twilio.base.exceptions import TwilioException  # noqa: PLC0415 - an extra
        from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415
        from twilio.rest import Client  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "ZEROTRUST_SMS_SENDER = 'twilio' and 'twilio-verify' need the twilio package: "
            'pip install "Flask-ZeroTrust[sms]"'
        ) from error
    client = Client(
        place.api_key or sid,
        token,
        account_sid=sid,
        region=place.region,
        edge=place.edge,
        http_client=http_client or TwilioHttpClient(timeout=timeout_s),
    )
    return Twilio(client, TwilioException, timeout_s)


def _refusal(error: Exception) -> Exception:
    status, code = getattr(error, "status", None), getattr(error, "code", None)
    if status is None:
        return SenderError("Twilio gave no answer that its client understands. Check status.twilio.com.")
    return Refusal(status, code)
