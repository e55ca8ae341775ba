"""Which recordings a report is about, and what part each plays in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from flask_zerotrust import simulate
from flask_zerotrust.errors import RecordingError
from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings import files as recordings
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.browser import Device, render
from flask_zerotrust.simulate.rough import Rough
from research import recipe
from research.borrowed import MORPHS, morphs, replays

#: Seed of the simulated bots of a report; the model that ships was trained on another.
SEED = 20261123
# Visits of each simulated family.
VISITS = 20
SLIDER = "slider-captcha-1500.txt.gz"
CALIBRATED = "kh2017 (thresholds set on)"
WEB_APPLICATION = "dlrv (high_at set on)"
LEAK = "replay"
#: The people held out, once more, on machines that are busy: moves come late and in lumps.
STUTTERED = "sapimouse (delivered late, in lumps)"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Recordings with the parts they play.

    Attributes
    ----------
    recordings : sequence of Recording
    apart : dict
        Sources of people or bots that are shown but pooled with no other, with the reason.
    borrowed : frozenset
        Sources made from recordings of people: not unseen generators, and not people.
    leak : tuple of (str, str) or None
        Source of people, and of their moved and rendered replays, for the leak check.
    seed : int or None
        Of what was simulated for the report.
    """

    recordings: Sequence[Recording]
    apart: dict[str, str] = field(default_factory=dict)
    borrowed: frozenset[str] = frozenset()
    leak: tuple[str, str] | None = None
    seed: int | None = None


def given(found: Iterable[Recording]) -> Corpus:
    """Return labelled recordings that a user names; those without a label are left out."""
    borrowed = frozenset({"replay", *(f"morph-{name}" for name in MORPHS)})
    listed = [r for r in found if r.label in ("human", "bot") or r.source in borrowed]
    return Corpus(listed, borrowed=borrowed)


def published(folder: str | Path) -> Corpus:
    """Return everything that the model that ships is measured on, from the published archives."""
    folder = Path(folder)
    people = list(recipe.held_out(folder))
    known = [r for r in people if r.source == "sapimouse"]
    ours = [*_ours(), *_made_over(known)]
    return Corpus(
        [
            *people,
            *_calibration(folder),
            *_web_application(folder),
            *datasets.slider(folder / SLIDER),
            *_generators(folder),
            *ours,
            *stuttered(known),
        ],
        apart={
            CALIBRATED: "thresholds were set on these people",
            WEB_APPLICATION: "high_at was set on these people",
            "slider": "drags on a coarse lattice; bots by unknown means",
            STUTTERED: "the same people, on simulated busy machines",
        },
        borrowed=frozenset({LEAK, *(f"morph-{name}" for name in MORPHS)}),
        leak=("sapimouse", LEAK),
        seed=SEED,
    )


def stuttered(people: Iterable[Recording]) -> Iterator[Recording]:
    """Yield people as a page on a busy machine would have got them: waits of 10 to 90 ms, irregular."""
    for number, recording in enumerate(people):
        rng = np.random.default_rng((SEED, 2, number))
        late = render(recording, rng=rng, device=stuttering_device(rng))
        yield replace(late, source=STUTTERED)


def stuttering_device(rng: np.random.Generator) -> Device:
    """Draw a device whose moves arrive late, in irregular lumps of 10 to 90 ms."""
    rough = Rough(
        held_ms=float(np.exp(rng.uniform(np.log(10.0), np.log(90.0)))),
        held_sd=float(rng.uniform(0.3, 0.9)),
        lumped=bool(rng.random() < 0.5),
    )
    return replace(Device.draw(rng), base_ms=17.0, rough=rough)


def _calibration(folder: Path) -> Iterator[Recording]:
    return (replace(r, source=CALIBRATED) for r in recipe.calibration(folder))


def _web_application(folder: Path) -> Iterator[Recording]:
    return (replace(r, source=WEB_APPLICATION) for r in recordings.read(folder / recipe.DLRV))


def _generators(folder: Path) -> Iterator[Recording]:
    found = sorted(map(str, folder.glob("bots/*.jsonl.gz")))
    if not found:
        raise RecordingError(str(folder / "bots"), "holds no public generators (*.jsonl.gz)")
    return recordings.read(found)


def _ours() -> Iterator[Recording]:
    return recipe.bots(seed=SEED, n=VISITS * len(simulate.families()))


def _made_over(people: list[Recording]) -> Iterator[Recording]:
    rng = np.random.default_rng((SEED, 1))
    yield from replays(people, rng=rng)
    short = [r for r in people if r.session.endswith("1min")]
    for name in MORPHS:
        yield from morphs(short, rng=rng, kinds=[name])
