"""Figures a sceptic accepts: by data set and by family, counted by person, the trivial rule beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.assess import Scorer
from flask_zerotrust.risk.level import Policy
from flask_zerotrust.simulate.browser import render
from flask_zerotrust.training.evaluate import COUNTS, score_session, upper_bound
from flask_zerotrust.training.fit import Artefact
from flask_zerotrust.training.table import Floats, features, group_of

#: Public generators and the family of ours that uses the same algorithm; what is missing here is
#: an unseen algorithm, what is present an unseen implementation.
SIBLINGS = {
    "ghost_cursor_js": "bezier",
    "ghost_cursor_js_ts": "bezier",
    "oxymouse_bezier": "bezier",
    "oxymouse_gaussian": "gaussian_process",
    "pyclick": "bezier",
    "straight_const": "linear",
    "windmouse_py": "wind",
}
_FALSE_POSITIVES = (0.01, 0.001)


def report(
    recordings: Iterable[Recording],
    scorer: Scorer,
    *,
    seed: int = 0,
    jobs: int = 1,
    families: Sequence[str] = (),
) -> dict[str, Any]:
    """Return JSON-able figures of a model on labelled recordings.

    People are scored as captured and once more rendered, bots rendered only (no page ever sees a
    generator's own times). ``families`` names those the model was trained on.
    """
    listed = [r for r in recordings if r.label in ("human", "bot")]
    views = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_views)(r, scorer, (seed, i)) for i, r in enumerate(listed)
    )
    captured = [v[0] for r, v in zip(listed, views, strict=True) if r.label == "human"]
    rendered = [v[-1] for v in views]
    return {
        "people": _by_source(captured, _people),
        "people_rendered": _by_source([r for r in rendered if r["label"] == "human"], _people),
        "bots": {
            name: {"kind": kind(name, families), **figures}
            for name, figures in _by_source([r for r in rendered if r["label"] == "bot"], _bots).items()
        },
        "roc": _roc(rendered),
        "calibration_error": _calibration_error(rendered),
        "trivial": trivial(listed, seed=seed),
    }


def kind(name: str, families: Sequence[str]) -> str:
    """Return how new a generator is to a model trained on some families."""
    if name in families:
        return "seen"
    return "unseen implementation" if SIBLINGS.get(name) in families else "unseen algorithm"


def _views(recording: Recording, scorer: Scorer, seed: tuple[int, int]) -> list[dict[str, Any]]:
    shown = score_session(recording, scorer, render_rng=np.random.default_rng(seed))
    return [shown] if recording.label == "bot" else [score_session(recording, scorer), shown]


def _by_source(lines: list[dict[str, Any]], figures: Any) -> dict[str, Any]:
    sets: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        sets[line["source"]].append(line)
    return {name: figures(found) for name, found in sorted(sets.items())}


def _people(lines: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "sessions": len(lines),
        "people": len({_person(line) for line in lines}),
        "strokes": sum(line["strokes"] for line in lines),
    }
    for count in (*map(str, COUNTS), "all"):
        reached = [line for line in lines if count in line["after"]]
        if reached:
            out[count] = _false_step_ups(reached, count)
    return out


def _false_step_ups(lines: list[dict[str, Any]], count: str) -> dict[str, Any]:
    asked = [line for line in lines if line["after"][count]["step_up"]]
    people, stopped = {_person(v) for v in lines}, {_person(v) for v in asked}
    return {
        "sessions": len(lines),
        "step_ups": len(asked),
        "share": _share(len(asked), len(lines)),
        "people": len(people),
        "people_stepped_up": len(stopped),
        "upper_95_by_person": round(upper_bound(len(stopped), len(people)), 4),
        "levels": _levels(lines, count),
    }


def _bots(lines: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"sessions": len(lines), "without_strokes": sum(not v["strokes"] for v in lines)}
    for count in (*map(str, COUNTS), "all"):
        reached = [line for line in lines if count in line["after"]]
        if reached:
            asked = sum(line["after"][count]["step_up"] for line in reached)
            out[count] = {
                "sessions": len(reached),
                "step_ups": asked,
                "share": _share(asked, len(reached)),
                "levels": _levels(reached, count),
            }
    return out


def _roc(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return, by number of strokes, the AUC and the share of bots stopped at fixed shares of people."""
    out: dict[str, Any] = {}
    for count in map(str, COUNTS):
        reached = [line for line in lines if count in line["after"]]
        bot = np.array([line["label"] == "bot" for line in reached], dtype=np.bool_)
        if 0 < bot.sum() < bot.size:
            value = np.array([line["after"][count]["risk"] for line in reached])
            out[count] = {
                "people": int((~bot).sum()),
                "bots": int(bot.sum()),
                "auc": round(float(roc_auc_score(bot, value)), 4),
                **{f"tpr_at_fpr_{f:g}": _tpr(value[~bot], value[bot], f) for f in _FALSE_POSITIVES},
            }
    return out


def _tpr(people: Floats, bots: Floats, share: float) -> float:
    cut = np.quantile(people, 1.0 - share, method="higher")
    return round(float((bots > cut).mean()), 4)


def _calibration_error(lines: list[dict[str, Any]], bins: int = 15) -> float:
    """Return the expected calibration error of the final risk, people and bots weighing alike."""
    value = np.array([line["after"]["all"]["risk"] for line in lines])
    bot = np.array([line["label"] == "bot" for line in lines], dtype=np.float64)
    if not 0 < bot.sum() < bot.size:
        return 0.0
    weight = np.where(bot > 0, 0.5 / bot.sum(), 0.5 / (1.0 - bot).sum())
    place = np.minimum((value * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, weight * (value - bot), bins)
    return round(float(np.abs(gap).sum()), 4)


def trivial(recordings: Sequence[Recording], *, seed: int) -> dict[str, Any]:
    """Return what sampling rate and screen extent alone reach, natively: two folds, by person and family.

    A small boosted model on the median time between moves and the two spans, a session a row.
    """
    rows = np.array([_rate_and_extent(r) for r in recordings])
    bot = np.array([r.label == "bot" for r in recordings], dtype=np.bool_)
    groups = np.array([group_of(r) for r in recordings])
    if min(np.unique(groups[bot]).size, np.unique(groups[~bot]).size) < 2:
        return {"auc": None}
    said = np.zeros(bot.size)
    for fitted, held in GroupKFold(2, shuffle=True, random_state=seed).split(rows, bot, groups):
        model = HistGradientBoostingClassifier(max_depth=3, max_iter=50, random_state=seed)
        said[held] = model.fit(rows[fitted], bot[fitted]).decision_function(rows[held])
    return {
        "auc": round(float(roc_auc_score(bot, said)), 4),
        **{f"tpr_at_fpr_{f:g}": _tpr(said[~bot], said[bot], f) for f in _FALSE_POSITIVES},
        "by_family": {
            name: round(float(roc_auc_score(bot[here], said[here])), 4)
            for name in np.unique(groups[bot]).tolist()
            for here in [~bot | (groups == name)]
        },
    }


def _rate_and_extent(recording: Recording) -> list[float]:
    steps = np.diff(recording.t)
    steps = steps[(steps > 0) & (steps < 150.0)]
    return [
        float(np.median(steps)) if steps.size else 0.0,
        float(np.ptp(recording.x)) if len(recording) else 0.0,
        float(np.ptp(recording.y)) if len(recording) else 0.0,
    ]


def leak(people: Iterable[Recording], scorer: Scorer, *, seed: int) -> dict[str, Any]:
    """Return the AUC of the motion model for moved, re-rendered replays of people against the people.

    Both move alike, so anything far from 0.5 says that the model reads the renderer.
    """
    rng = np.random.default_rng(seed)
    own, again = [np.empty(0)], [np.empty(0)]
    for recording in people:
        own.append(scorer.log_odds(features(recording)))
        again.append(scorer.log_odds(features(render(recording, rng=rng))))
    said, replayed = np.concatenate(own), np.concatenate(again)
    auc = roc_auc_score(np.repeat([0, 1], [said.size, replayed.size]), np.concatenate([said, replayed]))
    return {"auc": round(float(auc), 4), "strokes": int(said.size), "replayed": int(replayed.size)}


def held_out_families(artefact: Artefact, *, rough: bool = False) -> dict[str, Any]:
    """Return what models that never saw a family (nor those people) say of it, by number of strokes.

    From the folds of the fit: every family is an unseen algorithm to the model that scores it. The
    policy is the shipped one. ``rough``: of the captures under bad conditions instead of the others.
    """
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for count in COUNTS[1:]:
        runs = artefact.held_out(count, rough=rough)
        states = runs.states(artefact.policy)
        for group, bot, state in zip(runs.group.tolist(), runs.bot, states, strict=True):
            name = f"bots:{group}" if bot else f"people:{group.split('/')[0]}"
            found[name][str(count)].append(_stopped(state, artefact.policy))
    return {
        name: {
            count: {"stretches": len(v), "step_ups": sum(v), "share": _share(sum(v), len(v))}
            for count, v in counts.items()
        }
        for name, counts in sorted(found.items())
    }


def _stopped(state: risk.RiskState, policy: Policy) -> bool:
    return risk.level(state, policy) in ("unknown", "high") or risk.value(state, policy) > policy.high_at


def _person(line: dict[str, Any]) -> str:
    return f"{line['source']}/{line['user'] or line['session']}"


def _levels(lines: list[dict[str, Any]], count: str) -> dict[str, int]:
    levels: NDArray[np.str_] = np.array([line["after"][count]["level"] for line in lines])
    return {name: int((levels == name).sum()) for name in ("low", "elevated", "unknown", "high")}


def _share(part: int, of: int) -> float:
    return round(part / of, 4) if of else 0.0
