"""Wire format to validated movement: sizes, counts and order are checked before anything else.

A batch is a flat JSON object. Its ``planes`` are base64url: one version byte, then four planes of
little-endian int16, each n long: dt, dx, dy, kind.

=====  =======================================================================================
plane  meaning
=====  =======================================================================================
dt     time since the event before (the first: since ``t0``), in 0.1 ms. Never negative
dx dy  movement since the event before (the first: since 0, 0) in CSS px. For a wheel event the
       wheel's own delta, and the pointer has not moved
kind   bits 0-3 the event (see ``KINDS``, 0 is a gap record, whose dt counts whole seconds),
       bits 4-5 the pointer (0 mouse, 1 touch, 2 pen), bit 6 set when the event was not trusted,
       bit 7 set when a press reported pressure above 0, or a wheel one whole notch by its older
       measure (``wheelDelta`` of 120 or -120), bits 8-14 the delay between the event and its
       handler in 0.5 ms, capped at 127
=====  =======================================================================================
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.errors import PayloadError

WIRE_VERSION = 1

#: Event letters of the recording format, by their number on the wire. 0 is the gap record.
KINDS = ("", "m", "d", "u", "w", "l", "e")
GAP, MOVE, DOWN, UP, WHEEL, LEAVE, ENTER = range(7)
MOUSE, TOUCH, PEN = range(3)
POINTERS = ("mouse", "touch", "pen")

NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
# Visible ASCII, as itsdangerous signs it, and nothing that cannot be encoded.
TOKEN = re.compile(r"[!-~]{1,512}", re.ASCII)
# A tab can stay open for weeks. A longer one is a broken clock.
MAX_T_MS = 100 * 86_400 * 1_000.0
# Pages can be scrolled and zoomed far, but no pointer leaves this square (int16 on the wire).
MAX_PX = 32_767
MAX_SEQUENCE = 2**31 - 1

_FIELDS = {"v", "token", "nonce", "seq", "t0", "sent", "viewport", "planes"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A batch whose outside has been checked. Its planes are still encoded."""

    token: str
    nonce: str
    seq: int
    t0_ms: float
    sent_ms: float
    viewport: tuple[int, int]
    planes: str


@dataclass(frozen=True, slots=True, eq=False)
class EventBatch:
    """Events of the pointer in one document, in time order. All arrays are of length n.

    Attributes
    ----------
    t_ms : ndarray of float64
        Time since the page opened, ascending.
    x, y : ndarray of float64
        Pointer position in CSS pixels, relative to the viewport.
    kind : ndarray of uint8
        ``MOVE``, ``DOWN``, ``UP``, ``WHEEL``, ``LEAVE`` or ``ENTER``.
    pointer : ndarray of uint8
        ``MOUSE``, ``TOUCH`` or ``PEN``.
    trusted : ndarray of bool
        The browser's ``isTrusted`` of the event.
    pressure : ndarray of bool
        For presses: the browser reported pressure. For the wheel the same bit is :attr:`notch`.
    lag_ms : ndarray of float64
        Delay between event and handler, in [0, 63.5].
    wheel_x, wheel_y : ndarray of float64
        Wheel deltas in CSS px. 0 for every other kind.
    viewport : (int, int)
        Width and height in CSS px.
    sent_ms : float
        When the page sent the batch, on the same clock as ``t_ms``.
    """

    t_ms: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    kind: NDArray[np.uint8]
    pointer: NDArray[np.uint8]
    trusted: NDArray[np.bool_]
    pressure: NDArray[np.bool_]
    lag_ms: NDArray[np.float64]
    wheel_x: NDArray[np.float64]
    wheel_y: NDArray[np.float64]
    viewport: tuple[int, int]
    sent_ms: float

    def __len__(self) -> int:
        return int(self.t_ms.size)

    @property
    def notch(self) -> NDArray[np.bool_]:
        """Wheel events of one whole notch by the measure that no setting changes, ``wheelDelta``."""
        return np.asarray((self.kind == WHEEL) & self.pressure)


def open_envelope(body: bytes | str, *, max_bytes: int) -> Envelope:
    """Check everything about a batch but its planes.

    Raises
    ------
    PayloadError
        Naming the field. 413 when the body is larger than ``max_bytes``.
    """
    if len(body) > max_bytes or (isinstance(body, str) and len(_octets(body)) > max_bytes):
        raise PayloadError("body", f"must be at most {max_bytes} bytes", status=413)
    data = _json_object(body)
    if not data.keys() <= _FIELDS:
        extra = sorted(data.keys() - _FIELDS)
        # Printable, because it ends up in logs.
        raise PayloadError(re.sub(r"[^ -~]", "?", extra[0][:40]), "is not a field of a batch")
    if data.get("v") != WIRE_VERSION or isinstance(data["v"], bool):
        raise PayloadError("v", f"must be {WIRE_VERSION}; reload the page to get the current script")
    return Envelope(
        token=_spelled(data, "token", TOKEN, "1 to 512 characters of visible ASCII"),
        nonce=_spelled(data, "nonce", NONCE, "16 to 64 characters of A-Z a-z 0-9 - _"),
        seq=int(_number(data, "seq", 0, MAX_SEQUENCE, whole=True)),
        t0_ms=_number(data, "t0", 0, MAX_T_MS),
        sent_ms=_number(data, "sent", 0, MAX_T_MS),
        viewport=_viewport(data.get("viewport")),
        planes=_text(data, "planes", max_bytes),
    )


def decode(envelope: Envelope, *, max_events: int) -> EventBatch:
    """Unpack the planes of a batch.

    Raises
    ------
    PayloadError
        If the planes do not follow the format.
    """
    planes = _planes(envelope.planes, max_events)
    # Of a word's two octets the first says which event it was, the second how late its handler ran.
    octets = planes[3].view(np.uint8)
    log_odds, late = octets[::2], octets[1::2]
    meaning = _MEANING.take(log_odds)
    known = int(np.bitwise_or.reduce(meaning))
    if known & _IS_NOTHING or late.max() > _LATEST:
        raise PayloadError("planes", "the kind plane holds a number that means nothing")
    dt, deltas = planes[0].astype(np.float64), planes[1:3].astype(np.float64)
    if dt.min() < 0:
        raise PayloadError("planes", "the dt plane must not go back in time")
    step_ms, wheel, keep = dt * _TICK_MS, np.zeros(deltas.shape), None
    if known & (_IS_GAP | _IS_WHEEL):
        keep = _stand_still(meaning, dt, step_ms, deltas, wheel)
    t_ms, place = envelope.t0_ms + np.cumsum(step_ms), np.cumsum(deltas, axis=1)
    _check_extent(t_ms, place)
    # Most batches hold nothing but events, and then nothing has to be picked out or copied.
    if keep is not None and not keep.all():
        t_ms, place, wheel, log_odds, late = (
            t_ms[keep],
            place[:, keep],
            wheel[:, keep],
            log_odds[keep],
            late[keep],
        )
    return EventBatch(
        t_ms=t_ms,
        x=place[0],
        y=place[1],
        kind=log_odds & 15,
        pointer=(log_odds >> 4) & 3,
        trusted=(log_odds & 64) == 0,
        pressure=log_odds >= 128,
        lag_ms=late.astype(np.float64) * _LAG_MS,
        wheel_x=wheel[0],
        wheel_y=wheel[1],
        viewport=envelope.viewport,
        sent_ms=envelope.sent_ms,
    )


def _stand_still(
    meaning: NDArray[np.uint8],
    dt: NDArray[np.float64],
    step_ms: NDArray[np.float64],
    moved: NDArray[np.float64],
    wheel: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Give gap records seconds and wheel events deltas, in place. Return a mask of the events."""
    gap, turned = meaning == _IS_GAP, meaning == _IS_WHEEL
    if gap.all():
        raise PayloadError("planes", "must hold an event, not only gap records")
    step_ms[gap] = dt[gap] * 1_000.0
    wheel[:, turned] = moved[:, turned]
    moved[:, gap | turned] = 0.0
    return np.asarray(~gap)


def _meaning() -> NDArray[np.uint8]:
    """Return for every first octet whether it says gap record, wheel, or nothing that is known."""
    octet = np.arange(256)
    kind, pointer = octet & 15, (octet >> 4) & 3
    unknown = (kind >= len(KINDS)) | (pointer >= len(POINTERS))
    return np.asarray(
        _IS_GAP * (kind == GAP) | _IS_WHEEL * (kind == WHEEL) | _IS_NOTHING * unknown, np.uint8
    )


_IS_GAP, _IS_WHEEL, _IS_NOTHING = 1, 2, 4
_MEANING = _meaning()
_TICK_MS, _LAG_MS = 0.1, 0.5
# Seven bits of the second octet hold a delay. The eighth is the sign of the word.
_LATEST = 127


def encode_planes(batch: EventBatch, *, t0_ms: float) -> str:
    """Return the planes of a batch as the collector would send them (for clients and tests)."""
    rows: list[tuple[int, int, int, int]] = []
    ticks, px, py = round(t0_ms * 10), 0, 0
    for i in range(len(batch)):
        wait = round(float(batch.t_ms[i]) * 10) - ticks
        ticks += wait
        if wait > MAX_PX:
            rows.extend((min(s, MAX_PX), 0, 0, GAP) for s in _portions(wait // 10_000))
            wait %= 10_000
        x, y = round(float(batch.x[i])), round(float(batch.y[i]))
        word = int(batch.kind[i]) | int(batch.pointer[i]) << 4 | int(batch.pressure[i]) << 7
        word |= int(not batch.trusted[i]) << 6 | min(127, round(float(batch.lag_ms[i]) * 2)) << 8
        if batch.kind[i] == WHEEL:
            rows.append((wait, round(float(batch.wheel_x[i])), round(float(batch.wheel_y[i])), word))
            continue
        rows.append((wait, x - px, y - py, word))
        px, py = x, y
    table = np.array(rows, dtype=np.int64).reshape(-1, 4).clip(-MAX_PX - 1, MAX_PX)
    raw = bytes([WIRE_VERSION]) + table.T.astype("<i2").tobytes()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _portions(seconds: int) -> list[int]:
    whole, rest = divmod(seconds, MAX_PX)
    return [MAX_PX] * whole + [rest]


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _json_object(body: bytes | str) -> dict[str, Any]:
    try:
        data: Any = _JSON.decode(
            body if isinstance(body, str) else body.decode(json.detect_encoding(body), "surrogatepass")
        )
    except (ValueError, RecursionError) as error:
        raise PayloadError("body", "must be a JSON object of finite numbers and strings") from error
    if not isinstance(data, dict):
        raise PayloadError("body", "must be a JSON object")
    return data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")


def _short_int(digits: str) -> int:
    if len(digits) > 18:
        raise ValueError("integer of more than 18 digits")
    return int(digits)


# Made once: json.loads would make one a batch.
_JSON = json.JSONDecoder(parse_constant=_no_constant, parse_int=_short_int)


def _text(data: dict[str, Any], name: str, longest: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise PayloadError(name, f"must be a string of 1 to {longest} characters")
    return value


def _spelled(data: dict[str, Any], name: str, pattern: re.Pattern[str], allowed: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise PayloadError(name, f"must be a string of {allowed}")
    return value


def _number(data: dict[str, Any], name: str, low: float, high: float, *, whole: bool = False) -> float:
    value = data.get(name)
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
        raise PayloadError(name, "must be a whole number" if whole else "must be a finite number")
    if not low <= value <= high:
        raise PayloadError(name, f"must be between {low:.0f} and {high:.0f}")
    return float(value)


def _viewport(value: Any) -> tuple[int, int]:
    fine = isinstance(value, list) and len(value) == 2
    if not fine or not all(type(v) is int and 0 <= v <= MAX_PX for v in value):
        raise PayloadError("viewport", f"must be [width, height] in CSS px, whole numbers up to {MAX_PX}")
    return value[0], value[1]


def _planes(text: str, max_events: int) -> NDArray[np.int16]:
    """Return shape (4, n): dt, dx, dy, kind. As they came, little-endian."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise PayloadError("planes", "must be base64url") from error
    if not raw or raw[0] != WIRE_VERSION or (len(raw) - 1) % 8:
        raise PayloadError("planes", f"must be a byte of {WIRE_VERSION}, then four int16 planes")
    n = (len(raw) - 1) // 8
    if not 0 < n <= max_events:
        raise PayloadError("planes", f"must hold 1 to {max_events} events", status=413 if n else 400)
    return np.frombuffer(raw, dtype="<i2", offset=1).reshape(4, n)


def _check_extent(t_ms: NDArray[np.float64], place: NDArray[np.float64]) -> None:
    if t_ms[-1] > 2 * MAX_T_MS or np.abs(place).max() > MAX_PX:
        raise PayloadError("planes", f"the pointer must stay within {MAX_PX} px and the page's life")
