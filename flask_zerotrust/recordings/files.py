"""Recordings of pointer movement, and the JSON lines files they are kept in."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.errors import RecordingError

Label = Literal["human", "bot", "impostor"]
Pointer = Literal["mouse", "touch", "pen"]
OnBad = Callable[[RecordingError], None]

LABELS = ("human", "bot", "impostor", None)
POINTERS = ("mouse", "touch", "pen")
#: move, down, up, wheel, leave, enter, key down, key up
TYPES = frozenset("mduwlekK")
#: Endings by which a folder's recordings are found.
SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")

# A tab open for a hundred days, a desktop wall of screens: beyond these a number is a mistake.
MAX_T_MS = 100 * 86_400 * 1_000.0
_MAX_PX = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One visit: events of the pointer, in time order. Arrays of length n and one letter an event.

    Attributes
    ----------
    session : str
        Name of the visit, unique within a file by convention.
    user : str or None
        Whose visit it claims to be. Unique within one source only.
    label : "human", "bot", "impostor" or None
        Who really moved the pointer. None where nobody can say.
    t : ndarray of float64
        Milliseconds since the page opened, ascending (equal times are allowed).
    x, y : ndarray of float64
        CSS pixels relative to the viewport.
    type : str
        Letters of :data:`TYPES`.
    """

    session: str
    user: str | None
    label: Label | None
    source: str
    pointer: Pointer
    viewport: tuple[int, int]
    t: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    type: str

    def __len__(self) -> int:
        return len(self.type)


def read(paths: str | Path | Iterable[str | Path], *, on_bad: OnBad | None = None) -> Iterator[Recording]:
    """Yield the recordings of files (gzip or not), folders of them, or ``-`` for standard input.

    Parameters
    ----------
    on_bad : callable, optional
        Is told of every line that cannot be read, which is then left out. Without it the first
        such line stops the reading.

    Raises
    ------
    RecordingError
        Naming file and line. A file that cannot be opened always raises.
    """
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for file in _files(path):
            yield from _read_file(file, on_bad or _stop)


def write(path: str | Path, recordings: Iterable[Recording]) -> int:
    """Write recordings as JSON lines, compressed if the name ends in .gz. Return how many.

    The file appears under its name only when it is complete. The same recordings give the same
    bytes. ``-`` is standard output.
    """
    if str(path) == "-":
        return _write_lines(sys.stdout.buffer, recordings)
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with _create(part, compress=path.name.endswith(".gz")) as stream:
            count = _write_lines(stream, recordings)
        part.replace(path)
    except OSError as error:
        raise RecordingError(str(path), f"cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def parse(line: str | bytes, *, file: str, number: int) -> Recording:
    """Return the recording that one line holds. Keys that are not in the format are ignored."""
    try:
        data = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RecordingError(file, f"is not JSON ({error})", line=number) from error
    try:
        return _recording(data)
    except (TypeError, ValueError) as error:
        raise RecordingError(file, str(error), line=number) from error


def dump(recording: Recording) -> str:
    """Return the line that :func:`parse` reads, without its line break."""
    data = {
        "session": recording.session,
        "user": recording.user,
        "label": recording.label,
        "source": recording.source,
        "pointer": recording.pointer,
        "viewport": list(recording.viewport),
        "t": _numbers(recording.t),
        "x": _numbers(recording.x),
        "y": _numbers(recording.y),
        "type": recording.type,
    }
    return json.dumps(data, separators=(",", ":"))


def _stop(error: RecordingError) -> None:
    raise error


def _files(path: str | Path) -> list[Path]:
    made = Path(path)
    if not made.is_dir():
        return [made]
    inside = sorted(f for f in made.iterdir() if f.name.endswith(SUFFIXES))
    if not inside:
        raise RecordingError(str(path), f"holds no recordings (files ending in {', '.join(SUFFIXES)})")
    return inside


def _read_file(file: Path, on_bad: OnBad) -> Iterator[Recording]:
    name = "standard input" if str(file) == "-" else str(file)
    number = 0
    try:
        with _open(file) as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    recording = parse(line, file=name, number=number)
                except RecordingError as error:
                    on_bad(error)
                else:
                    yield recording
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        on_bad(RecordingError(name, f"is not a complete gzip file ({error})", line=number + 1))
    except OSError as error:
        raise RecordingError(name, f"cannot be read: {error.strerror or error}") from error


@contextmanager
def _open(file: Path) -> Iterator[IO[bytes]]:
    """Open for reading. Gzip is told by its first two bytes, not by the name."""
    if str(file) == "-":
        with _plain(sys.stdin.buffer) as stream:
            yield stream
        return
    with file.open("rb") as raw, _plain(raw) as stream:
        yield stream


@contextmanager
def _plain(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    peek = getattr(raw, "peek", None)
    if peek is not None and peek(2)[:2] == b"\x1f\x8b":
        with gzip.open(raw) as stream:
            yield cast(IO[bytes], stream)
    else:
        yield raw


@contextmanager
def _create(part: Path, *, compress: bool) -> Iterator[IO[bytes]]:
    with part.open("wb") as raw:
        if not compress:
            yield raw
            return
        # No name and no time inside, so that equal recordings make equal files.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as stream:
            yield cast(IO[bytes], stream)


def _write_lines(stream: IO[bytes], recordings: Iterable[Recording]) -> int:
    count = 0
    for recording in recordings:
        stream.write(dump(recording).encode() + b"\n")
        count += 1
    return count


def _numbers(values: NDArray[np.float64]) -> list[float]:
    """Return numbers to a thousandth. Whole ones without a fraction."""
    return [int(v) if v == int(v) else v for v in np.round(values, 3).tolist()]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")


def _recording(data: Any) -> Recording:
    if not isinstance(data, dict):
        raise TypeError("must be a JSON object, one session a line")
    types = data.get("type")
    if not isinstance(types, str) or not TYPES.issuperset(types):
        raise ValueError(f"'type' must be a string of the letters {''.join(sorted(TYPES))}")
    t = _plane(data, "t", len(types), low=0.0, high=MAX_T_MS)
    if (np.diff(t) < 0).any():
        raise ValueError(
            f"'t' must be ascending; entry {int(np.argmax(np.diff(t) < 0)) + 1} goes back in time"
        )
    return Recording(
        session=_text(data, "session"),
        user=_text(data, "user", required=False),
        label=_one_of(data, "label", LABELS),
        source=_text(data, "source", required=False) or "",
        pointer=_one_of({"pointer": "mouse", **data}, "pointer", POINTERS),
        viewport=_viewport(data.get("viewport")),
        t=t,
        x=_plane(data, "x", len(types), low=-_MAX_PX, high=_MAX_PX),
        y=_plane(data, "y", len(types), low=-_MAX_PX, high=_MAX_PX),
        type=types,
    )


def _plane(data: dict[str, Any], name: str, n: int, *, low: float, high: float) -> NDArray[np.float64]:
    values = data.get(name)
    if not isinstance(values, list) or len(values) != n:
        raise ValueError(f"{name!r} must be a list as long as 'type' ({n} events)")
    if not set(map(type, values)) <= {int, float}:
        raise ValueError(f"{name!r} must hold numbers only")
    # Compared as they are: a whole number of JSON may be too large for any float.
    if not all(low <= value <= high for value in values):
        raise ValueError(f"{name!r} must stay between {low:g} and {high:g}")
    return np.array(values, dtype=np.float64)


def _text(data: dict[str, Any], name: str, *, required: bool = True) -> Any:
    value = data.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name!r} must be a string that is not empty{'' if required else ', or null'}")
    return value


def _one_of(data: dict[str, Any], name: str, allowed: tuple[str | None, ...]) -> Any:
    value = data.get(name)
    if not isinstance(value, str | None) or value not in allowed:
        raise ValueError(f"{name!r} must be one of {', '.join(json.dumps(a) for a in allowed)}")
    return value


def _viewport(value: Any) -> tuple[int, int]:
    fine = isinstance(value, list) and len(value) == 2 and {type(v) for v in value} <= {int, float}
    if not fine or not all(0 <= v <= _MAX_PX for v in value):
        raise ValueError("'viewport' must be [width, height] in CSS px")
    return round(value[0]), round(value[1])
