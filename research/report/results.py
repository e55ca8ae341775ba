"""Puts the whole report together: one JSON-able dictionary from which every page is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import joblib
import numpy as np

from flask_zerotrust.risk.assess import Scorer
from flask_zerotrust.risk.level import Policy
from flask_zerotrust.training.evaluate import COUNTS
from research.figures import kind
from research.report import baseline, curves, intervals, sessions
from research.report.corpus import Corpus
from research.report.curves import Scores
from research.report.trace import Trace, evidence, rate_and_extent, trace

#: Layout of report.json; raised whenever a key changes its meaning.
SCHEMA = 1
Progress = Callable[[str, int, int], None]
#: By number of strokes, what the trivial rule says of the stretches of every trace, by its identity.
Rules = dict[int, dict[int, intervals.Floats] | None]


def build(
    corpus: Corpus,
    scorer: Scorer,
    *,
    seed: int = 1,
    jobs: int = 1,
    manifest: dict[str, Any] | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the report on a model.

    Parameters
    ----------
    manifest : dict, optional
        Of the bundle: names the families it was trained on, and holds what can only be had by
        fitting again (families held out).
    sha256 : str, optional
        Of that manifest, so that a report is known by the model it measures.
    """
    manifest = manifest or {}
    families = manifest.get("provenance", {}).get("bots", {}).get("families", [])
    captured, rendered = _traces(corpus, scorer, seed=seed, jobs=jobs, progress=progress)
    people = [one for one in rendered if one.label == "human"]
    bots = [one for one in rendered if one.label != "human"]
    kinds = {one.source: _kind(one.source, corpus, families) for one in bots}
    pooled = [one for one in people if one.source not in corpus.apart]
    groups = _groups(bots, kinds)
    rules = {count: _trivial(pooled, bots, count, seed) for count in COUNTS}
    return {
        "schema": SCHEMA,
        "model": {"name": manifest.get("name"), "sha256": sha256},
        "method": _method(seed, scorer.policy) | {"seed_of_simulated": corpus.seed},
        "apart": dict(sorted(corpus.apart.items())),
        "people": {
            "captured": _sets([one for one in captured if one.label == "human"], seed, persons=True),
            "rendered": _sets(people, seed, persons=True),
        },
        "bots": {
            name: {"kind": kinds[name], **found} for name, found in _sets(bots, seed, persons=False).items()
        },
        "means": _means(groups, seed),
        "curves": _curves(pooled, groups, rules, scorer, seed),
        "by_family": _by_family(pooled, bots, rules, scorer, seed),
        "reliability": _reliability(pooled, groups.get("public generators", []), seed),
        "leak": _leak(corpus, captured, bots, seed),
        "held_out_families": manifest.get("metrics", {}).get("held_out_families", {}),
    }


def _traces(
    corpus: Corpus, scorer: Scorer, *, seed: int, jobs: int, progress: Progress | None
) -> tuple[list[Trace], list[Trace]]:
    """Return all sessions rendered, and people as captured too."""
    tasks = [(r, (seed, i)) for i, r in enumerate(corpus.recordings)]
    found = joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=8)(
        joblib.delayed(_both)(r, scorer, one) for r, one in tasks
    )
    captured, rendered = [], []
    for done, (first, second) in enumerate(found, 1):
        rendered.append(second)
        if first is not None:
            captured.append(first)
        if progress is not None:
            progress("sessions", done, len(tasks))
    return captured, rendered


def _both(recording: Any, scorer: Scorer, seed: tuple[int, int]) -> tuple[Trace | None, Trace]:
    own = trace(recording, scorer) if recording.label == "human" else None
    return own, trace(recording, scorer, render_seed=seed)


def _kind(name: str, corpus: Corpus, families: Sequence[str]) -> str:
    if name in corpus.borrowed:
        return "made from recordings"
    if name in corpus.apart:
        return "apart"
    return kind(name, families)


def _groups(bots: list[Trace], kinds: dict[str, str]) -> dict[str, list[Trace]]:
    found = {
        name: [one for one in bots if kinds[one.source] in among]
        for name, among in {
            "public generators": ("unseen implementation", "unseen algorithm"),
            "unseen implementation": ("unseen implementation",),
            "unseen algorithm": ("unseen algorithm",),
            "seen": ("seen",),
            "made from recordings": ("made from recordings",),
        }.items()
    }
    return {name: traces for name, traces in found.items() if traces}


def _method(seed: int, policy: Policy) -> dict[str, Any]:
    return {
        "seed": seed,
        "rounds": intervals.ROUNDS,
        "confidence": intervals.CONFIDENCE,
        "bins": curves.BINS,
        "counts": list(COUNTS),
        "policy": {name: getattr(policy, name) for name in ("early_at", "unclear_at", "high_at")},
    }


def _sets(traces: list[Trace], seed: int, *, persons: bool) -> dict[str, Any]:
    return {
        name: sessions.figures(found, seed=seed, persons=persons)
        for name, found in sessions.by_source(traces).items()
    }


def _means(groups: dict[str, list[Trace]], seed: int) -> dict[str, Any]:
    return {
        name: {
            str(count): {
                claim: sessions.mean_share(
                    list(sessions.by_source(found).values()), str(count), claim, seed=seed
                )
                for claim in ("asked", "high")
            }
            for count in COUNTS
        }
        for name, found in groups.items()
    }


def _evidence(traces: Sequence[Trace], scorer: Scorer, count: int) -> Scores:
    return Scores.of([(_cluster(one), evidence(one, scorer, count)) for one in traces])


def _cluster(one: Trace) -> str:
    """Name whom a stretch counts under: a person of one data set, or one session of a bot."""
    return f"{one.source}/{one.person}" if one.label == "human" else f"{one.source}/{one.session}"


def _curves(
    people: list[Trace], groups: dict[str, list[Trace]], rules: Rules, scorer: Scorer, seed: int
) -> dict[str, Any]:
    out: dict[str, Any] = {name: {} for name in groups}
    for count in COUNTS:
        own = _evidence(people, scorer, count)
        for name, found in groups.items():
            theirs = _evidence(found, scorer, count)
            if own.value.size and theirs.value.size:
                out[name][str(count)] = _against(own, theirs, seed) | {
                    "curve": curves.thinned(*curves.points(own.value, theirs.value)),
                    "trivial": _rule(rules[count], people, found, seed),
                }
    return out


def _against(people: Scores, bots: Scores, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng((seed, 7))
    return {
        "stretches_of_people": int(people.value.size),
        "people": people.clusters,
        "stretches_of_bots": int(bots.value.size),
        "sessions_of_bots": bots.clusters,
        **curves.auc(people, bots, rng=rng),
        "at": {str(f): curves.stopped(people, bots, f, rng=rng) for f in curves.FALSE_ALARMS},
    }


def _trivial(
    people: list[Trace], bots: list[Trace], count: int, seed: int
) -> dict[int, intervals.Floats] | None:
    """Return what the trivial rule says of every trace's stretches, by the trace's identity."""
    both = [*people, *bots]
    rows = [rate_and_extent(one, count) for one in both]
    sizes = [len(part) for part in rows]
    bot = np.repeat([one.label != "human" for one in both], sizes)
    group = np.repeat([_cluster(one) if one.label == "human" else one.source for one in both], sizes)
    if not group.size:
        return None
    said = baseline.scores(np.concatenate(rows), bot, group, seed=seed)
    if said is None:
        return None
    parts = np.split(said, np.cumsum(sizes)[:-1])
    return {id(one): part for one, part in zip(both, parts, strict=True)}


def _rule(
    rule: dict[int, intervals.Floats] | None, people: list[Trace], bots: list[Trace], seed: int
) -> dict[str, Any] | None:
    if rule is None:
        return None
    own, theirs = (Scores.of([(_cluster(v), rule[id(v)]) for v in side]) for side in (people, bots))
    return _against(own, theirs, seed)


def _by_family(
    people: list[Trace], bots: list[Trace], rules: Rules, scorer: Scorer, seed: int
) -> dict[str, Any]:
    """Return, for each family and number of strokes, what is stopped where few people are."""
    out: dict[str, Any] = {}
    for count in COUNTS:
        own = _evidence(people, scorer, count)
        for name, found in sessions.by_source(bots).items():
            theirs = _evidence(found, scorer, count)
            if own.value.size and theirs.value.size:
                rng = np.random.default_rng((seed, count))
                out.setdefault(name, {})[str(count)] = {
                    str(f): curves.stopped(own, theirs, f, rng=rng) for f in curves.FALSE_ALARMS
                } | {"trivial": _rule(rules[count], people, found, seed)}
    return out


def _reliability(people: list[Trace], bots: list[Trace], seed: int) -> dict[str, Any] | None:
    """Return how well the final risk is calibrated, people and bots weighing alike."""
    if not people or not bots:
        return None
    value = np.array([one.after["all"].value for one in (*people, *bots)])
    bot = np.repeat([False, True], [len(people), len(bots)])
    names, person = np.unique([_cluster(one) for one in people], return_inverse=True)
    rng = np.random.default_rng((seed, 8))
    left = intervals.draws(names.size, rng=rng)[:, person]
    right = intervals.draws(len(bots), rng=rng)
    drawn = np.array(
        [
            curves.reliability(value, bot, np.concatenate([a / a.sum(), b / b.sum()]) / 2.0)["ece"]
            for a, b in zip(left, right, strict=True)
        ]
    )
    weight = np.where(bot, 0.5 / len(bots), 0.5 / len(people))
    return curves.reliability(value, bot, weight) | {
        "interval": curves.rounded(intervals.percentiles(drawn)),
        "people": len(people),
        "bots": len(bots),
    }


def _leak(corpus: Corpus, captured: list[Trace], bots: list[Trace], seed: int) -> dict[str, Any] | None:
    """Return whether the model alone tells moved, rendered replays of people from the people."""
    if corpus.leak is None:
        return None
    people, replays = corpus.leak
    own = Scores.of([(one.person, one.said) for one in captured if one.source == people])
    again = Scores.of([(one.person, one.said) for one in bots if one.source == replays])
    if own.clusters != again.clusters or not own.clusters:
        return None
    rng = np.random.default_rng((seed, 9))
    return curves.auc(own, again, rng=rng, paired=True) | {
        "people": own.clusters,
        "strokes": int(own.value.size),
        "replayed": int(again.value.size),
    }
