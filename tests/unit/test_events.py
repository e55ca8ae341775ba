"""The wire format: what the collector sends comes back whole, everything else is refused by name."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_zerotrust.errors import PayloadError
from flask_zerotrust.movement import wire
from flask_zerotrust.movement.wire import EventBatch, decode, encode_planes, open_envelope

MAX_BYTES = 65_536
MAX_EVENTS = 4_000
NONCE = "AAAAAAAAAAAAAAAAAAAAAA"


def planes_of(rows: list[tuple[int, int, int, int]], *, version: int = 1) -> str:
    """Encode rows of (dt, dx, dy, kind) by hand, independently of ``encode_planes``."""
    raw = bytes([version]) + np.array(rows, dtype="<i2").reshape(-1, 4).T.tobytes()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def batch_json(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "v": 1,
        "token": "t",
        "nonce": NONCE,
        "seq": 0,
        "t0": 100.0,
        "sent": 2_100.0,
        "viewport": [1280, 720],
        "planes": planes_of([(0, 5, 5, wire.MOVE)]),
    }
    return {**fields, **changes}


def opened(**changes: object) -> wire.Envelope:
    return open_envelope(json.dumps(batch_json(**changes)), max_bytes=MAX_BYTES)


def decoded(rows: list[tuple[int, int, int, int]], **changes: object) -> EventBatch:
    return decode(opened(planes=planes_of(rows), **changes), max_events=MAX_EVENTS)


# --- what a batch says ------------------------------------------------------------------------


def test_a_batch_worked_out_by_hand():
    """100 ms after t0 the pointer stands at (300, 200); 16 ms later 3 px further; then a press."""
    batch = decoded(
        [
            (1_000, 300, 200, wire.MOVE),
            (160, 3, -1, wire.MOVE | 8 << 8),
            (50, 0, 0, wire.DOWN | 1 << 7),
        ],
        t0=500,
    )
    np.testing.assert_allclose(batch.t_ms, [600.0, 616.0, 621.0])
    assert batch.x.tolist() == [300, 303, 303]
    assert batch.y.tolist() == [200, 199, 199]
    assert batch.kind.tolist() == [wire.MOVE, wire.MOVE, wire.DOWN]
    assert batch.lag_ms.tolist() == [0, 4.0, 0]
    assert batch.pressure.tolist() == [False, False, True]
    assert batch.trusted.all()
    assert (batch.pointer == wire.MOUSE).all()
    assert batch.viewport == (1280, 720)


def test_a_gap_record_counts_whole_seconds_and_is_no_event():
    batch = decoded([(0, 10, 10, wire.MOVE), (90, 0, 0, wire.GAP), (5, 1, 0, wire.MOVE)], t0=0)
    assert len(batch) == 2
    np.testing.assert_allclose(batch.t_ms, [0.0, 90_000.5])


def test_a_wheel_event_does_not_move_the_pointer():
    batch = decoded([(0, 10, 20, wire.MOVE), (10, -3, 120, wire.WHEEL), (10, 1, 1, wire.MOVE)])
    assert batch.x.tolist() == [10, 10, 11]
    assert batch.y.tolist() == [20, 20, 21]
    assert batch.wheel_x.tolist() == [0, -3, 0]
    assert batch.wheel_y.tolist() == [0, 120, 0]


def test_a_notch_is_a_wheel_event_that_was_marked():
    """The same bit means pressure on a press, and nothing on a wheel of an older page."""
    kinds = [wire.WHEEL | 1 << 7, wire.WHEEL, wire.DOWN | 1 << 7]
    batch = decoded([(0, 0, 120, word) for word in kinds])
    assert batch.notch.tolist() == [True, False, False]


def test_touch_pen_and_untrusted_events_are_told_apart():
    rows = [(0, 0, 0, wire.MOVE | p << 4 | u << 6) for p in range(3) for u in range(2)]
    batch = decoded(rows)
    assert batch.pointer.tolist() == [0, 0, 1, 1, 2, 2]
    assert batch.trusted.tolist() == [True, False] * 3


def test_bytes_and_text_are_read_alike():
    body = json.dumps(batch_json())
    assert open_envelope(body, max_bytes=MAX_BYTES) == open_envelope(body.encode(), max_bytes=MAX_BYTES)


# --- round trips ------------------------------------------------------------------------------

EVENT = st.fixed_dictionaries(
    {
        # Short steps, the int16 limit (3,276.7 ms), and tabs left open for a day.
        "wait": st.one_of(
            st.integers(0, 400), st.integers(32_700, 32_900), st.integers(0, 10 * 86_400_000)
        ),
        "x": st.integers(-16_000, 16_000),
        "y": st.integers(-16_000, 16_000),
        "kind": st.integers(1, len(wire.KINDS) - 1),
        "pointer": st.integers(0, 2),
        "trusted": st.booleans(),
        "pressure": st.booleans(),
        "lag": st.integers(0, 127),
    }
)


def on_the_grid(rows: list[dict[str, int]], t0_ticks: int) -> EventBatch:
    """Build a batch of values that the wire can carry exactly."""
    ticks = t0_ticks + np.cumsum([row["wait"] for row in rows])
    kind = np.array([row["kind"] for row in rows], dtype=np.uint8)
    wheel = kind == wire.WHEEL
    at = {"x": [], "y": []}
    for row in rows:
        for axis, path in at.items():
            still = row["kind"] == wire.WHEEL
            path.append((path[-1] if path else 0) if still else row[axis])
    return EventBatch(
        t_ms=ticks / 10,
        x=np.array(at["x"], dtype=float),
        y=np.array(at["y"], dtype=float),
        kind=kind,
        pointer=np.array([row["pointer"] for row in rows], dtype=np.uint8),
        trusted=np.array([row["trusted"] for row in rows]),
        pressure=np.array([row["pressure"] for row in rows]),
        lag_ms=np.array([row["lag"] for row in rows]) / 2,
        wheel_x=np.where(wheel, [row["x"] for row in rows], 0.0),
        wheel_y=np.where(wheel, [row["y"] for row in rows], 0.0),
        viewport=(1280, 720),
        sent_ms=float(ticks[-1] / 10),
    )


@given(rows=st.lists(EVENT, min_size=1, max_size=40), t0_ticks=st.integers(0, 10_000_000))
def test_what_is_encoded_comes_back(rows, t0_ticks):
    batch = on_the_grid(rows, t0_ticks)
    planes = encode_planes(batch, t0_ms=t0_ticks / 10)
    back = decode(opened(planes=planes, t0=t0_ticks / 10, sent=batch.sent_ms), max_events=MAX_EVENTS)
    np.testing.assert_allclose(back.t_ms, batch.t_ms, rtol=0, atol=1e-4)
    for name in ("x", "y", "kind", "pointer", "trusted", "pressure", "lag_ms", "wheel_x", "wheel_y"):
        np.testing.assert_array_equal(getattr(back, name), getattr(batch, name), err_msg=name)
    assert back.sent_ms == batch.sent_ms


def test_rounding_does_not_add_up_over_a_long_batch():
    """Every time is rounded by itself: 3,000 frames of 16.67 ms end within half a tick."""
    frame = {"wait": 0, "x": 1, "y": 1, "kind": wire.MOVE, "pointer": 0, "lag": 0}
    batch = on_the_grid([{**frame, "trusted": True, "pressure": False}] * 3_000, 0)
    batch = replace(batch, t_ms=np.arange(3_000) * 50 / 3)
    planes = encode_planes(batch, t0_ms=0.0)
    back = decode(opened(planes=planes, t0=0, sent=60_000), max_events=MAX_EVENTS)
    np.testing.assert_allclose(back.t_ms, batch.t_ms, rtol=0, atol=0.0501)


# --- whatever comes, it is a batch or a PayloadError --------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def swallow(body: bytes | str) -> EventBatch | None:
    """Return the batch, or None when it was refused as a client's mistake."""
    try:
        return decode(open_envelope(body, max_bytes=MAX_BYTES), max_events=MAX_EVENTS)
    except PayloadError as refused:
        error = refused
    assert error.status in (400, 413)
    assert len(str(error)) < 200
    return None


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(body):
    assert swallow(body) is None


@given(JSON)
def test_random_json_is_refused(value):
    assert swallow(json.dumps(value)) is None


@given(field=st.sampled_from(sorted(batch_json())), value=JSON)
def test_a_batch_with_one_field_replaced_never_breaks_the_reader(field, value):
    swallow(json.dumps(batch_json(**{field: value})))


@settings(max_examples=300)
@given(st.lists(st.tuples(*[st.integers(-32_768, 32_767)] * 4), min_size=1, max_size=30))
def test_a_batch_from_any_numbers_is_sane_or_refused(rows):
    batch = swallow(json.dumps(batch_json(planes=planes_of(rows))))
    if batch is not None:
        check_sane(batch)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 32_767),
            st.integers(-2_000, 2_000),
            st.integers(-2_000, 2_000),
            st.integers(0, 6) | st.integers(0, 32_767),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_batch_from_likely_numbers_is_sane_or_refused(rows):
    batch = swallow(json.dumps(batch_json(planes=planes_of(rows))))
    if batch is not None:
        check_sane(batch)


def check_sane(batch: EventBatch) -> None:
    assert len(batch) >= 1
    assert (np.diff(batch.t_ms) >= 0).all()
    assert np.isfinite(batch.t_ms).all()
    assert np.abs([batch.x, batch.y]).max() <= wire.MAX_PX
    assert set(batch.kind.tolist()) <= {1, 2, 3, 4, 5, 6}
    assert set(batch.pointer.tolist()) <= {0, 1, 2}
    assert 0 <= batch.lag_ms.min() <= batch.lag_ms.max() <= 63.5


# --- bombs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "[" * 60_000,
        "[" * 30_000 + "]" * 30_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"seq": ' + "9" * 4_301 + "}",
        '{"t0": NaN}',
        '{"t0": Infinity}',
        '{"t0": -Infinity}',
        "",
        "null",
        "[]",
        '"text"',
        "{",
        b"\xff\xfe\xff",
        b"\x00" * 100,
        '{"v": 1} {"v": 1}',
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_bomb_is_a_bad_body(body):
    with pytest.raises(PayloadError, match=r"^body: ") as caught:
        open_envelope(body, max_bytes=MAX_BYTES)
    assert caught.value.status == 400


def test_the_size_is_looked_at_before_anything_is_parsed():
    """One byte below the cap the contents are complained about, one above it the size."""
    for size, field, status in ((MAX_BYTES, "body", 400), (MAX_BYTES + 1, "body", 413)):
        with pytest.raises(PayloadError) as caught:
            open_envelope(b"[" * size, max_bytes=MAX_BYTES)
        assert (caught.value.field, caught.value.status) == (field, status)


def test_text_is_measured_in_bytes_too():
    body = json.dumps(batch_json(token="é" * 400), ensure_ascii=False)
    limit = len(body) + 10
    assert len(body.encode()) > limit
    with pytest.raises(PayloadError) as caught:
        open_envelope(body, max_bytes=limit)
    assert caught.value.status == 413


def test_a_full_batch_passes_and_one_event_more_is_too_large():
    row = (160, 1, 0, wire.MOVE)
    full = opened(planes=planes_of([row] * 100))
    assert len(decode(full, max_events=100)) == 100
    with pytest.raises(PayloadError, match=r"^planes: .*1 to 99 events") as caught:
        decode(full, max_events=99)
    assert caught.value.status == 413


# --- every mistake names its field --------------------------------------------------------------

BAD = [
    ("v", 2),
    ("v", 0),
    ("v", True),
    ("v", "1"),
    ("v", None),
    ("token", ""),
    ("token", "x" * 513),
    ("token", 5),
    ("token", None),
    ("token", "\ud800"),
    ("token", "é"),
    ("nonce", "short"),
    ("nonce", "x" * 65),
    ("nonce", "spaces are not allowed"),
    ("nonce", "é" * 22),
    ("nonce", NONCE + "\n"),
    ("nonce", None),
    ("seq", -1),
    ("seq", 2**31),
    ("seq", 1.0),
    ("seq", True),
    ("seq", "1"),
    ("seq", None),
    ("t0", -0.1),
    ("t0", 100 * 86_400_000 + 1),
    ("t0", True),
    ("t0", "0"),
    ("t0", None),
    ("sent", -0.1),
    ("sent", 100 * 86_400_000 + 1),
    ("sent", False),
    ("sent", None),
    ("viewport", None),
    ("viewport", []),
    ("viewport", [1280]),
    ("viewport", [1280, 720, 1]),
    ("viewport", [1280, -1]),
    ("viewport", [1280, 32_768]),
    ("viewport", [1280.5, 720]),
    ("viewport", [True, 720]),
    ("viewport", {"0": 1, "1": 2}),
    ("planes", None),
    ("planes", ""),
    ("planes", [1]),
    ("cookie", "x"),
]


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda v: repr(v)[:20])
def test_a_bad_envelope_field_is_named(field, value):
    with pytest.raises(PayloadError) as caught:
        opened(**{field: value})
    assert caught.value.field == field
    assert caught.value.status == 400


@pytest.mark.parametrize("field", sorted(batch_json()))
def test_a_missing_field_is_named(field):
    rest = {name: value for name, value in batch_json().items() if name != field}
    with pytest.raises(PayloadError) as caught:
        open_envelope(json.dumps(rest), max_bytes=MAX_BYTES)
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["t0", "sent"])
def test_an_overflowing_number_is_not_finite(field):
    """1e999 is valid JSON and becomes infinity in Python."""
    body = json.dumps(batch_json(**{field: 0})).replace(f'"{field}": 0', f'"{field}": 1e999')
    with pytest.raises(PayloadError, match=f"^{field}: must be a finite number"):
        open_envelope(body, max_bytes=MAX_BYTES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", "A" * 16),
        ("nonce", "z-_9" * 16),
        ("seq", 2**31 - 1),
        ("t0", 100 * 86_400_000),
        ("sent", 0),
        ("viewport", [0, 32_767]),
        ("token", "x" * 512),
    ],
)
def test_the_last_allowed_value_is_allowed(field, value):
    opened(**{field: value})


def test_a_long_name_of_an_unknown_field_is_not_echoed_whole():
    with pytest.raises(PayloadError) as caught:
        opened(**{"x" * 5_000: 1})
    assert len(str(caught.value)) < 100


BAD_PLANES = {
    "not base64": "!!!!",
    "non-ASCII": "é" * 8,
    "a lone character": "A",
    "only the version byte": planes_of([]),
    "wrong version": planes_of([(0, 0, 0, 1)], version=2),
    "planes of unequal length": base64.urlsafe_b64encode(b"\x01" + b"\0" * 7).decode(),
    "one byte too many": base64.urlsafe_b64encode(b"\x01" + b"\0" * 9).decode(),
    "time goes back": planes_of([(-1, 0, 0, wire.MOVE)]),
    "an unknown kind": planes_of([(0, 0, 0, 7)]),
    "an unknown pointer": planes_of([(0, 0, 0, wire.MOVE | 3 << 4)]),
    "the reserved top bit": planes_of([(0, 0, 0, -32_767)]),
    "off the square": planes_of([(0, 32_767, 0, wire.MOVE), (0, 1, 0, wire.MOVE)]),
    "off the square upwards": planes_of([(0, 0, -32_768, wire.MOVE)]),
    "a page that lives for years": planes_of([(32_767, 0, 0, wire.GAP)] * 600 + [(0, 0, 0, wire.MOVE)]),
    "gaps and nothing else": planes_of([(1, 0, 0, wire.GAP)] * 3),
}


@pytest.mark.parametrize("planes", BAD_PLANES.values(), ids=BAD_PLANES.keys())
def test_bad_planes_are_named(planes):
    with pytest.raises(PayloadError) as caught:
        decode(opened(planes=planes), max_events=MAX_EVENTS)
    assert caught.value.field == "planes"
    assert caught.value.status == 400


def test_the_edge_of_the_square_is_inside():
    batch = decoded([(0, 32_767, -32_767, wire.MOVE)])
    assert (batch.x[0], batch.y[0]) == (32_767, -32_767)


def test_the_kinds_are_those_of_the_recording_format():
    assert wire.KINDS == ("", "m", "d", "u", "w", "l", "e")
    assert math.isclose(wire.MAX_T_MS, 100 * 24 * 3_600 * 1_000)
