"""Risks and step-ups on demand, without anybody moving or typing."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import replace

from flask.testing import FlaskClient

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.risk.level import Level, Policy, RiskState, judge
from flask_zerotrust.sessions.record import Proof, Record
from flask_zerotrust.sessions.sessions import Entry
from flask_zerotrust.testing.client import inside, user_of
from flask_zerotrust.web.request import records_read
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.visit import CurrentRisk

#: Factor that a grant of :func:`trust` names, in signals and commands.
FACTOR_ID = "testing"

# As long as a public key.
_KEY_BYTES = 65
# An easy pass: far below every model's "elevated".
_LOW = 0.01
# Log-odds of anything nearer to 0 or 1 than this would be no number.
_EDGE = 1e-6


def trust(client: FlaskClient) -> None:
    """Let whoever is logged in through guarded views, as after a code that was just passed.

    Raises
    ------
    ConfigError
        If nobody is logged in, or the app is not ``TESTING``.

    Examples
    --------
    >>> testing.trust(client)
    >>> client.get("/money").status_code
    200
    """
    inside(client, lambda state: state.visit.grant(user=user_of(state), factor_id=FACTOR_ID))


def remember(client: FlaskClient) -> None:
    """Make the browser of this client known to its user, as after "Confirm and remember this browser".

    The browser has just proven itself by its key, which counts for ``ZEROTRUST_GRANT_S``. Call it again
    for another proof.

    Raises
    ------
    ConfigError
        If nobody is logged in, the user has no factor, or the app is not ``TESTING``.

    Examples
    --------
    >>> testing.remember(client)
    >>> testing.risk(client).browser
    'known'
    """

    def prove(state: AppState) -> None:
        user, now = user_of(state), state.clock()
        factors = state.factors.of(user)
        if not factors:
            raise ConfigError(f"User {user!r} has no factor. Return one from your @zt.factors_loader.")
        browser = state.browsers.add(
            user,
            secrets.token_urlsafe(_KEY_BYTES),
            name="flask_zerotrust.testing",
            factor_id=factors[0].id,
            factor_tag=state.browsers.factor_tag(factors[0].kind, factors[0].id, ""),
            thread=None,
            now=now,
        )
        state.visit.prove(user, Proof(user, now, browser.id, remembered=True))

    inside(client, prove)


def force_risk(client: FlaskClient, wanted: Level | float) -> CurrentRisk:
    """Make this session look as if it had moved like that since it began, and return its risk.

    Parameters
    ----------
    wanted : {"unknown", "low", "elevated", "high"} or float
        A level. Or a risk in [0, 1] after movement enough, for views with a ``max_risk`` of their own.
        The model's cut-offs name its level then.

    A passed step-up ends, and so does the latch of the user, unless the risk is *high*: then a
    code is demanded until one is passed, as after real movement.

    Examples
    --------
    >>> testing.force_risk(client, "high").latched
    True
    """

    def force(state: AppState) -> CurrentRisk:
        user = state.user()
        policy = state.scorer.policy
        risk_state = _state(wanted, policy, now=state.clock())
        if user is not None:
            state.sessions.forgive(user)
        change(state, user, lambda before: _judged(replace(before, grant=None), risk_state, policy))
        return state.visit.current()

    return inside(client, force)


def risk(client: FlaskClient) -> CurrentRisk:
    """Return the risk of this session, as ``current_risk`` shows it to the app.

    Examples
    --------
    >>> testing.force_risk(client, "low").level, testing.risk(client).level
    ('low', 'low')
    """
    return inside(client, lambda state: state.visit.current())


def change(state: AppState, user: str | None, make: Callable[[Record], Record]) -> Entry:
    """Change the record of this session, and make both where there are none."""
    entry = state.visit.start(user)
    records_read().pop(entry.id, None)
    state.sessions.change(entry, user, make)
    return entry


def _judged(record: Record, state: RiskState, policy: Policy) -> Record:
    """Return the record with this state, latched as real movement would have latched it."""
    level = judge(state, policy)[0]
    strokes = round(state.weight)
    suspect, latched = level in ("elevated", "high"), level == "high"
    return replace(record, state=state, strokes=strokes, latched=latched, suspect=suspect, noted=0)


def _state(wanted: Level | float, policy: Policy, *, now: float) -> RiskState:
    """Return the evidence of a session that moved like that until now."""
    if wanted == "unknown":
        return RiskState(at=now)
    value = _value(wanted, policy) if isinstance(wanted, str) else wanted
    if not 0 <= value <= 1:
        raise ConfigError(f"A risk must be in [0, 1], got {value!r}.")
    value = min(max(value, _EDGE), 1.0 - _EDGE)
    log_odds = math.log(value / (1.0 - value)) - policy.prior_log_odds
    return RiskState(at=now, log_odds=log_odds, weight=policy.max_weight)


def _value(level: str, policy: Policy) -> float:
    """Return a risk well inside a level."""
    ends = min(policy.unclear_at, policy.high_at)
    inside = {
        "low": min(_LOW, policy.elevated_at / 2.0),
        "elevated": (policy.elevated_at + ends) / 2.0 if policy.elevated_at < ends else None,
        "high": (policy.early_high_at + 1.0) / 2.0,
    }
    result = inside.get(level)
    if result is None:
        raise ConfigError(f"{level!r} is no level of this model: unknown, low, elevated or high.")
    return result
