"""The other side of a challenge: the codes that a person would read, and typing them in."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_zerotrust.challenge.uses import is_used
from flask_zerotrust.delivery.senders import ConsoleMailer, ConsoleSender
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.testing.client import BROWSER, guard_of, inside, user_of
from flask_zerotrust.web.state import AppState

# How many steps of an authenticator aside a code is taken, best first.
_DRIFTS = (0, 1, -1)


def last_code(client: FlaskClient, *, to: str | None = None) -> str:
    """Return the code in the newest message that was sent, or in the newest to one recipient.

    Raises
    ------
    ConfigError
        If no code was sent, or if ``ZEROTRUST_SMS_SENDER`` and ``ZEROTRUST_EMAIL_SENDER`` both name a
        provider.

    Examples
    --------
    >>> testing.last_code(client)
    Traceback (most recent call last):
    flask_zerotrust.errors.ConfigError: No code was sent yet.
    """
    state = guard_of(client)
    console = (ConsoleSender, ConsoleMailer)
    senders = (state.sender or state.terminal_sender, state.mailer or state.terminal_mailer)
    stored = [sender.outbox for sender in senders if isinstance(sender, console)]
    if not stored:
        raise ConfigError(
            "Only what the console sends can be read: set ZEROTRUST_SMS_SENDER = 'console', or "
            "ZEROTRUST_EMAIL_SENDER."
        )
    messages = sorted((message for outbox in stored for message in outbox), key=lambda message: message.at)
    result = [message.code for message in messages if message.code and to in (None, message.to)]
    if not result:
        raise ConfigError(f"No code was sent{'' if to is None else ' to this recipient'} yet.")
    return result[-1]


def totp_code(client: FlaskClient, user: str | None = None) -> str:
    """Return a code that the user's authenticator app shows now and that has not been used yet.

    A code works once. Up to three step-ups in half a minute find one: the code of now, and those of
    the steps beside it, which are taken too.

    Parameters
    ----------
    user : str, optional
        Id of the user. The one who is logged in if left out.

    Raises
    ------
    ConfigError
        If the user has no authenticator app, or all codes of this minute are used.

    Examples
    --------
    >>> len(testing.totp_code(client))
    6
    """

    def read(state: AppState) -> str:
        name = user if user is not None else user_of(state)
        result = [factor for factor in state.factors.of(name) if isinstance(factor, TotpFactor)]
        if not result:
            raise ConfigError(f"User {name!r} has no authenticator app: check @zt.factors_loader.")
        return _unused_code(state, name, result[0])

    return inside(client, read)


def pass_challenge(client: FlaskClient, answer: TestResponse) -> TestResponse:
    """Answer the challenge that a guarded view has sent the client to, and return the next answer.

    That is the redirect to the page that was wanted or, after a form, to the page that shows it again.
    An authenticator app is used where the user has one, else a message is sent and read.

    Parameters
    ----------
    answer : TestResponse
        The view's: a redirect to the challenge, or the 401 that names its ``challenge_url``.

    Raises
    ------
    ConfigError
        If the answer leads to no challenge, or it was not passed.

    Examples
    --------
    >>> answer = client.get("/money", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
    >>> testing.pass_challenge(client, answer).status_code
    303
    """
    url = _challenge_path(client, answer)
    factor = inside(client, _easiest)
    form = {**_hidden_fields(client, url), "factor": factor.id}
    if factor.sends:
        _post(client, f"{url}/send", form)
    code = last_code(client, to=factor.recipient) if factor.sends else totp_code(client)
    return _post(client, url, {**form, "code": code})


def _unused_code(state: AppState, user: str, factor: TotpFactor) -> str:
    now = state.clock()
    for drift in _DRIFTS:
        code = factor.code(at=now + drift * factor.period_s)
        use = factor.check(code, now=now)
        if use is not None and not is_used(state.store, user, factor.kind, use):
            return code
    raise ConfigError(
        "The codes of this minute are used, and each works once. Give your tests a clock to move: "
        "ZeroTrust(app, clock=...)."
    )


def _easiest(state: AppState) -> Factor:
    """Return the factor that takes no message, where there is a choice."""
    factors = state.factors.of(user_of(state))
    able = [factor for factor in factors if isinstance(factor, TotpFactor) or factor.sends]
    if not able:
        raise ConfigError("This user has neither an authenticator app nor a number to send a code to.")
    return min(able, key=lambda factor: factor.sends)


def _challenge_path(client: FlaskClient, answer: TestResponse) -> str:
    """Return the challenge's path as the client wants it: without the app's mount point."""
    text = answer.get_json(silent=True) or {}
    url = answer.location or text.get("challenge_url") or ""
    if "/challenge/" not in url:
        raise ConfigError(f"This answer leads to no challenge: it is {answer.status}.")
    path = urlsplit(url).path
    return path.removeprefix(str(client.application.config["APPLICATION_ROOT"]).rstrip("/"))


def _hidden_fields(client: FlaskClient, url: str) -> dict[str, str]:
    page = client.get(url, headers=BROWSER)
    if page.status_code != 200:
        raise ConfigError(f"The challenge cannot be opened: it answers {page.status}.")
    reader = _Fields()
    reader.feed(page.text)
    return reader.found


class _Fields(HTMLParser):
    """Collects the hidden fields of a page: the tokens of its forms."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "input" and values.get("type") == "hidden" and values.get("name"):
            self.found[str(values["name"])] = values.get("value") or ""


def _post(client: FlaskClient, url: str, form: dict[str, str]) -> TestResponse:
    answer = client.post(url, data=form, headers={**BROWSER, "Sec-Fetch-Site": "same-origin"})
    if answer.status_code != 303:
        raise ConfigError(f"The challenge was not passed: {url} answers {answer.status}.")
    return answer
