"""Public data sets of pointer movement, read in their own formats into recordings.

Each reader takes the archive as it was published or the folder it unpacks to, and yields sessions in
the order of their file names. User ids are unique within one data set only: people are told
apart by ``(source, user)``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.errors import ConfigError, RecordingError
from flask_zerotrust.recordings import files as recordings
from flask_zerotrust.recordings.archives import plain_text, tell, texts
from flask_zerotrust.recordings.files import Label, OnBad, Recording

#: Twenty SapiMouse people that nothing is ever trained on: the first twenty of the 70 ids, sorted as
#: numbers, after ``numpy.random.default_rng(20261122).permutation``.
SAPIMOUSE_HELD_OUT: tuple[str, ...] = (
    "55",
    "12",
    "21",
    "70",
    "57",
    "66",
    "16",
    "20",
    "1",
    "29",
    "59",
    "44",
    "53",
    "39",
    "11",
    "7",
    "42",
    "17",
    "9",
    "33",
)
#: The same for KH2017: fifteen people set thresholds, the other fifteen are reported on.
KH2017_CALIBRATE: tuple[str, ...] = (
    "1",
    "11",
    "33",
    "13",
    "21",
    "17",
    "41",
    "53",
    "39",
    "57",
    "19",
    "25",
    "59",
    "23",
    "55",
)
KH2017_REPORT: tuple[str, ...] = (
    "29",
    "31",
    "45",
    "47",
    "9",
    "27",
    "51",
    "7",
    "37",
    "3",
    "49",
    "5",
    "35",
    "43",
    "15",
)

_STATES = {"Move": "m", "Drag": "m", "Pressed": "d", "Released": "u", "Down": "w", "Up": "w"}
# Reported by a remote desktop for "outside". No screen reaches it.
_NOWHERE_PX = 65_535.0
_SLIDER_LABELS: dict[str, Label] = {"0": "bot", "1": "human"}
# Limits of a recording: data that says anything else would be written and could not be read again.
_CLOCK = f"between 0 and {recordings.MAX_T_MS:g} ms"
# A clock set back mid-session hides how long the pause was. A second ends any stroke.
_STITCH_MS = 1_000.0


def sapimouse(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Recording]:
    """Yield SapiMouse (Antal, Fejér & Buza, 2021): two visits a person, ``3min`` and ``1min``.

    Times and positions are those of the recording web page. The viewport, which was not recorded,
    is what the pointer reached.
    """
    for name, text in texts(path, wanted=".csv", on_bad=on_bad):
        place = PurePosixPath(name)
        user = _user(place)
        if not place.stem.startswith("session_") or user is None:
            continue
        table = _table(name, text, ("t", "button", "state", "x", "y"), on_bad)
        if table is None:
            continue
        length = place.stem.removeprefix("session_")
        yield _session(
            table, session=f"sapimouse-{user}-{length}", user=user, label="human", source="sapimouse"
        )


def balabit(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Recording]:
    """Yield the Balabit Mouse Dynamics Challenge (Fülöp, Kovács, Kurics & Windhager-Pokol, 2016).

    Training sessions are *human*. Test sessions carry the public label: *impostor* where somebody
    else used the account of ``user``, *human* where not, none where it was never published. Test
    sessions are named ``balabit-test-...``.
    """
    illegal: dict[str, Label] = {}
    for name, text in texts(path, wanted="", on_bad=on_bad):
        place = PurePosixPath(name)
        user = _user(place)
        if place.name == "public_labels.csv":
            illegal = _public_labels(name, text, on_bad)
        if user is None or not place.name.startswith("session_"):
            continue
        test = "test_files" in place.parts
        stage = "test" if test else "training"
        table = _table(name, text, ("recorded", "t", "button", "state", "x", "y"), on_bad, tick_ms=1_000.0)
        if table is None:
            continue
        yield _session(
            table,
            session=f"balabit-{stage}-{user}-{place.name.removeprefix('session_')}",
            user=user,
            label=illegal.get(place.name) if test else "human",
            source="balabit",
        )


def kh2017(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Recording]:
    """Yield KH2017 (Kieslich & Henninger, 2017), which comes in the project's own format."""
    return recordings.read(path, on_bad=on_bad)


def slider(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Recording]:
    """Yield the slider-captcha contest set: one drag a session, moves only.

    A line is ``id x,y,t;x,y,t;... target_x,target_y label``, with label 1 for human and 0 for bot.
    """
    for number, line in enumerate(plain_text(Path(path)).splitlines(), 1):
        try:
            yield _drag(line)
        except (ValueError, KeyError) as error:
            problem = f"must be 'id x,y,t;... target_x,target_y label', label 0 or 1, t {_CLOCK}"
            tell(on_bad, RecordingError(str(path), problem, line=number), error)


#: Parts of data sets that the project keeps apart: data set and part to (users, whether they are in it).
PARTS: dict[tuple[str, str], tuple[tuple[str, ...], bool]] = {
    ("sapimouse", "train"): (SAPIMOUSE_HELD_OUT, False),
    ("sapimouse", "held-out"): (SAPIMOUSE_HELD_OUT, True),
    ("kh2017", "calibrate"): (KH2017_CALIBRATE, True),
    ("kh2017", "report"): (KH2017_REPORT, True),
}


def part(dataset: str, name: str, found: Iterable[Recording]) -> Iterator[Recording]:
    """Yield the recordings of one part of a data set (see :data:`PARTS`), or of ``all`` of it.

    Raises
    ------
    ConfigError
        When the data set has no such part.
    """
    if name == "all":
        yield from found
        return
    if (dataset, name) not in PARTS:
        known = ["all", *(part for of, part in PARTS if of == dataset)]
        raise ConfigError(f"{dataset} has no part {name!r}; it has {', '.join(known)}.")
    users, inside = PARTS[dataset, name]
    yield from (recording for recording in found if (recording.user in users) == inside)


def _drag(line: str) -> Recording:
    name, path, _target, label = line.split(" ")
    points = np.array([p.split(",") for p in path.split(";") if p], dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError("not a list of x,y,t")
    if not _told(points[:, 2]):
        raise ValueError("no time of a page")
    x, y, t = points[np.argsort(points[:, 2], kind="stable")].T
    return Recording(
        session=f"slider-{int(name)}",
        user=None,
        label=_SLIDER_LABELS[label],
        source="slider",
        pointer="mouse",
        viewport=_reached(x, y),
        t=t,
        x=x,
        y=y,
        type="m" * t.size,
    )


Table = dict[str, NDArray[np.float64]]


def _table(
    name: str, text: str, columns: Sequence[str], on_bad: OnBad | None, *, tick_ms: float = 1.0
) -> Table | None:
    """Return t (ms), x, y and the letters of the events as code points, of the rows that can be read.

    None where there is not one: an empty file is no session.
    """
    rows = []
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        if not row or row[0].endswith("timestamp"):  # headers stand at the top and, at times, between
            continue
        if len(row) == len(columns) and _STATES.get(row[-3]):
            rows.append((number, row))
        else:
            tell(on_bad, RecordingError(name, f"must be {','.join(columns)}", line=number))
    planes = _numeric([row for _, row in rows], columns, tick_ms)
    if planes is None:
        rows = [pair for pair in rows if _readable(name, *pair, columns, on_bad, tick_ms)]
        planes = _numeric([row for _, row in rows], columns, tick_ms)
        assert planes is not None
    if not rows:
        tell(on_bad, RecordingError(name, "holds no events"))
        return None
    planes["letter"] = np.array([ord(_STATES[row[-3]]) for _, row in rows], dtype=np.float64)
    return planes


def _numeric(rows: list[list[str]], columns: Sequence[str], tick_ms: float) -> Table | None:
    """Return t (ms), x and y, or None if one of them is no finite number or a time that cannot be."""
    turned = list(zip(*rows, strict=True)) or [()] * len(columns)
    try:
        planes = {
            c: np.array(v).astype(np.float64) for c, v in zip(columns, turned, strict=True) if c in "txy"
        }
    except ValueError:
        return None
    if not all(np.isfinite(v).all() for v in planes.values()):
        return None
    planes["t"] = planes["t"] * tick_ms
    return planes if _told(planes["t"]) else None


def _readable(
    name: str, number: int, row: list[str], columns: Sequence[str], on_bad: OnBad | None, tick_ms: float
) -> bool:
    if _numeric([row], columns, tick_ms) is not None:
        return True
    problem = f"time and position must be finite numbers, the time {_CLOCK}"
    tell(on_bad, RecordingError(name, problem, line=number))
    return False


def _told(t: NDArray[np.float64]) -> bool:
    """Say whether these are times of a page, in ms, that a recording may hold."""
    return bool(((t >= 0) & (t <= recordings.MAX_T_MS)).all())


def _session(table: Table, *, session: str, user: str, label: Label | None, source: str) -> Recording:
    """Return a recording without places outside the screen, repeats, or a clock that goes back."""
    t, x, y, letter = (table[c] for c in ("t", "x", "y", "letter"))
    there = (x < _NOWHERE_PX) & (y < _NOWHERE_PX) & (x >= 0) & (y >= 0)
    t, x, y, letter = t[there], x[there], y[there], letter[there]
    t = _forward(t)
    x, y = _held(x, letter), _held(y, letter)
    keep = _telling(t, x, y, letter)
    t, x, y, letter = t[keep], x[keep], y[keep], letter[keep]
    return Recording(
        session=session,
        user=user,
        label=label,
        source=source,
        pointer="mouse",
        viewport=_reached(x, y),
        t=t,
        x=x,
        y=y,
        type="".join(map(chr, letter.astype(int))),
    )


def _forward(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times that never go back: what follows a jump is moved to a second after it."""
    step = np.diff(t, prepend=t[:1])
    shifted = np.where(step < 0, _STITCH_MS, step)
    start = 0.0 if (step < 0).any() else t[:1]  # a clock that jumps had no good start either
    forward: NDArray[np.float64] = start + np.cumsum(shifted)
    return forward


def _held(values: NDArray[np.float64], letter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions where wheel rows, which hold 0, repeat the position before them."""
    known = np.where(letter == ord("w"), -1, np.arange(values.size))
    last = np.maximum.accumulate(known)
    first = int(np.argmax(known >= 0)) if values.size else 0
    held: NDArray[np.float64] = values[np.where(last < 0, first, last)]
    return held


def _telling(
    t: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], letter: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which rows say something new: no exact repeats, one move (the last) at one time."""
    same_time = np.diff(t) == 0
    same_letter = np.diff(letter) == 0
    repeated = same_time & same_letter & (np.diff(x) == 0) & (np.diff(y) == 0)
    overtaken = same_time & same_letter & (letter[1:] == ord("m"))
    keep = np.ones(t.size, dtype=np.bool_)
    keep[1:] &= ~(repeated & (letter[1:] != ord("m")))
    keep[:-1] &= ~overtaken
    return keep


def _reached(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[int, int]:
    return int(max(x.max(initial=0.0), 0.0)) + 1, int(max(y.max(initial=0.0), 0.0)) + 1


def _public_labels(name: str, text: str, on_bad: OnBad | None) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        if len(row) == 2 and row[1] in ("0", "1"):
            labels[row[0]] = "impostor" if row[1] == "1" else "human"
        elif row and row[0] != "filename":
            tell(on_bad, RecordingError(name, "must be filename,is_illegal (0 or 1)", line=number))
    return labels


def _user(place: PurePosixPath) -> str | None:
    """Return the number in the folder ``userN``."""
    name = place.parent.name
    return name[4:] if name.startswith("user") and name[4:].isdecimal() else None
