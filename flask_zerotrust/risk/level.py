"""The rolling risk: how evidence adds up, fades, and turns into a level and a decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from flask_zerotrust.identity.evidence import Identity
from flask_zerotrust.movement import Integrity, Manner
from flask_zerotrust.replay.evidence import Replayed
from flask_zerotrust.risk.evidence import Evidence

Level = Literal["unknown", "low", "elevated", "high"]

#: Log-odds, prior included, from which another person or a recording makes a session high: 12 to 1. Not
#: the model's own limit for bots, which moves with every model and calibration, while what strokes say of
#: these two does not.
SURE_LOG_ODDS = 2.473
# Log-odds that a session plays a recording, before any of its strokes was looked up: one in 33.
REPLAY_PRIOR_LOG_ODDS = -3.5
# Log-odds that somebody else has taken over a session, before any of its strokes was compared: one in
# 33, so that it takes evidence of about 400 to 1 to make a session high. By folds
# of the background people that is 2 % of owners' minutes on their own device, and half of other people's.
OTHER_PRIOR_LOG_ODDS = -3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How stroke scores become a level. Fitted with the model and kept in its manifest.

    Attributes
    ----------
    prior_log_odds : float
        Log-odds of a bot before any evidence.
    drift : float
        Added to every stroke's log-odds: strokes that speak for nobody are those of a
        generator that no training has seen rather than those of a person.
    temper : float
        In (0, 1]: worth of one more stroke, because strokes of a session resemble each other.
    stroke_cap_person, stroke_cap_bot : float
        Most that one stroke can say for a person (positive number) and for a bot, before tempering.
    session_cap_person, session_cap_bot : float
        The same for the whole session, after tempering. The first is the smaller one, so that
        good movement cannot buy off much bad movement.
    max_weight : float
        Strokes' worth of evidence that a session can hold. More only refreshes it.
    min_strokes : int
        Strokes without which nobody is *low*.
    together_share : float
        In [0, 1]: weight of the model of sessions beside the sum of the strokes.
    settled_strokes : int
        Strokes from which the evidence counts as settled. Before, ``early_at`` is asked of it.
    early_at : float
        Risk in (0, 1), at most ``unclear_at``, from which a session of few strokes is *unknown*: the
        less there is, the better it has to be.
    settling : float
        The more strokes there are, the better they have to be: log-odds by which ``unclear_at`` is lower
        for every e-fold of strokes beyond ``settled_strokes``.
    window : int
        Length in strokes of the recent window.
    elevated_at, unclear_at, high_at : float
        Risks in (0, 1), ascending, from which the level is *elevated*, *unknown* (the movement speaks
        for nobody, however much there is of it) and *high*.
    early_high_at : float
        Risk in (0, 1), at least ``high_at``, from which a session of few strokes is *high*.
    window_high_at : float
        Mean stroke log-odds of the worst recent window from which the level is *high*.
    """

    prior_log_odds: float = 0.0
    drift: float = 0.0
    temper: float = 0.4
    stroke_cap_person: float = 3.0
    stroke_cap_bot: float = 4.0
    session_cap_person: float = 5.0
    session_cap_bot: float = 9.0
    max_weight: float = 20.0
    min_strokes: int = 3
    together_share: float = 0.5
    settled_strokes: int = 5
    early_at: float = 0.5
    settling: float = 0.0
    window: int = 5
    elevated_at: float = 0.5
    unclear_at: float = 0.6
    high_at: float = 0.9
    early_high_at: float = 0.9
    window_high_at: float = 2.5

    @property
    def min_weight(self) -> float:
        """Evidence below which a session is unknown: half a stroke of fading is forgiven."""
        return self.min_strokes - 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskState:
    """Evidence of a session so far, as the store keeps it.

    Attributes
    ----------
    log_odds : float
        Tempered sum of the strokes' log-odds, without the prior.
    weight : float
        Number of strokes. It fades with the sum.
    at : float
        Wall-clock seconds of the newest movement.
    recent : tuple of float
        Log-odds of the last strokes, oldest first.
    worst : float
        Mean of the worst window of strokes.
    manner : Manner
        All strokes together. It counts beside their sum once there are enough of them.
    browser : Integrity
        How the browser got its events. It is kept apart from the movement, and only raises the risk.
    replay : Replayed
        Strokes that an earlier session has shown.
    identity : Identity
        Strokes that speak for another person than the user.
    """

    log_odds: float = 0.0
    weight: float = 0.0
    at: float = 0.0
    recent: tuple[float, ...] = ()
    worst: float = -math.inf
    manner: Manner = Manner()
    browser: Integrity = Integrity()
    replay: Replayed = Replayed()
    identity: Identity = Identity()

    def to_json(self) -> dict[str, Any]:
        """Return JSON that :meth:`from_json` reads, with a key for each kind of evidence that there is."""
        row: dict[str, Any] = {"at": self.at}
        if self.weight or self.recent:
            worst = None if math.isinf(self.worst) else self.worst
            recent = [round(stroke, 3) for stroke in self.recent]
            row["movement"] = [self.log_odds, self.weight, worst, recent, self.manner.to_json()]
        for name, kind in _APART.items():
            evidence = getattr(self, name)
            if evidence != kind():
                row[name] = evidence.to_json()
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> RiskState:
        """Read the output of :meth:`to_json`."""
        apart: dict[str, Any] = {name: kind.from_json(row.get(name)) for name, kind in _APART.items()}
        if "movement" not in row:
            return cls(at=row["at"], **apart)
        log_odds, weight, worst, recent, manner = row["movement"]
        return cls(
            log_odds=log_odds,
            weight=weight,
            at=row["at"],
            recent=tuple(recent),
            worst=-math.inf if worst is None else worst,
            manner=Manner.from_json(manner),
            **apart,
        )


#: Kinds of evidence that are kept apart from the movement, by the key of their row.
_APART: dict[str, type[Evidence[Any]]] = {
    "browser": Integrity,
    "replay": Replayed,
    "identity": Identity,
}


def decay(state: RiskState, *, now: float, half_life_s: float) -> RiskState:
    """Fade log-odds and evidence weight alike: an idle session ends unknown, not low.

    A clock that runs backwards counts as no time passed.
    """
    stored = 0.5 ** (max(0.0, now - state.at) / half_life_s)
    return RiskState(
        log_odds=state.log_odds * stored,
        weight=state.weight * stored,
        at=max(now, state.at),
        recent=state.recent,
        worst=state.worst * stored if state.worst > 0 else state.worst,
        manner=state.manner.faded(stored),
        browser=state.browser.faded(stored),
        replay=state.replay.faded(stored) if state.replay.log_odds else state.replay,
        identity=state.identity.faded(stored) if state.identity.strokes else state.identity,
    )


def update(
    state: RiskState, strokes: Sequence[float], *, now: float, half_life_s: float, policy: Policy
) -> RiskState:
    """Add the log-odds of new strokes, in time order (positive: a bot, natural logarithm)."""
    state = decay(state, now=now, half_life_s=half_life_s)
    if not strokes:
        return state
    log_odds, recent, worst = state.log_odds, list(state.recent), state.worst
    window, drift, temper = policy.window, policy.drift, policy.temper
    for stroke in strokes:
        answer = min(max(float(stroke) + drift, -policy.stroke_cap_person), policy.stroke_cap_bot)
        recent = [*recent, answer][-window:]
        if len(recent) == window:
            worst = max(worst, sum(recent) / window)
        log_odds = min(max(log_odds + temper * answer, -policy.session_cap_person), policy.session_cap_bot)
    weight = min(state.weight + len(strokes), policy.max_weight)
    return replace(state, log_odds=log_odds, weight=weight, recent=tuple(recent), worst=worst)


def movement(state: RiskState, policy: Policy) -> float:
    """Return the log-odds of a bot by movement alone: the sum of the strokes, and all of them together."""
    if state.manner.strokes < policy.min_weight:
        return state.log_odds
    return state.log_odds + policy.together_share * (state.manner.log_odds - state.log_odds)


def settled(state: RiskState, policy: Policy) -> float:
    """Return the log-odds by which a session has to be better than one of few strokes, at least 0."""
    beyond = state.manner.strokes / policy.settled_strokes
    return policy.settling * math.log(beyond) if beyond > 1.0 else 0.0


def value(state: RiskState, policy: Policy) -> float:
    """Return the risk in (0, 1): how likely it is a bot, another person than the user, or a recording.

    Good movement does not make up for its being another person's, nor the other way round.
    """
    return judge(state, policy)[1]


def replay_value(state: RiskState) -> float:
    """Return how likely a recording is, in [0, 1). 0 as long as nothing speaks for one."""
    return _sigmoid(REPLAY_PRIOR_LOG_ODDS + state.replay.log_odds) - _sigmoid(REPLAY_PRIOR_LOG_ODDS)


def is_replayed(state: RiskState) -> bool:
    """Say whether there is enough evidence of a recording to require a factor. See :func:`is_other`."""
    return REPLAY_PRIOR_LOG_ODDS + state.replay.log_odds >= SURE_LOG_ODDS


def other_value(state: RiskState) -> float:
    """Return how likely another person is, in [0, 1). 0 as long as nothing speaks for one."""
    if state.identity.log_odds <= 0:
        return 0.0
    return _sigmoid(OTHER_PRIOR_LOG_ODDS + state.identity.log_odds) - _sigmoid(OTHER_PRIOR_LOG_ODDS)


def is_other(state: RiskState) -> bool:
    """Say whether there is enough evidence of another person to require a factor."""
    return OTHER_PRIOR_LOG_ODDS + state.identity.log_odds >= SURE_LOG_ODDS


def _bot(state: RiskState, policy: Policy, high_at: float) -> float:
    """Return the risk of a bot, in which timing alone stays below ``high_at``."""
    high = math.log(high_at / (1.0 - high_at)) - policy.prior_log_odds
    log_odds = movement(state, policy) + state.browser.log_odds(high=high)
    return _sigmoid(policy.prior_log_odds + log_odds)


def _sigmoid(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))


def level(state: RiskState, policy: Policy) -> Level:
    """Name the risk of a state that has been decayed to now.

    Bad evidence counts from the first stroke. Good evidence needs ``min_strokes`` of them, and has
    to be good: movement that could be anybody's leaves the session unknown. Evidence of another person,
    or of a recording, makes a low session elevated, and any session high.
    """
    return judge(state, policy)[0]


def judge(state: RiskState, policy: Policy) -> tuple[Level, float]:
    """Return :func:`level` and :func:`value` of a state that has been decayed to now."""
    bot = _bot(state, policy, policy.early_high_at)
    risk = 1.0 - (1.0 - bot) * (1.0 - other_value(state)) * (1.0 - replay_value(state))
    if is_other(state) or is_replayed(state):
        return "high", risk
    level_of_bot = _bot_level(state, bot, policy)
    return ("elevated" if level_of_bot == "low" and risk >= policy.elevated_at else level_of_bot), risk


def _bot_level(state: RiskState, risk: float, policy: Policy) -> Level:
    if _is_high(state, risk, policy):
        return "high"
    if state.weight < policy.min_weight or _is_unclear(state, risk, policy):
        return "unknown"
    return "elevated" if risk >= policy.elevated_at else "low"


def _is_settled(state: RiskState, policy: Policy) -> bool:
    return state.weight >= policy.settled_strokes - 0.5


def _is_high(state: RiskState, early_risk: float, policy: Policy) -> bool:
    if state.worst >= policy.window_high_at:
        return True
    if not _is_settled(state, policy):
        return early_risk >= policy.early_high_at
    return _bot(state, policy, policy.high_at) >= policy.high_at


def _is_unclear(state: RiskState, risk: float, policy: Policy) -> bool:
    if not _is_settled(state, policy):
        return risk >= policy.early_at
    odds = math.exp(settled(state, policy))
    return risk * odds / (1.0 - risk + risk * odds) >= policy.unclear_at


#: Trust in the browser of a session: nothing, a factor passed in this session, or remembered.
Trust = Literal["new", "session", "known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """State of a session at one moment, from one read of the store.

    Attributes
    ----------
    level : {"unknown", "low", "elevated", "high"}
    value : float
        Risk in [0, 1].
    latched : bool
        A factor is required until one is passed.
    grant_age_s : float or None
        Seconds since a factor was passed. None without a grant that counts.
    proof_age_s : float or None
        Seconds since the browser proved by its key which browser it is. None without a proof that counts.
    keyless : bool
        The grant was given to a browser that could make no key.
    lone_code : bool
        The grant was given for one recovery code alone.
    """

    level: Level = "unknown"
    value: float = 0.5
    latched: bool = False
    grant_age_s: float | None = None
    proof_age_s: float | None = None
    keyless: bool = False
    lone_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Conditions under which a view runs.

    Attributes
    ----------
    max_risk : float
        Highest risk in [0, 1].
    grant_s : float
        Highest age of a grant or a proof, in seconds.
    keyless_s : float
        Highest age of the grant of a browser that could make no key, in seconds.
    always : bool
        Only a grant opens the view.
    wants_movement : bool
        The view set a limit of its own, so an *unknown* session is asked, too.
    movement_earns : bool
        Good movement opens the view without a factor (``ZEROTRUST_NEW_BROWSER = "movement"``).
    changes_factors : bool
        The view changes factors, so a grant for one recovery code alone does not open it.
    """

    max_risk: float
    grant_s: float
    keyless_s: float
    always: bool = False
    wants_movement: bool = False
    movement_earns: bool = False
    changes_factors: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Result of :func:`decide`: whether the view runs, and a stable word for the reason."""

    allowed: bool
    reason: Literal[
        "grant",
        "proof",
        "risk",
        "always",
        "latched",
        "high",
        "above_max_risk",
        "unknown",
        "new_browser",
    ]


def decide(standing: Standing, terms: Terms) -> Decision:
    """Decide on one request from the session's standing and the view's terms.

    A young grant opens every view, except that one recovery code alone changes no factors. Movement that
    looks like a machine, a replay or another person takes trust away. Otherwise a fresh proof by the
    browser's key opens the view, or the longer grant of a browser without a key. Good movement alone opens
    it only if ``terms.movement_earns`` is set.
    """
    age = standing.grant_age_s
    enough = not (terms.changes_factors and standing.lone_code)
    if age is not None and age <= terms.grant_s and enough:
        return Decision(True, "grant")
    vetoed = _veto(standing, terms)
    if vetoed is not None:
        return vetoed
    if standing.proof_age_s is not None and standing.proof_age_s <= terms.grant_s:
        return Decision(True, "proof")
    if standing.keyless and age is not None and age <= terms.keyless_s:
        return Decision(True, "grant")
    if not terms.movement_earns:
        return Decision(False, "new_browser")
    return Decision(False, "unknown") if standing.level == "unknown" else Decision(True, "risk")


def _veto(standing: Standing, terms: Terms) -> Decision | None:
    """Return the reason for which only a code helps, or None."""
    if terms.always:
        return Decision(False, "always")
    if standing.latched:
        return Decision(False, "latched")
    if standing.level == "high":
        return Decision(False, "high")
    if standing.level == "unknown":
        return Decision(False, "unknown") if terms.wants_movement else None
    return Decision(False, "above_max_risk") if standing.value > terms.max_risk else None


def would_prove(standing: Standing, terms: Terms) -> bool:
    """Return whether a proof made now would open the view."""
    return decide(replace(standing, proof_age_s=0.0), terms).allowed
