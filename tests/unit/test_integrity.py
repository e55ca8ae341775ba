"""What the browser's stream says of a bot, and every innocent stream that must not be taken for one."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_zerotrust
from flask_zerotrust.movement import Integrity, inspect
from flask_zerotrust.movement import browser_evidence as module
from flask_zerotrust.movement.wire import DOWN, ENTER, LEAVE, MOVE, TOUCH, UP, WHEEL, EventBatch
from flask_zerotrust.recordings import batching, datasets
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.simulate import browser as capture
from tests.unit.stream import Stream, over_the_wire

SCORER = load_bundle()
POLICY = SCORER.policy
HIGH = float(np.log(POLICY.high_at / (1 - POLICY.high_at)) - POLICY.prior_log_odds)
NOTHING = risk.RiskState()
#: A session that has moved like a person for six strokes.
PERSON = risk.RiskState(log_odds=-3.0, weight=6.0)
Batches = list[EventBatch]


def seen(batches: Iterable[EventBatch]) -> Integrity:
    """Return what all batches of a session say together."""
    found = Integrity()
    for batch in batches:
        found = found.add(inspect(batch))
    return found


def told(batches: Iterable[EventBatch], state: risk.RiskState = NOTHING) -> assess.Assessment:
    """Return how a session stands after these batches, whose movement is left out."""
    found = assess.describe(state, policy=POLICY)
    for batch in batches:
        found = assess.fold(
            assess.Heard(),
            found.state,
            seen=inspect(batch),
            scorer=SCORER,
            now=state.at,
            half_life_s=900.0,
        )
    return found


def visit(stream: Stream, *, clicks: int = 6, held_ms: float = 90.0) -> Batches:
    """Reach for places and click there; like the collector, send at every press."""
    batches = []
    for i in range(clicks):
        stream.reach(200.0 + 700.0 * (i % 2), 100.0 + 90.0 * i).wait(400.0).happen(DOWN)
        batches.append(stream.batch())
        stream.happen(UP, wait_ms=held_ms).wait(500.0)
    return [*batches, stream.batch()]


def turns(*px: float, notch: bool = True, across: float = 0.0, **stream: bool | int) -> EventBatch:
    """Return turns of the wheel, by these deltas, each one whole notch or not."""
    made = Stream(**stream)
    for _ in px:
        made.happen(WHEEL, wait_ms=90.0)
    batch = made.batch()
    whole = np.full(len(px), notch)
    turned = replace(batch, wheel_x=np.full(len(px), across), wheel_y=np.array(px), pressure=whole)
    return over_the_wire(turned)


# Innocent streams


def zoomed() -> Batches:
    """Zoom of 125 %: fractional coordinates (whole px on the wire, unevenly stepped)."""
    stream = Stream()
    places = [(np.floor(8.0 * i) / 1.25, np.floor(5.0 * i) / 1.25) for i in range(60)]
    for place in places:
        stream.jump(*place, wait_ms=13.3)
    return [stream.click(held_ms=80.0).batch()]


def whole_milliseconds() -> Batches:
    """Firefox and X11: whole ms, and delays that may all be 0 or 1."""
    return visit(Stream(tick_ms=1.0)) + visit(Stream(tick_ms=1.0, in_step=True))


def resisting_fingerprinting() -> Batches:
    """Time in frames of 16.67 ms: delays of 0 or a frame, often or seldom, presses of 0 or a frame."""
    slow = visit(Stream(tick_ms=1_000.0 / 60.0), held_ms=15.0)
    slow += visit(Stream(tick_ms=1_000.0 / 60.0, in_step=True), held_ms=60.0)
    beside = Stream(tick_ms=100.0)
    for _ in range(6):
        beside.click(held_ms=60.0)
    long = Stream(tick_ms=100.0, in_step=True).reach(900.0, 400.0, moves=900)
    return [*slow, *visit(Stream(tick_ms=100.0), held_ms=60.0), beside.batch(), long.batch()]


def one_coalesced_event() -> Batches:
    """A mouse of 64 Hz: one event a frame."""
    stream = Stream()
    stream.reach(800.0, 500.0, moves=60, step_ms=1_000 / 64)
    return [stream.click(held_ms=100.0).batch()]


def keyboard() -> Batches:
    """Tab and Enter: trusted clicks, no pointer events; only the wheel of a page that scrolled."""
    return [Stream().happen(WHEEL).batch()]


def reloads() -> Batches:
    """The page is loaded again under a resting pointer: a press with no moves, every time."""
    pages = [Stream(at=(400.0, 300.0), now_ms=900.0 + 31 * i) for i in range(12)]
    return [page.click(held_ms=75.0).batch() for page in pages]


def reloads_with_one_move() -> Batches:
    """Chromium tells the page once where the pointer rests."""
    pages = [Stream(now_ms=900.0 + 31 * i).jump(400.0, 300.0) for i in range(12)]
    return [page.click(held_ms=75.0).batch() for page in pages]


def taps() -> Batches:
    """Fingers jump, and hold for as good as no time."""
    stream = Stream(pointer=TOUCH)
    for x in (100.0, 700.0) * 10:
        stream.jump(x, 400.0).click(held_ms=0.5, after_ms=0.1).wait(700.0)
    return [stream.batch()]


def autofill() -> Batches:
    """A password manager presses by script where it fills; nothing moves."""
    stream = Stream(trusted=False, pressure=False)
    for _ in range(20):
        stream.click(held_ms=0.1)
    return [stream.batch()]


def remote_desktop() -> Batches:
    """Events at 9 Hz, in step with frames, by a person who holds as people do."""
    stream = Stream(in_step=True)
    for x in (100.0, 900.0) * 8:
        stream.reach(x, 300.0, moves=4, step_ms=110.0).click(held_ms=110.0)
    return [stream.batch()]


def smooth_remote_desktop() -> Batches:
    """Events at 60 Hz, exactly in step with frames."""
    stream = Stream(in_step=True)
    for x in (100.0, 900.0) * 8:
        stream.reach(x, 300.0, step_ms=16.6).click(held_ms=110.0)
    return [stream.batch()]


def screen_reader() -> Batches:
    """Presses without moves, let go at once, wherever the reader is."""
    stream = Stream()
    for place in itertools.product((50.0, 900.0), (100.0, 400.0, 700.0)):
        stream.at = place
        stream.click(held_ms=0.2, after_ms=900.0)
    return [stream.batch()]


def switch_access() -> Batches:
    """A scanner goes from control to control and a switch presses, held as people hold; nothing moves."""
    stream = Stream()
    for place in itertools.product((50.0, 900.0), (100.0, 400.0, 700.0)):
        stream.at = place
        stream.click(held_ms=120.0, after_ms=1_500.0)
    return [stream.batch()]


def pointing_by_voice() -> Batches:
    """The pointer jumps to what was named and clicks: also taps on a tablet behind a remote desktop."""
    stream = Stream()
    for place in itertools.product((50.0, 900.0), (100.0, 400.0, 700.0)):
        stream.wait(2_000.0).jump(*place).click(held_ms=0.3, after_ms=0.2)
    return [stream.batch()]


def light_touch() -> Batches:
    """Presses of 15 ms: the shortest that people were seen to hold in the median, touch pads apart."""
    return visit(Stream(), held_ms=15.0)


def touch_pad() -> Batches:
    """One person of SapiMouse held for 7 ms in the median."""
    return visit(Stream(), held_ms=7.0)


def fast_screen() -> Batches:
    """A screen of 144 Hz."""
    return visit(Stream(frame_ms=1_000.0 / 144.0))


def edge_of_the_window() -> Batches:
    """The pointer leaves after a click and comes back beside the next control."""
    stream = Stream()
    for x in (100.0, 900.0) * 4:
        stream.happen(LEAVE, wait_ms=300.0).wait(2_000.0)
        stream.at = (x, 300.0)
        stream.happen(ENTER).jump(x + 1, 300.0).click(held_ms=80.0)
    return [stream.batch()]


def wheels() -> Batches:
    """A notch at up to 10 lines, on a page zoomed out to 25 %, and what turns without notches."""
    notches = turns(100.0, -120.0, 57.0, -4.0, 333.0, -333.0, 400.0, -400.0)
    return [notches, turns(2_000.0, -2_000.0, 1.0, notch=False)]


def wheel_of_13_lines() -> Batches:
    """Somebody has set the wheel to go further than 10 lines a notch."""
    return [turns(*(433.0, -433.0) * 5)]


def odd_windows() -> Batches:
    """Windows of any size, those that automation starts with among them, and none at all."""
    sizes = ((800, 600), (1_280, 720), (0, 0), (1, 1), (7_680, 4_320))
    return [replace(batch, viewport=size) for size in sizes for batch in visit(Stream(), clicks=2)]


def mirrored_by_the_page() -> Batches:
    """A library of the page sends every move on to an element of its own, as an event of its own."""
    batch = visit(Stream(), clicks=1)[0]
    twice = np.repeat(np.arange(len(batch)), 2)
    columns = ("t_ms", "x", "y", "kind", "pointer", "pressure", "lag_ms", "wheel_x", "wheel_y")
    doubled = {name: getattr(batch, name)[twice] for name in columns}
    return [replace(batch, trusted=np.arange(twice.size) % 2 == 0, **doubled)] * 5


INNOCENT: list[Callable[[], Batches]] = [
    zoomed,
    whole_milliseconds,
    resisting_fingerprinting,
    one_coalesced_event,
    keyboard,
    reloads,
    reloads_with_one_move,
    taps,
    autofill,
    remote_desktop,
    smooth_remote_desktop,
    screen_reader,
    switch_access,
    pointing_by_voice,
    light_touch,
    touch_pad,
    fast_screen,
    edge_of_the_window,
    wheels,
    wheel_of_13_lines,
    odd_windows,
    mirrored_by_the_page,
]
#: Those in which nothing moves that a model could judge.
WITHOUT_MOVEMENT: list[Callable[[], Batches]] = [
    keyboard,
    reloads,
    reloads_with_one_move,
    taps,
    autofill,
    screen_reader,
    switch_access,
    pointing_by_voice,
    edge_of_the_window,
]


@pytest.mark.parametrize("stream", INNOCENT, ids=lambda make: make.__name__)
def test_an_innocent_stream_changes_no_level(stream: Callable[[], Batches]) -> None:
    """Without other movement it ends unknown; a person who has moved stays low."""
    batches = stream()
    assert told(batches).level == "unknown"
    assert told(batches, PERSON).level == "low"
    assert told(batches, PERSON).value == told([], PERSON).value


@pytest.mark.parametrize("stream", WITHOUT_MOVEMENT, ids=lambda make: make.__name__)
def test_without_movement_the_whole_judgement_is_unknown(stream: Callable[[], Batches]) -> None:
    """By everything the server does with a batch, the model that ships included."""
    state, scorer = NOTHING, load_bundle()
    for batch in stream():
        found = assess.assess(batch, state, scorer=scorer, now=0.0, half_life_s=900.0)
        state = found.state
        assert found.level == "unknown"
    assert state.weight == 0


def test_what_the_screen_and_the_focus_are_is_not_even_asked() -> None:
    """screenX may equal clientX, and a page may be without focus: the collector never looks."""
    collector = (Path(flask_zerotrust.__file__).parent / "static" / "collector.js").read_text()
    asked = r"screen|hasFocus|outer(?:Width|Height)|webdriver|userAgent|navigator\.(?!sendBeacon)|detail"
    assert re.findall(rf"\b(?:{asked})", collector) == []
    names = {field.name for field in fields(EventBatch)}
    assert not {name for name in names if re.search("screen|focus|detail|agent", name)}


#: The innocent streams that one kind of evidence speaks against, and how loudly.
ONE_KIND = {
    smooth_remote_desktop: (0.0, module.PACING_LOG_ODDS, 0.0),
    screen_reader: (module.PRESS_CAP, 0.0, 0.0),
    pointing_by_voice: (module.PRESS_CAP, 0.0, 0.0),
    wheel_of_13_lines: (0.0, 0.0, module.WHEEL_CAP),
}


@pytest.mark.parametrize("stream", INNOCENT, ids=lambda make: make.__name__)
def test_an_innocent_stream_is_spoken_against_by_one_kind_at_most(stream: Callable[[], Batches]) -> None:
    """Most are by none; those that are say why one kind alone must not count."""
    found = seen(stream())
    assert (found.press, found.pacing, found.wheel) == ONE_KIND.get(stream, (0.0, 0.0, 0.0))


# Streams of programs


def playwright() -> Batches:
    """Smooth moves in step, presses of 0.3 ms, a jump to each control."""
    stream = Stream(in_step=True)
    batches = visit(stream, clicks=2, held_ms=0.3)
    for x in (100.0, 900.0, 100.0):
        batches.append(stream.jump(x, 200.0).happen(DOWN, wait_ms=0.2).batch())
        stream.happen(UP, wait_ms=0.3)
    return [*batches, stream.batch()]


def puppeteer() -> Batches:
    """ghost-cursor's curves in step; presses without pressure, of 2 ms and more."""
    return visit(Stream(in_step=True, pressure=False), held_ms=6.0)


def selenium() -> Batches:
    """One or two moves to a press of 2 ms; no movement whose delays could be compared."""
    stream = Stream()
    for x in (100.0, 900.0) * 4:
        stream.jump(x, 200.0).jump(x + 2, 202.0, wait_ms=250.0).click(held_ms=2.0, after_ms=260.0)
    return [stream.batch()]


def scripted() -> Batches:
    """25 moves a click, made in the page."""
    return visit(Stream(in_step=True, trusted=False, pressure=False), clicks=4, held_ms=0.2)


@pytest.mark.parametrize("stream", [playwright, puppeteer], ids=lambda make: make.__name__)
def test_two_kinds_that_agree_raise_the_risk(stream: Callable[[], Batches]) -> None:
    """A person-like movement no longer passes for one; without movement it is still only unknown."""
    bold, shown = told(stream()), told(stream(), replace(PERSON, log_odds=-1.0))
    assert seen(stream()).timing == module.PRESS_CAP + module.PACING_CAP
    assert (bold.level, shown.level) == ("unknown", "unknown")
    assert shown.reasons == ("machine_like_timing",)
    assert "machine_like_timing" in bold.reasons


def test_what_selenium_shows_is_one_kind_only() -> None:
    """Its presses speak against it as loudly as a press can; nothing else does, so nothing follows."""
    found = seen(selenium())
    assert (found.press, found.pacing, found.timing) == (module.PRESS_CAP, 0.0, 0.0)


def test_scripted_movement_is_high_without_any_other() -> None:
    found = told(scripted())
    assert found.level == "high"
    assert found.reasons == ("no_movement", "untrusted_events")


def test_one_scripted_reach_is_not_yet_high() -> None:
    reach = Stream(trusted=False).reach(600.0, 300.0, moves=25).batch()
    assert told([reach]).level == "unknown"
    assert told([reach]).value > 0.8
    assert told([Stream(trusted=False).reach(600.0, 300.0, moves=36).batch()]).level == "high"


def test_a_press_is_paired_with_its_release_in_the_next_batch() -> None:
    """The collector sends at a press, so nearly every dwell that counts lies between two batches."""
    stream = Stream(at=(5.0, 5.0))
    for held_ms, expected in ((4.0, module.PRESS_LOG_ODDS), (6.0, 0.0)):
        cut = [stream.happen(DOWN).batch(), stream.happen(UP, wait_ms=held_ms).batch()]
        assert seen(cut).press == expected
        assert seen(cut[:1]).press == seen(cut[1:]).press == 0.0


def test_a_jump_is_a_jump_on_both_sides_of_its_limits() -> None:
    def press(px: float, moves: int) -> float:
        stream = Stream().click(held_ms=90.0)
        stream.reach(px, 0.0, moves=moves, step_ms=30.0)
        return inspect(stream.click(held_ms=90.0).batch()).press

    assert press(100.0, 2) == module.PRESS_LOG_ODDS
    assert press(99.0, 2) == press(100.0, 3) == 0.0


@pytest.mark.parametrize(("lag_ms", "counts"), [(0.0, False), (0.5, True), (2.0, True), (8.0, False)])
def test_a_delay_that_never_varies_counts_only_where_it_can_have_been_measured(
    lag_ms: float, counts: bool
) -> None:
    batch = Stream().reach(600.0, 300.0).batch()
    assert (inspect(replace(batch, lag_ms=np.full(len(batch), lag_ms))).pacing > 0) is counts


@pytest.mark.parametrize(
    ("turn", "counts"),
    [
        (turns(421.0), True),
        (turns(-480.0), True),
        (turns(420.0), False),
        (turns(480.0, notch=False), False),
        (turns(480.0, across=1.0), False),
        (turns(0.0, across=-480.0), True),
        (turns(480.0, trusted=False), False),
        (turns(480.0, pointer=TOUCH), False),
    ],
)
def test_a_notch_of_the_wheel_is_odd_on_one_side_of_its_limit_only(turn: EventBatch, counts: bool) -> None:
    assert inspect(turn).wheel == module.WHEEL_LOG_ODDS * counts


def test_the_wheel_never_says_more_than_one_odd_press() -> None:
    """Within a batch, and over many."""
    one, many = turns(480.0), turns(*[480.0] * 30)
    assert seen([one] * 30).wheel == inspect(many).wheel == module.WHEEL_CAP
    assert module.WHEEL_CAP <= module.PRESS_LOG_ODDS


def test_pressure_of_a_press_says_nothing_of_the_wheel() -> None:
    assert seen(visit(Stream())).wheel == 0.0


def test_selenium_that_scrolls_shows_two_kinds() -> None:
    """They agree, so they count; without movement the session is still only unknown."""
    batches = [*selenium(), turns(480.0)]
    assert seen(batches).timing == module.PRESS_CAP + module.WHEEL_LOG_ODDS
    assert told(batches).level == "unknown"
    assert told(batches).value > told(selenium()).value


# How it counts


TIMING = ("press", "pacing", "wheel")


def full(**changes: float) -> risk.RiskState:
    """Return a state with as much evidence of every kind as there can be."""
    caps = {name: getattr(module, f"{name.upper()}_CAP") for name in ("untrusted", *TIMING)}
    return risk.RiskState(browser=Integrity(**{**caps, **changes}))


@pytest.mark.parametrize("high_at", [0.55, 0.7, 0.9, POLICY.high_at, 0.999])
@pytest.mark.parametrize("log_odds", [-5.0, -0.5, 0.0])
def test_timing_alone_never_makes_a_session_high(high_at: float, log_odds: float) -> None:
    """Whatever limit a site has set for itself."""
    site = replace(POLICY, high_at=high_at, elevated_at=0.5, unclear_at=0.52)
    assert risk.level(replace(full(untrusted=0.0), log_odds=log_odds), site) != "high"


def test_timing_and_movement_together_can() -> None:
    suspect = replace(full(untrusted=0.0), log_odds=0.4, weight=5.0)
    assert risk.level(replace(suspect, browser=Integrity()), POLICY) == "low"
    assert risk.level(suspect, POLICY) == "high"


amounts = st.floats(0.0, 50.0)


@given(amounts, amounts, amounts, amounts, st.floats(-5.0, 9.0))
def test_it_never_speaks_for_a_person_and_stays_within_its_cap(
    untrusted: float, press: float, pacing: float, wheel: float, log_odds: float
) -> None:
    said = Integrity().add(Integrity(untrusted=untrusted, press=press, pacing=pacing, wheel=wheel))
    without = risk.RiskState(log_odds=log_odds)
    assert 0.0 <= said.log_odds(high=HIGH) <= module.UNTRUSTED_CAP
    # What lies beyond a cap is not kept either: it would take longer to fade.
    assert said.untrusted <= module.UNTRUSTED_CAP
    assert all(getattr(said, name) <= getattr(module, f"{name.upper()}_CAP") for name in TIMING)
    assert risk.value(replace(without, browser=said), POLICY) >= risk.value(without, POLICY)


def test_it_fades_with_the_rest_and_is_no_movement() -> None:
    faded = risk.decay(full(), now=900.0, half_life_s=900.0)
    assert faded.browser.untrusted == pytest.approx(module.UNTRUSTED_CAP / 2)
    assert faded.browser.timing == pytest.approx(
        (module.PRESS_CAP + module.PACING_CAP + module.WHEEL_CAP) / 2
    )
    assert told(playwright()).state.weight == 0.0


def test_a_state_with_it_survives_json() -> None:
    state = replace(full(), browser=replace(full().browser, held_ms=12.5))
    assert risk.RiskState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.parametrize("kind", TIMING)
def test_one_kind_alone_counts_for_nothing(kind: str) -> None:
    alone = full(**dict.fromkeys(("untrusted", *TIMING), 0.0) | {kind: 0.9})
    assert alone.browser.timing == alone.browser.log_odds(high=HIGH) == 0.0


# Recordings


def held_out(visits: Iterable[Recording]) -> Iterator[EventBatch]:
    for recording in visits:
        if recording.user in datasets.SAPIMOUSE_HELD_OUT:
            yield from batching.batches(recording)
            yield from batching.batches(capture.render(recording, rng=np.random.default_rng(3)))


def test_people_held_out_of_training_are_never_spoken_against(
    sapimouse_visits: tuple[Recording, ...],
) -> None:
    """As recorded and as another browser would have shown them; the whole lot as if it were one session."""
    found = seen(held_out(sapimouse_visits))
    assert found.log_odds(high=HIGH) == 0.0
    assert (found.untrusted, found.pacing) == (0.0, 0.0)


def test_a_recording_says_nothing_by_what_it_lacks() -> None:
    """Delay, pressure and the wheel are filled in; they must not count, whoever moved."""
    letters = "".join("m" * 40 + "w" + "d" + "m" * 3 + "u" for _ in range(8))
    n = len(letters)
    t = np.arange(n) * 16.7
    recording = datasets.Recording(
        "s", "u", "human", "test", "mouse", (1_280, 800), t, np.arange(n) * 3.0, np.arange(n) * 2.0, letters
    )
    batches = list(batching.batches(recording))
    assert sum(int((batch.kind == MOVE).sum()) for batch in batches) > 300
    assert seen(batches) == Integrity()
