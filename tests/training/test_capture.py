"""The simulated browser leaves a browser's traces and no others; batches are the collector's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_zerotrust import simulate
from flask_zerotrust.movement import wire
from flask_zerotrust.recordings.batching import MAX_ROWS
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.browser import Device, batches, render
from flask_zerotrust.training import table

from .made import made, recordings


def line(ms: float = 1_000.0, px: float = 800.0, step_ms: float = 1.0, **changes: Any) -> Recording:
    """One even movement to the right."""
    t = np.arange(0.0, ms + step_ms, step_ms)
    return made(t.tolist(), (px * t / ms).tolist(), np.zeros(t.size).tolist(), **changes)


def rendered(recording: Recording, **device: object) -> Recording:
    """Render on a plain device that differs in some ways."""
    return render(recording, rng=np.random.default_rng(1), device=Device(**device))  # type: ignore[arg-type]


@settings(max_examples=150)
@given(recordings(letters="mmmmmduwlekK"), st.integers(0, 2**32))
def test_everything_but_moves_stays(recording: Recording, seed: int) -> None:
    """Kinds and order of presses, wheel, edges and keys, at their times on the browser's clock."""
    rng = np.random.default_rng(seed)
    device = Device.draw(rng)
    after = render(recording, rng=rng, device=device)
    assert after.type.replace("m", "") == recording.type.replace("m", "")
    assert len(after.t) == len(after.x) == len(after.y) == len(after.type)
    assert (np.diff(after.t) >= 0).all()
    before = recording.t[[k != "m" for k in recording.type]]
    late = before - after.t[[k != "m" for k in after.type]]
    assert (late < device.timer_ms + 0.06).all()
    assert (late > -0.06).all()


@settings(max_examples=100)
@given(recordings(), st.integers(0, 2**32))
def test_a_move_goes_somewhere(recording: Recording, seed: int) -> None:
    """Browsers fire no move for a pointer that stays where it is."""
    after = render(recording, rng=np.random.default_rng(seed))
    move = np.array([k == "m" for k in after.type], dtype=bool)[1:]
    assert ((np.diff(after.x) != 0) | (np.diff(after.y) != 0))[move].all()


def test_the_same_seed_renders_the_same() -> None:
    """And another seed something else."""
    first, again, other = (render(line(), rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.t, again.t)
    assert first.t.tolist() != other.t.tolist()


@pytest.mark.parametrize("refresh_hz", [60.0, 75.0, 120.0, 144.0])
def test_a_screen_shows_one_move_a_frame(refresh_hz: float) -> None:
    """Moves stand on the frames and are about as many."""
    after = rendered(line(), refresh_hz=refresh_hz, sensor_hz=1_000.0)
    frames = np.diff(after.t) * refresh_hz / 1_000.0
    np.testing.assert_allclose(frames, np.round(frames), atol=0.02)
    assert abs(len(after) - refresh_hz) <= 3


@pytest.mark.parametrize("sensor_hz", [125.0, 1_000.0])
def test_coalesced_samples_come_at_the_rate_of_the_mouse(sensor_hz: float) -> None:
    """Whatever the screen does."""
    after = rendered(line(px=3_000.0), sensor_hz=sensor_hz, coalesced=True)
    assert abs(len(after) - sensor_hz) < 0.1 * sensor_hz


@pytest.mark.parametrize("zoom", [1.25, 1.5])
def test_zoom_makes_fractions_of_its_own(zoom: float) -> None:
    """At 150 % a device px is two thirds of a CSS px; without fractions CSS px are whole."""
    fine = rendered(line(), zoom=zoom, fractional=True).x
    np.testing.assert_allclose(fine * zoom, np.round(fine * zoom), atol=2e-3)
    assert (fine != np.round(fine)).any()
    whole = rendered(line(), zoom=zoom).x
    np.testing.assert_array_equal(whole, np.round(whole))


#: Conditions that a draw of devices has to meet, by attribute.
PROMISED: dict[str, set[object]] = {
    "refresh_hz": {60.0, 75.0, 120.0, 144.0},
    "sensor_hz": {125.0, 1_000.0},
    "coalesced": {True, False},
    "frame_stamps": {True, False},
    "fractional": {True, False},
    "zoom": {1.0, 1.25, 1.5, 2.0},
    "timer_ms": {0.1, 1.0, 1_000.0 / 60.0},
}


@pytest.mark.parametrize("name", PROMISED)
def test_every_condition_that_is_promised_is_drawn(name: str) -> None:
    """One in fifty visitors at least, so that a fit meets it."""
    rng = np.random.default_rng(1)
    drawn = [getattr(Device.draw(rng), name) for _ in range(1_000)]
    assert min(drawn.count(value) for value in PROMISED[name]) >= 20


def test_lost_moves_and_every_pairing_of_frames_and_fractions_are_drawn() -> None:
    """Coalesced or not, with fractions or without, with moves lost or none: in any combination."""
    rng = np.random.default_rng(1)
    devices = [Device.draw(rng) for _ in range(500)]
    met = {(device.coalesced, device.fractional, device.dropped > 0) for device in devices}
    assert len(met) == 8
    assert max(device.dropped for device in devices) < 0.1


def test_people_and_bots_are_shown_to_training_through_the_same_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No capture of a bot is as it was made, and of a person only one is as it was recorded."""
    met: list[Device] = []
    draw = Device.draw

    def noted(rng: np.random.Generator) -> Device:
        met.append(draw(rng))
        return met[-1]

    monkeypatch.setattr(Device, "draw", noted)
    rng = np.random.default_rng(2)
    person = line(label="human")
    shown = table.views(person, rng=rng, person_views=3, rough_views=0)
    assert (len(shown), len(met), shown[0].recording is person) == (4, 3, True)
    met.clear()
    made_up = list(simulate.bots(200, rng=rng, strokes=1))
    through = [table.views(bot, rng=rng, person_views=3, rough_views=0)[0].recording for bot in made_up]
    assert not any(view is bot for view, bot in zip(through, made_up, strict=True))
    assert 120 < len(met) < 180  # three in four; the others as the page that recorded the people saw them


@pytest.mark.parametrize("timer_ms", [0.1, 1.0, 1_000.0 / 60.0])
def test_the_clock_ticks_in_its_steps(timer_ms: float) -> None:
    """To the tenth of a millisecond that the format carries."""
    after = rendered(line(type="m" * 1_000 + "d"), timer_ms=timer_ms, frame_stamps=False)
    ticks = np.round(after.t / timer_ms)
    np.testing.assert_allclose(after.t, ticks * timer_ms, atol=0.051)


def test_dropped_moves_are_missing() -> None:
    """About as many as the device loses; presses never."""
    many = line(ms=20_000.0, px=8_000.0, type="m" * 20_000 + "d")
    all_of_them, half = rendered(many), rendered(many, dropped=0.5)
    assert 0.4 < len(half) / len(all_of_them) < 0.6
    assert half.type.endswith("d")


def test_pointer_speed_scales_page_and_way() -> None:
    """A faster pointer is a smaller page."""
    slow, fast = rendered(line()), rendered(line(), speed=1.5)
    assert fast.x[-1] == pytest.approx(1.5 * slow.x[-1], abs=1.0)
    assert fast.viewport == (1_920, 1_080)


def test_a_press_finds_the_pointer_arrived() -> None:
    """The way up to a press comes before it, even between two frames."""
    recording = made([0, 10, 20, 21], [0, 100, 200, 200], [0, 0, 0, 0], "mmmd")
    after = rendered(recording)
    assert after.type.endswith("md")
    assert after.x[-1] == after.x[-2] == 200


def test_a_rest_stays_a_rest() -> None:
    """Between two movements half a second apart the pointer does not creep."""
    t = [0.0, 16, 32, 48, 64, 564, 580, 596, 612]
    after = rendered(made(t, [0, 50, 100, 150, 200, 250, 300, 350, 400]), coalesced=True)
    inside = (after.t > 90.0) & (after.t < 540.0)
    assert not inside.any()
    assert after.x[-1] == 400


def test_nobody_moves_outside_the_window() -> None:
    """From leaving to entering there are no moves, though the pointer comes in elsewhere."""
    t = [0.0, 16, 32, 40, 60, 76]
    after = rendered(made(t, [0, 50, 100, 110, 600, 650], [0.0] * 6, "mmmlem"), coalesced=True)
    edge = after.type.index("l")
    assert after.type[edge : edge + 2] == "le"


def test_a_slow_desktop_hides_what_lies_between() -> None:
    """A base of 110 ms leaves the corners of the way only; a straight way stays straight."""
    t = np.arange(0.0, 1_001.0)
    wild = made(t.tolist(), (800 * t / 1_000).tolist(), (40 * np.sin(t / 8)).tolist())
    fine, coarse = (rendered(wild, base_ms=base, smooth=False) for base in (17.0, 110.0))
    assert np.abs(np.diff(coarse.y)).sum() < 0.3 * np.abs(np.diff(fine.y)).sum()


def test_how_often_a_source_reports_does_not_show() -> None:
    """One way, reported every millisecond or every frame, is seen about the same."""
    for step in (1.0, 4.0, 1_000.0 / 60.0):
        after = rendered(line(step_ms=step))
        np.testing.assert_allclose(after.x, 0.8 * after.t, atol=22.0)  # a frame and a mouse's step
        assert 55 <= len(after) <= 63


@pytest.mark.parametrize("kinds", ["", "k", "kK", "d", "m"])
def test_next_to_nothing_can_be_rendered(kinds: str) -> None:
    """No events, only keys, one place."""
    after = rendered(made(list(range(len(kinds))), type=kinds))
    assert after.type.replace("m", "") == kinds.replace("m", "")


# Batches


def sent(recording: Recording) -> list[tuple[str, float]]:
    """Return the letters of each batch and when it was sent."""
    letters = np.array(list(wire.KINDS))
    return [("".join(letters[batch.kind]), batch.sent_ms) for batch in batches(recording)]


def moving(*spans: tuple[float, float], step_ms: float = 10.0) -> list[float]:
    """Times of moves, in spans of ms."""
    return [t for first, last in spans for t in np.arange(first, last, step_ms).tolist()]


def test_a_press_sends_everything_at_once() -> None:
    """What follows it waits for the next occasion, here the end of the page."""
    assert sent(made([0, 10, 20, 30], type="mmdu")) == [("mmd", 20.0), ("u", 30.0)]


def test_a_short_visit_is_one_batch() -> None:
    """Nothing is due before it ends."""
    assert sent(made(moving((0, 1_000)))) == [("m" * 100, 990.0)]


def test_after_two_seconds_the_open_stroke_is_held_back() -> None:
    """Two strokes, a pause of exactly 150 ms between them: the first goes at 2 s, the second later."""
    recording = made(moving((0, 1_010), (1_150, 2_500)))
    assert sent(recording) == [("m" * 101, 2_000.0), ("m" * 135, 2_490.0)]


def test_a_shorter_pause_keeps_a_stroke_together() -> None:
    """One step below: nothing can be cut at 2 s."""
    recording = made(moving((0, 1_010), (1_149, 2_500)))
    assert [letters for letters, _ in sent(recording)] == ["m" * 237]


def test_a_stroke_that_has_ended_goes_with_the_timer() -> None:
    """150 ms after its last event it is closed."""
    recording = made([*moving((0, 1_860)), 5_000.0])
    assert sent(recording) == [("m" * 186, 2_000.0), ("m", 5_000.0)]


def test_an_open_stroke_waits_for_its_end_but_not_for_ever() -> None:
    """It is looked at again every 150 ms, and goes when it is 3 s old."""
    assert sent(made([*moving((0, 2_400)), 9_000.0]))[0] == ("m" * 240, 2_600.0)
    assert sent(made(moving((0, 5_000))))[0] == ("m" * 306, 3_050.0)


def test_a_fast_mouse_is_thinned_to_250_a_second() -> None:
    """Every fourth of 1,000; a slow one loses nothing; a press never."""
    kept = next(iter(batches(made(moving((0, 400), step_ms=1.0)))))
    assert np.diff(kept.t_ms).tolist() == [4.0] * 99
    assert len(next(iter(batches(made(moving((0, 400), step_ms=4.0)))))) == 100
    assert sent(made([0, 1, 2, 3], type="mmdu"))[0][0] == "md"


def test_keys_are_never_collected() -> None:
    """The recording format knows them, the collector does not."""
    assert sent(made([0, 10, 20, 30], type="mkKm")) == [("mm", 30.0)]


def test_nothing_makes_no_batch() -> None:
    """No events, or keys only."""
    assert sent(made([])) == sent(made([1, 2], type="kK")) == []


def test_touch_stays_touch() -> None:
    """Pointers are told to the server as they are."""
    (batch,) = batches(replace(made([0, 10]), pointer="touch"))
    assert set(batch.pointer.tolist()) == {wire.TOUCH}


@settings(max_examples=150)
@given(recordings())
def test_every_batch_is_one_that_the_server_reads(recording: Recording) -> None:
    """It comes back from the wire as it was, and no event is lost, doubled or out of order."""
    total = 0
    for batch in batches(recording):
        planes = wire.encode_planes(batch, t0_ms=float(batch.t_ms[0]))
        envelope = wire.Envelope(
            token="t",
            nonce="n" * 16,
            seq=0,
            t0_ms=float(batch.t_ms[0]),
            sent_ms=batch.sent_ms,
            viewport=batch.viewport,
            planes=planes,
        )
        back = wire.decode(envelope, max_events=MAX_ROWS)
        for name in ("t_ms", "x", "y"):
            np.testing.assert_allclose(getattr(back, name), getattr(batch, name), atol=0.02)
        np.testing.assert_array_equal(back.kind, batch.kind)
        assert batch.sent_ms >= batch.t_ms[-1]
        total += len(batch)
    kept = [i for i, k in enumerate(recording.type) if k != "m"]
    crowded = np.count_nonzero(np.diff(recording.t) < 4.0)
    assert len(kept) <= total <= len(recording)
    assert total >= len(recording) - crowded - 1


def test_a_long_stay_is_cut_into_rows_that_fit() -> None:
    """No batch of a visit of many events has more rows than a form post can carry."""
    recording = made(moving((0, 8_000), step_ms=4.0), type="m" * 2_000)
    assert max(len(letters) for letters, _ in sent(recording)) <= MAX_ROWS
    assert sum(len(letters) for letters, _ in sent(recording)) == 2_000


@pytest.mark.parametrize("make", [simulate.people, simulate.bots])
def test_batches_hold_every_event_of_a_visit_once(make: Callable[..., Any]) -> None:
    """Together they are the visit: rendered at 60 Hz, nothing is thinned."""
    (visit,) = make(1, rng=np.random.default_rng(3))
    plain = rendered(visit)
    parts = list(batches(plain))
    np.testing.assert_allclose(np.concatenate([p.t_ms for p in parts]), plain.t, atol=0.1)
