"""A site's own cut-offs: how strict a model may be so that few of its people are asked for a code."""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flask_zerotrust import simulate
from flask_zerotrust.bundles import MANIFEST
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.assess import Scorer
from flask_zerotrust.risk.level import Policy
from flask_zerotrust.risk.model import ARRAYS, BundleScorer
from flask_zerotrust.simulate.browser import render
from flask_zerotrust.training.evaluate import HALF_LIFE_S, score_session, upper_bound

#: Confidence of every bound.
CONFIDENCE = 0.95
#: Seed of the simulated bots that show the cost of cut-offs. No model is trained with it.
BOTS_SEED = 20_261_123
#: So many of them, in equal parts of every family, each with so many strokes.
BOTS, BOT_STROKES = 105, 12

# Cut-offs are kept to a millionth, rounded up.
_STEP = 1e-6
_CUTS = ("early_at", "elevated_at", "unclear_at", "high_at", "early_high_at", "window_high_at")


@dataclass(frozen=True, slots=True)
class Visit:
    """The worst that a policy saw of one visit, in log-odds. Minus infinity where nothing.

    Attributes
    ----------
    person : str
        Whose visit it is. A visit without a user is a person of its own.
    strokes : int
    early, settled, ever : float
        Highest log-odds of a bot while there was little evidence, while there was enough (with what the
        policy asks of many strokes), and at all.
    window : float
        Highest mean of a recent window.
    """

    person: str
    strokes: int
    early: float
    settled: float
    ever: float
    window: float


@dataclass(frozen=True, slots=True)
class Count:
    """How many people and visits there were, and how many would have been asked because of movement.

    ``share`` is that of the average person, ``upper_95`` its exact one-sided upper bound, for which
    the visits of one person are one witness.
    """

    people: int
    visits: int
    people_asked: int
    visits_asked: int
    share: float
    upper_95: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """New cut-offs, and their basis.

    ``shift`` is how far the cut-offs moved, in log-odds: positive is looser. ``before`` and ``after``
    count visits of this site under the old and the new cut-offs. ``early`` those asked during the first
    strokes under the new ones. ``too_short`` visits had too few strokes to say anything.
    """

    policy: Policy
    shift: float
    wanted: float
    before: Count
    after: Count
    early: Count
    too_short: int


def needed(share: float) -> int:
    """Return how many people it takes to promise a share: none of them asked bounds it from above."""
    return math.ceil(math.log(1.0 - CONFIDENCE) / math.log1p(-share))


def smallest(people: int) -> float:
    """Return the smallest share that so many people can bound."""
    return upper_bound(0, people, confidence=CONFIDENCE)


def watch(recording: Recording, scorer: Scorer, *, half_life_s: float = HALF_LIFE_S) -> Visit:
    """Return the worst moments of a visit. Strokes are scored and added up as ``score`` does it."""
    policy, state = scorer.policy, risk.RiskState()
    early = settled = ever = window = -math.inf
    strokes = 0
    for batch in batches(recording):
        now = batch.sent_ms / 1_000.0
        scores = assess.score(batch, scorer=scorer)
        for after in assess.follow(scores, state, scorer=scorer, now=now, half_life_s=half_life_s):
            state = after
            strokes += 1
            at = policy.prior_log_odds + risk.movement(state, policy)
            ever, window = max(ever, at), max(window, state.worst)
            if state.weight >= policy.settled_strokes - 0.5:
                settled = max(settled, at + risk.settled(state, policy))
            elif state.weight >= policy.min_weight:
                early = max(early, at)
    person = f"user {recording.user}" if recording.user is not None else f"session {recording.session}"
    return Visit(f"{recording.source}: {person}", strokes, early, settled, ever, window)


def find(
    visits: Iterable[Visit], policy: Policy, *, max_false_step_ups: float, tighten: bool = False
) -> Calibration:
    """Return the strictest cut-offs that ask at most this share of people, with 95 % confidence.

    All cut-offs move together, by one shift in log-odds, so that the bound is exact: the shift is an order
    statistic of what the people need (a distribution-free tolerance limit, Wilks, 1941). It is never
    negative, which would ask more people than the model does, unless ``tighten`` says so.

    Raises
    ------
    ConfigError
        With too few people to promise the share, saying how many it takes.
    """
    listed = list(visits)
    scores = [v for v in listed if v.settled > -math.inf]
    people = len({v.person for v in scores})
    _check_enough(people, len(listed) - len(scores), max_false_step_ups)
    lowest = -math.inf if tighten else 0.0
    shifts = sorted({max(lowest, _shift(v, policy)) for v in scores} | (set() if tighten else {0.0}))
    # The looser, the fewer are asked. With the last one nobody is.
    enough = bisect.bisect_left(
        shifts,
        True,
        key=lambda s: _asked(scores, _loosened(policy, s)).upper_95 <= max_false_step_ups,
    )
    shift = shifts[enough]
    after = _loosened(policy, shift)
    return Calibration(
        policy=after,
        shift=shift,
        wanted=max_false_step_ups,
        before=_asked(scores, policy),
        after=_asked(scores, after),
        early=_count(
            [v for v in scores if v.early > -math.inf], lambda v: v.early >= _logit(after.early_at)
        ),
        too_short=len(listed) - len(scores),
    )


def asked(visit: Visit, policy: Policy) -> bool:
    """Say whether a view would have asked, at the worst moment, because of the movement.

    The first strokes, in which little evidence is reason enough, do not count, unless they are *high*.
    """
    return (
        visit.settled >= _logit(policy.unclear_at)
        or visit.ever >= _logit(policy.early_high_at)
        or visit.window >= policy.window_high_at
    )


def moved(policy: Policy, shift: float) -> Policy:
    """Return the policy with all cut-offs moved by a shift in log-odds. Positive is looser."""
    cuts: dict[str, Any] = {name: _sigmoid(_logit(getattr(policy, name)) + shift) for name in _CUTS[:-1]}
    # A window of equal strokes moves the session's log-odds by so much.
    window = policy.window_high_at + shift / (policy.temper * policy.window)
    return replace(policy, **cuts, window_high_at=_up(window))


def bots_stopped(
    scorers: Sequence[Scorer], *, n: int = BOTS, seed: int = BOTS_SEED
) -> list[dict[str, Any]]:
    """Return, for each scorer, how many simulated bots are asked, after 5 strokes and at the end.

    The families are those a model is trained on, so the figures flatter. Only their difference counts.
    """
    stopped: list[dict[str, Any]] = [{"bots": 0, "after_5": 0, "at_end": 0} for _ in scorers]
    made = simulate.bots(n, rng=np.random.default_rng(seed), strokes=BOT_STROKES)
    for number, bot in enumerate(made):
        shown = render(bot, rng=np.random.default_rng([seed, number]))
        for row, scorer in zip(stopped, scorers, strict=True):
            after = score_session(shown, scorer)["after"]
            row["bots"] += 1
            row["after_5"] += after.get("5", after["all"])["step_up"]
            row["at_end"] += after["all"]["step_up"]
    return stopped


def original(scorer: BundleScorer) -> Policy:
    """Return the policy of a model before any calibration: calibrating again starts afresh."""
    before = scorer.manifest.get("calibration", {}).get("cut_offs_before", {})
    return replace(scorer.policy, **before)


def write(
    folder: Path, model: Path, found: Calibration, *, before: Policy, provenance: dict[str, Any]
) -> str:
    """Write the model's arrays under a manifest with the new cut-offs. Return the manifest's SHA-256."""
    if folder.resolve() == model.resolve():
        raise ConfigError(f"--out must be another folder than the model's own, {folder}.")
    manifest = json.loads((model / MANIFEST).read_bytes())
    manifest["policy"] = asdict(found.policy)
    manifest["calibration"] = {
        "max_false_step_ups": found.wanted,
        "shift_log_odds": round(found.shift, 6),
        "cut_offs_before": {name: getattr(before, name) for name in _CUTS},
        "of_model": hashlib.sha256((model / MANIFEST).read_bytes()).hexdigest(),
        **provenance,
    }
    text = (json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARRAYS).write_bytes((model / ARRAYS).read_bytes())
    (folder / MANIFEST).write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def summary(found: Calibration) -> dict[str, Any]:
    """Return the counts as JSON, for the manifest and for ``--json``."""
    return {
        "site_before": asdict(found.before),
        "site_after": asdict(found.after),
        "site_first_strokes": asdict(found.early),
        "too_short": found.too_short,
    }


def sentences(found: Calibration) -> list[str]:
    """Return the result, in words."""
    after, early = found.after, found.early
    where = (
        "stay as they are"
        if not found.shift
        else f"move by {found.shift:+.2f} in log-odds ({'looser' if found.shift > 0 else 'stricter'})"
    )
    return [
        f"The cut-offs {where}.",
        f"Asked for a code because of movement: {after.visits_asked} of {after.visits} visits, "
        f"{after.people_asked} of {after.people} people (before: {found.before.visits_asked} visits).",
        f"Of the average person's visits that is at most {after.upper_95:.2%} with 95 % confidence "
        f"({found.wanted:.2%} wanted).",
        f"During the first strokes: {early.visits_asked} of {early.visits} visits. "
        f"{found.too_short} visits had too few strokes to count.",
    ]


def warnings(found: Calibration, cost: Sequence[dict[str, Any]]) -> list[str]:
    """Return warnings for the operator before looser cut-offs are used."""
    if not cost or not found.shift:
        return []
    (old, new), n = cost, max(1, cost[0]["bots"])
    lost = max(old["after_5"] - new["after_5"], old["at_end"] - new["at_end"])
    log_odds = (
        f"Simulated bots asked for a code: {new['after_5']} of {n} after 5 strokes and {new['at_end']} at "
        f"the end; with the model's own cut-offs {old['after_5']} and {old['at_end']}."
    )
    if lost <= 0:
        return [log_odds]
    return [
        "Warning: looser cut-offs let more bots pass. " + log_odds,
        "If these visits may hold bots, leave them out and calibrate again; if they are people, a model "
        "trained with them costs less than looser cut-offs.",
    ]


def _check_enough(people: int, too_short: int, share: float) -> None:
    if people >= needed(share):
        return
    least = math.ceil(smallest(people) * 1_000) / 1_000
    can = f" With those, the smallest is --max-false-step-ups {least:g}." if people else ""
    raise ConfigError(
        f"To promise at most {share:.3g} false step-ups it takes visits of {needed(share)} people, none of "
        f"them asked; there are {people} ({too_short} visits were too short to count).{can} The visits of "
        "one user are one witness; a visit without a user is a person of its own."
    )


def _loosened(policy: Policy, shift: float) -> Policy:
    """Return cut-offs just above the risks of a visit that needs this shift. No shift changes nothing."""
    return moved(policy, shift + 2 * _STEP) if shift else policy


def _asked(visits: Sequence[Visit], policy: Policy) -> Count:
    return _count(visits, lambda visit: asked(visit, policy))


def _count(visits: Sequence[Visit], is_asked: Callable[[Visit], bool]) -> Count:
    by_person: dict[str, list[bool]] = defaultdict(list)
    for visit in visits:
        by_person[visit.person].append(is_asked(visit))
    # Each person weighs the same: the sum of their shares, rounded up, plays the people asked.
    total = math.fsum(sum(item) / len(item) for item in by_person.values())
    people = len(by_person)
    return Count(
        people=people,
        visits=len(visits),
        people_asked=sum(any(item) for item in by_person.values()),
        visits_asked=sum(sum(item) for item in by_person.values()),
        share=total / people if people else 0.0,
        upper_95=upper_bound(math.ceil(total - 1e-9), people, confidence=CONFIDENCE),
    )


def _shift(visit: Visit, policy: Policy) -> float:
    """Return the shift beyond which this visit is not asked."""
    return max(
        visit.settled - _logit(policy.unclear_at),
        visit.ever - _logit(policy.early_high_at),
        (visit.window - policy.window_high_at) * policy.temper * policy.window,
    )


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _sigmoid(log_odds: float) -> float:
    return min(max(_up(1.0 / (1.0 + math.exp(-log_odds))), _STEP), 1.0 - _STEP)


def _up(value: float) -> float:
    return round(math.ceil(value / _STEP) * _STEP, 6)
