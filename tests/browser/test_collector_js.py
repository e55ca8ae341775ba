"""collector.js in a real Chromium: what it sends, when, and what it never touches."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import parse_qs

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from flask_zerotrust.movement.wire import (
    DOWN,
    ENTER,
    LEAVE,
    MOUSE,
    MOVE,
    PEN,
    TOUCH,
    UP,
    WHEEL,
    EventBatch,
    decode,
    open_envelope,
)

from .harness import FLAGS
from .site import COLLECTOR, SCRIPT, Site, serve_site

BUTTON = '<button type="button" id="go" style="position:fixed;left:400px;top:300px">Go</button>'
ON_BUTTON = (410, 310)
FIELD = "zerotrust_batch"
# Counts the collector's own event, so that tests know when an answer has reached the page.
COUNT_SENT = "window.sent = 0; document.addEventListener('zerotrust:sent', () => window.sent++)"
# Counts the answers that a page's script has heard and dealt with.
COUNT_ANSWERS = """
window.answers = 0;
const plainFetch = window.fetch;
window.fetch = (...rest) => plainFetch(...rest).finally(() => setTimeout(() => window.answers++));
"""
# A script's event with a time of its own choosing, as no input device can be told to make.
FAKE = """
window.fake = (type, init = {}, time) => {
  const made = type === 'wheel' ? new WheelEvent(type, init) : new PointerEvent(type, init);
  if (time !== undefined) Object.defineProperty(made, 'timeStamp', { value: time });
  return made;
};
"""


@pytest.fixture
def site() -> Iterator[Site]:
    """A site whose front page has the collector and one button."""
    with serve_site() as running:
        running.page(BUTTON)
        yield running


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    """Another origin."""
    with serve_site() as running:
        yield running


@pytest.fixture
def page(page: Page, site: Site) -> Page:
    """The site's front page, open."""
    page.add_init_script(COUNT_SENT)
    page.add_init_script(COUNT_ANSWERS)
    page.add_init_script(FAKE)
    page.goto(site.url)
    return page


def press(page: Page) -> None:
    """Press the button, which sends everything at once."""
    page.mouse.move(*ON_BUTTON)
    page.mouse.down()
    page.mouse.up()


def warm(page: Page, times: int = 1) -> None:
    """Have a first batch taken, so that the page holds a token."""
    press(page)
    page.wait_for_function("n => window.sent >= n", arg=times)


def send_no_more(page: Page) -> None:
    """Have the collector keep its movement for a form, however long the page takes to send it."""
    page.evaluate("() => { window.setTimeout = () => 1; }")


def all_events(site: Site) -> list[tuple[int, float, float]]:
    """Return (kind, x, y) of every event taken, over all batches."""
    return [
        (int(k), float(x), float(y))
        for batch in site.taken()
        for k, x, y in zip(batch.kind, batch.x, batch.y, strict=True)
    ]


def places(batch: EventBatch, kind: int = MOVE) -> list[tuple[float, float]]:
    """Return where the events of a kind happened."""
    return list(zip(batch.x[batch.kind == kind], batch.y[batch.kind == kind], strict=True))


# What the server reads


def test_the_server_reads_the_movement_that_was_made(page: Page, site: Site) -> None:
    """Positions, order, press, pointer, trust, pressure, times and viewport survive the wire."""
    path = [(100, 100), (120, 90), (160, 95), (250, 200), ON_BUTTON]
    for x, y in path:
        page.mouse.move(x, y)
    page.mouse.down()
    site.wait(lambda: site.posts(status=204))
    (batch,) = site.taken()
    assert places(batch) == path
    assert batch.kind[-1] == DOWN
    assert (batch.x[-1], batch.y[-1]) == ON_BUTTON
    assert (np.diff(batch.t_ms) >= 0).all()
    assert (batch.pointer == MOUSE).all()
    assert batch.trusted.all()
    assert batch.pressure.tolist() == (batch.kind == DOWN).tolist()
    assert batch.viewport == (1280, 800)
    assert batch.t_ms[0] > 0
    assert batch.sent_ms >= batch.t_ms[-1]


def test_the_button_dwell_is_in_the_next_batch(page: Page, site: Site) -> None:
    """A release is no reason to send, so it waits for the next one."""
    warm(page)
    press(page)
    site.wait(lambda: len(site.posts(status=204)) == 2)
    assert site.taken()[1].kind.tolist()[0] == UP
    assert places(site.taken()[1], UP) == [ON_BUTTON]


def test_times_are_those_of_the_browsers_events(page: Page, site: Site) -> None:
    """Also across a pause longer than 16 bits of 0.1 ms, for which there are gap records."""
    page.evaluate(
        "window.stamps = []; addEventListener('pointermove', (e) =>"
        " stamps.push(...(e.getCoalescedEvents().map((c) => c.timeStamp))))"
    )
    page.mouse.move(100, 100)
    page.wait_for_timeout(3_600)
    page.mouse.move(150, 110)
    press(page)
    site.wait(lambda: all_events(site)[-1:] == [(DOWN, *ON_BUTTON)])
    t = np.concatenate([batch.t_ms[batch.kind == MOVE] for batch in site.taken()])
    assert t == pytest.approx(page.evaluate("stamps"), abs=0.11)


def test_a_pause_of_half_a_day_is_kept(page: Page, site: Site) -> None:
    """Gap records count whole seconds, several where 16 bits are too few, and are no events."""
    page.evaluate(
        """() => {
          performance.now = () => 50_000_000;
          dispatchEvent(fake('pointermove', { clientX: 1 }, 1_000.5));
          dispatchEvent(fake('pointermove', { clientX: 2 }, 49_000_000.3));
          dispatchEvent(fake('pointermove', { clientX: 3 }, 49_000_003.6));
          dispatchEvent(fake('pointermove', { clientX: 4 }, 49_000_007.1));
        }"""
    )
    press(page)
    (batch,) = site.wait(site.taken)
    assert [x for x, y in places(batch)[:4]] == [1, 2, 3, 4]
    assert batch.t_ms[:4] == pytest.approx([1_000.5, 49_000_000.3, 49_000_003.6, 49_000_007.1], abs=0.101)


@pytest.mark.parametrize(
    ("kind", "number"), [("mouse", MOUSE), ("touch", TOUCH), ("pen", PEN), ("", MOUSE)]
)
def test_pointers_are_told_apart(page: Page, site: Site, kind: str, number: int) -> None:
    """Some tablets pass for desktop browsers: only the pointer's type tells."""
    page.evaluate("(kind) => dispatchEvent(fake('pointermove', { pointerType: kind }))", kind)
    press(page)
    (batch,) = site.wait(site.taken)
    assert batch.pointer[0] == number


def test_events_made_by_scripts_are_marked(page: Page, site: Site) -> None:
    """The browser's word on trust goes along, event by event."""
    page.evaluate("dispatchEvent(fake('pointermove', { clientX: 7, clientY: 8 }))")
    press(page)
    (batch,) = site.wait(site.taken)
    assert batch.trusted.tolist() == [False] + [True] * (len(batch) - 1)
    assert places(batch)[0] == (7, 8)


def test_the_wheel_keeps_its_delta_and_the_pointer_its_place(page: Page, site: Site) -> None:
    """A wheel event says how far it turned, and does not move the pointer."""
    page.evaluate("window.turns = 0; addEventListener('wheel', () => window.turns++)")
    page.mouse.move(200, 200)
    page.mouse.wheel(0, 120)
    page.mouse.wheel(-30, -240)
    # The wheel is delivered later than mouse input that follows it.
    page.wait_for_function("() => window.turns === 2")
    press(page)
    site.wait(lambda: all_events(site)[-1:] == [(DOWN, *ON_BUTTON)])
    (batch,) = site.taken()
    turned = batch.kind == WHEEL
    assert list(zip(batch.wheel_x[turned], batch.wheel_y[turned], strict=True)) == [(0, 120), (-30, -240)]
    assert places(batch, WHEEL) == [(200, 200)] * 2
    assert places(batch)[-1] == ON_BUTTON


def test_a_notch_of_the_wheel_is_marked_by_its_older_measure(page: Page, site: Site) -> None:
    """Whatever delta comes with it; parts of a notch, several, and none at all are not."""
    page.evaluate(
        """() => {
          for (const wheelDelta of [120, -120, 119, -240, 0, undefined]) {
            dispatchEvent(Object.defineProperty(fake('wheel'), 'wheelDelta', { value: wheelDelta }));
          }
        }"""
    )
    press(page)
    (batch,) = site.wait(site.taken)
    assert batch.notch[batch.kind == WHEEL].tolist() == [True, True] + [False] * 4


def test_leaving_and_entering_the_window_is_noted(page: Page, site: Site) -> None:
    """Crossing the page's edge counts; crossing elements inside it does not."""
    page.evaluate(
        """() => {
          for (const type of ['pointerleave', 'pointerenter']) {
            document.documentElement.dispatchEvent(fake(type, { clientX: 3 }));
            document.body.dispatchEvent(fake(type, { clientX: 4 }));
          }
        }"""
    )
    press(page)
    site.wait(site.taken)
    assert [(k, x) for k, x, _ in all_events(site) if k in (LEAVE, ENTER) and x in (3, 4)] == [
        (LEAVE, 3),
        (ENTER, 3),
    ]


def test_fractions_add_up_to_no_drift(page: Page, site: Site) -> None:
    """Zoomed pages report fractions of a pixel; the place is rounded, not each step."""
    page.evaluate(
        """() => {
          performance.now = () => 60_000;
          for (let i = 0; i <= 100; i++) {
            dispatchEvent(fake('pointermove', { clientX: i * 0.4, clientY: 10 }, i * 5 + 1));
          }
        }"""
    )
    press(page)
    (batch,) = site.wait(site.taken)
    x = np.array(places(batch))[:101, 0]
    assert np.abs(x - 0.4 * np.arange(101)).max() <= 0.5


def test_a_fast_mouse_is_thinned_to_250_samples_a_second(page: Page, site: Site) -> None:
    """A 1,000 Hz mouse hands over 8 samples a frame; every fourth is kept, evenly."""
    page.evaluate(
        """() => {
          performance.now = () => 60_000;
          for (let frame = 0; frame < 125; frame++) {
            const coalescedEvents = [...Array(8).keys()].map((i) => {
              const ms = frame * 8 + i + 1;
              return fake('pointermove', { clientX: ms, clientY: 10 }, ms);
            });
            dispatchEvent(fake('pointermove', { clientX: 0, clientY: 10, coalescedEvents }, frame * 8 + 8));
          }
        }"""
    )
    press(page)
    (batch,) = site.wait(site.taken)
    x = np.array([x for x, y in places(batch) if y == 10])
    assert 245 <= x.size <= 252
    assert (x[0], x[-1]) == (1, pytest.approx(1_000, abs=4))
    assert np.diff(x).max() <= 5


def test_absurd_numbers_of_a_script_are_contained(page: Page, site: Site) -> None:
    """No page's script can make the collector throw or its batch be refused."""
    page.evaluate(
        """() => {
          dispatchEvent(fake('pointermove', { clientX: 1e9, clientY: -1e9 }));
          dispatchEvent(new Event('pointermove'));
          dispatchEvent(new Event('pointerdown'));
          dispatchEvent(fake('wheel', { deltaY: 1e12 }));
          dispatchEvent(fake('pointerup', { clientX: -1e9, clientY: 1e9 }));
        }"""
    )
    press(page)
    (batch,) = site.wait(site.taken)
    assert places(batch)[0] == (16_000, -16_000)
    assert places(batch, DOWN)[0] == (0, 0)
    assert places(batch, UP) == [(-16_000, 16_000)]
    assert batch.wheel_y.max() == 16_000


@pytest.mark.parametrize("clock", ["0", "NaN", "undefined", "Date.now()", "performance.now() + 100", "-5"])
def test_a_strange_clock_makes_no_strange_times(page: Page, site: Site, clock: str) -> None:
    """Some browsers round stamps past the present, or count from elsewhere: then now counts."""
    before = page.evaluate("performance.now()")
    page.evaluate(f"dispatchEvent(fake('pointerup', {{}}, {clock}))")
    press(page)
    (batch,) = site.wait(site.taken)
    assert batch.kind[0] == UP
    assert before - 0.2 <= batch.t_ms[0] <= batch.sent_ms
    assert (np.diff(batch.t_ms) >= 0).all()


def test_a_coarse_clock_is_no_error(page: Page, site: Site) -> None:
    """Resist-fingerprinting browsers tell the time in steps of 16.67 or 100 ms."""
    page.add_init_script(
        """(() => {
          const exact = performance.now.bind(performance);
          const stamp = Object.getOwnPropertyDescriptor(Event.prototype, "timeStamp").get;
          const coarse = (ms) => Math.floor(ms / 100) * 100;
          performance.now = () => coarse(exact());
          const get = function () { return coarse(stamp.call(this)); };
          Object.defineProperty(Event.prototype, "timeStamp", { get });
        })()"""
    )
    page.reload()
    press(page)
    (batch,) = site.wait(site.taken)
    assert (batch.t_ms % 100 == 0).all()
    assert batch.sent_ms >= batch.t_ms[-1]


# When it sends


def test_it_sends_after_two_seconds_of_movement(page: Page, site: Site) -> None:
    """Without a press, and nothing more once the pointer rests."""
    page.mouse.move(100, 100)
    started = page.evaluate("performance.now()")
    site.wait(lambda: site.posts())
    (post,) = site.posts()
    assert 1_500 <= post.envelope().sent_ms - started <= 10_000
    assert places(site.taken()[0]) == [(100, 100)]


def test_batches_are_cut_at_pauses(page: Page, site: Site) -> None:
    """An open stroke is held back so that it arrives in one piece."""
    page.mouse.move(300, 300)
    page.wait_for_timeout(1_200)
    page.evaluate(
        """() => new Promise((done) => {
          let x = 0;
          const timer = setInterval(() => {
            dispatchEvent(fake('pointermove', { clientX: x, clientY: 50 }));
            if (++x === 60) done(clearInterval(timer));
          }, 25);
        })"""
    )
    site.wait(lambda: any(x == 59 for _, x, _ in all_events(site)))
    batches = site.taken()
    assert len(batches) >= 2
    for before, after in pairwise(batches):
        assert after.t_ms[0] - before.t_ms[-1] >= 150


def test_a_stroke_without_end_is_not_held_for_ever(page: Page, site: Site) -> None:
    """After three seconds what there is goes, open or not."""
    page.clock.install()
    page.reload()
    page.evaluate(
        "window.x = 0; setInterval(() => dispatchEvent(fake('pointermove',"
        "{ clientX: ++x % 500, clientY: 50 }, performance.now())), 20)"
    )
    page.clock.run_for(5_000)
    site.wait(lambda: site.posts(status=204))
    batch = site.taken()[0]
    assert 2_900 <= batch.t_ms[-1] - batch.t_ms[0] <= 4_000


def test_a_press_on_empty_ground_is_no_reason_to_send(page: Page, site: Site) -> None:
    """Only a press on a control announces that something is about to happen."""
    page.mouse.move(700, 500)
    page.mouse.down()
    page.mouse.up()
    press(page)
    site.wait(lambda: site.posts(status=204))
    assert places(site.taken()[0], DOWN) == [(700, 500), ON_BUTTON]


@pytest.mark.parametrize(
    "control",
    [
        "<a href='#x'>press</a>",
        "<label>press</label>",
        "<span role='button'>press</span>",
        "<div onclick='void 0'><b><i>press</i></b></div>",
        "<details><summary>press</summary></details>",
        "<my-button>press</my-button>",
    ],
)
def test_a_press_on_any_control_sends_at_once(page: Page, site: Site, control: str) -> None:
    """Native, by role, by handler, nested, or inside a component's shadow tree."""
    site.page(f"<p id=target style='font-size:40px'>{control}</p>")
    page.add_init_script(
        """customElements.define('my-button', class extends HTMLElement {
          connectedCallback() {
            this.attachShadow({ mode: 'open' }).innerHTML = '<button><slot></slot></button>';
          }
        })"""
    )
    page.goto(site.url)
    page.get_by_text("press").hover()
    page.mouse.down()
    # On a slow machine the moves before may have gone in a batch of their own.
    batch = site.wait(lambda: [batch for batch in site.taken() if batch.kind[-1] == DOWN])[0]
    assert batch.sent_ms - batch.t_ms[-1] < 1_500


@pytest.mark.parametrize("host", ["closed-button", "div", "span"])
def test_a_press_inside_a_closed_shadow_root_sends_at_once(page: Page, site: Site, host: str) -> None:
    """Nobody outside sees the button, only its host."""
    page.evaluate(
        """(tag) => {
          const host = document.createElement(tag);
          host.style = 'position:fixed;left:400px;top:300px';
          host.attachShadow({ mode: 'closed' }).innerHTML =
            '<button style="width:80px;height:40px">Go</button>';
          document.body.replaceChildren(host);
        }""",
        host,
    )
    page.mouse.move(*ON_BUTTON)
    page.mouse.down()
    batch = site.wait(lambda: [batch for batch in site.taken() if batch.kind[-1] == DOWN])[0]
    assert batch.sent_ms - batch.t_ms[-1] < 1_500


def test_what_is_left_goes_when_the_page_goes(page: Page, site: Site) -> None:
    """By beacon, with the press's own release in it."""
    warm(page)
    page.mouse.move(33, 44)
    page.goto(site.url + "/gone")
    site.wait(lambda: len(site.posts(status=204)) == 2)
    assert places(site.taken()[1]) == [(33, 44)]
    assert all(post.status in (204, 409) for post in site.posts())


def test_a_refused_beacon_is_kept(page: Page, site: Site) -> None:
    """sendBeacon may say no, its quota being shared; the batch then goes another way."""
    warm(page)
    page.evaluate("navigator.sendBeacon = () => false")
    page.mouse.move(33, 44)
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    press(page)
    site.wait(lambda: len(site.posts(status=204)) == 3)
    assert (MOVE, 33, 44) in all_events(site)
    assert sorted(post.envelope().seq for post in site.posts()) == [0, 1, 2]


def test_hiding_twice_sends_once(page: Page, site: Site) -> None:
    """Leaving a page fires both pagehide and visibilitychange."""
    warm(page)
    page.mouse.move(33, 44)
    page.evaluate("dispatchEvent(new Event('pagehide')); dispatchEvent(new Event('pagehide'))")
    site.wait(lambda: len(site.posts()) >= 2)  # a beacon and the mark may overtake each other
    page.evaluate("fetch('/mark', { method: 'POST' })")
    site.wait(lambda: site.posts("/mark"))
    assert [post.envelope().seq for post in site.posts()] == [0, 1]


def test_coming_back_asks_whether_the_beacon_arrived(page: Page, site: Site) -> None:
    """Nobody hears a beacon's answer, so its batch is pending until 204 or 409."""
    warm(page)
    page.mouse.move(33, 44)
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    site.wait(lambda: len(site.posts()) == 2)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    site.wait(lambda: site.posts(status=409))
    press(page)
    site.wait(lambda: len(site.posts(status=204)) == 3)
    assert [(post.envelope().seq, post.status) for post in site.posts()] == [
        (0, 204),
        (1, 204),
        (1, 409),
        (2, 204),
    ]


def test_a_page_that_is_left_again_sends_again(page: Page, site: Site) -> None:
    """What the first beacon did not bring, the next one may: coming back resets that."""
    warm(page)
    site.answers = [503, 503]
    page.mouse.move(33, 44)
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    site.wait(lambda: len(site.posts(status=503)) == 1)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    site.wait(lambda: len(site.posts(status=503)) == 2)
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    site.wait(lambda: site.posts(status=409))
    assert [post.status for post in site.posts()] == [204, 503, 503, 204, 409]


# When the server says no


def test_a_lost_token_is_fetched_again_and_the_same_batch_sent(page: Page, site: Site) -> None:
    """After a rotation of the session the evidence is not lost."""
    warm(page)
    site.revoke()
    press(page)
    site.wait(lambda: len(site.posts(status=204)) == 2)
    refused, taken = site.posts()[1:]
    assert (refused.status, taken.status, site.tokens) == (401, 204, 2)
    assert refused.envelope().seq == taken.envelope().seq
    assert refused.envelope().planes == taken.envelope().planes


def test_a_batch_is_given_up_after_three_refusals(page: Page, site: Site) -> None:
    """A page whose session is gone does not ask for ever."""
    site.answers = [401, 401, 401]
    press(page)
    site.wait(lambda: len(site.posts(status=401)) == 3)
    press(page)
    site.wait(lambda: site.posts(status=204))
    assert [post.envelope().seq for post in site.posts()] == [0, 0, 0, 1]


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_batch_that_is_refused_for_good_is_dropped(page: Page, site: Site, status: int) -> None:
    """It would be refused again."""
    site.answers = [status]
    press(page)
    site.wait(lambda: site.posts(status=status))
    press(page)
    site.wait(lambda: site.posts(status=204))
    assert [post.envelope().seq for post in site.posts()] == [0, 1]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_batch_survives_a_server_in_trouble(page: Page, site: Site, status: int) -> None:
    """It is sent again, the same, after a pause; presses meanwhile do not press the server."""
    site.answers = [status]
    press(page)
    page.wait_for_function("() => window.answers === 2")
    press(page)
    site.wait(lambda: len(site.posts(status=204)) == 2)
    first, *rest = site.posts()
    # What waited is sent at one go, and may arrive in any order.
    again, later = sorted(rest, key=lambda post: post.envelope().seq)
    assert first.envelope().planes == again.envelope().planes
    assert [p.envelope().seq for p in (first, again, later)] == [0, 0, 1]
    assert again.envelope().sent_ms - first.envelope().sent_ms >= 1_900


def test_memory_is_bounded_while_the_server_is_down(page: Page, site: Site) -> None:
    """Of 12,000 events at most 4,000 are kept, the newest, in batches that a form could carry."""
    turn = (
        "([from, to]) => { for (let i = from; i < to; i++) dispatchEvent(fake('wheel', { deltaY: i })); }"
    )

    def turned() -> list[float]:
        taken = np.concatenate([batch.wheel_y for batch in site.taken()])
        return sorted(taken[taken > 0].tolist())

    def newest(count: int) -> list[int]:
        return list(range(12_000 - count, 12_000))

    warm(page)
    site.broken = 503
    page.evaluate(turn, [0, 5_000])
    press(page)
    site.wait(lambda: len(site.posts(status=503)) == 3)
    page.evaluate(turn, [5_000, 12_000])
    site.broken = None
    site.wait(lambda: len(turned()) >= 2_500 and turned() == newest(len(turned())))
    press(page)
    site.wait(lambda: site.taken()[-1].kind[-1] == DOWN)
    assert turned() == newest(len(turned()))
    assert len(turned()) <= 4_000
    assert max(len(post.body) for post in site.posts()) <= 16_384


def test_no_token_means_no_batch_but_no_loss(page: Page, site: Site) -> None:
    """A page from a public cache has no session at first: movement waits for one."""
    site.broken = 409
    press(page)
    site.wait(lambda: any(s.path == "/zerotrust/token" for s in site.seen))
    site.broken = None
    page.mouse.move(20, 20)
    site.wait(lambda: (MOVE, *ON_BUTTON) in all_events(site))
    assert all(post.status == 204 for post in site.posts())


def test_without_a_session_it_asks_every_five_seconds_while_it_moves(page: Page, site: Site) -> None:
    """A page of a single-page app waits for the login, and that is no outage."""

    def asked() -> int:
        return sum(s.path == "/zerotrust/token" for s in site.seen)

    site.broken = 409
    page.clock.install()
    page.reload()
    page.evaluate(
        "window.moving = setInterval(() => dispatchEvent(fake('pointermove',"
        "{ clientX: (window.x = (window.x ?? 0) + 1), clientY: 50 }, performance.now())), 100)"
    )
    for _ in range(7):
        before, waited_ms = asked(), 0
        # An answer may be late on a busy machine, and only then does the page wait for its next try.
        while asked() == before and waited_ms < 12_000:
            page.clock.run_for(1_000)
            time.sleep(0.3)
            waited_ms += 1_000
        assert asked() > before
    page.evaluate("clearInterval(moving)")
    for _ in range(10):
        page.clock.run_for(1_000)
        time.sleep(0.3)
    resting = asked()
    for _ in range(10):
        page.clock.run_for(6_000)
        time.sleep(0.1)
    assert asked() <= resting + 1


# Forms


def form(site: Site, attributes: str, button: str = "") -> str:
    """Return a page with a form and the outside button."""
    return site.page(
        f"{BUTTON}<form id=f {attributes}><input name=to value=grace>"
        f"<button id=s {button}>Send</button></form>"
    )


WAYS = {
    "button": "document.getElementById('s').click()",
    "requestSubmit": "f.requestSubmit(s)",
    "submit": "f.submit()",
    "fetch": "fetch(f.action, { method: 'POST', body: new FormData(f) })",
}


def submit(page: Page, way: str) -> None:
    """Move a little, then submit without touching anything."""
    warm(page)
    if way != "fetch":
        send_no_more(page)
    page.mouse.move(71, 72)
    page.mouse.move(73, 74)
    if way == "fetch":
        page.evaluate(f"void ({WAYS[way]})")
        return
    # A context that is closed in the middle of a navigation can hang.
    with page.expect_navigation():
        page.evaluate(f"void ({WAYS[way]})")


def ridden(body: bytes) -> list[EventBatch]:
    """Return the batches in a form post, url-encoded or multipart."""
    text = body.decode()
    if text.startswith("---"):
        found = re.findall(rf'name="{FIELD}"\r\n\r\n(.*?)\r\n', text)
    else:
        found = parse_qs(text).get(FIELD, [])
    return [decode(open_envelope(batch, max_bytes=16_384), max_events=4_000) for batch in found]


@pytest.mark.parametrize("way", WAYS)
def test_the_movement_rides_in_a_form_post(page: Page, site: Site, way: str) -> None:
    """However it is submitted, the post carries what no batch has brought yet."""
    page.goto(form(site, "method=post action=/pay"))
    submit(page, way)
    post = site.wait(lambda: site.posts("/pay"))[0]
    (batch,) = ridden(post.body)
    assert places(batch) == [(71, 72), (73, 74)]
    assert b"grace" in post.body


def test_what_rides_stands_before_the_fields_and_files_of_the_form(page: Page, site: Site) -> None:
    """The server reads the beginning of a body only. All else is sent as it would be without us."""
    fields = "<input name=a value=1><input type=file name=f multiple><input name=a value=2>"
    button = "<button id=s name=b value=3>Send</button>"
    attributes = "id=f method=post action=/pay enctype=multipart/form-data"
    page.goto(site.page(f"{BUTTON}<form {attributes}>{fields}{button}</form>"))
    files = [{"name": f"é{n}.txt", "mimeType": "text/plain", "buffer": b"x" * 70_000} for n in range(2)]
    page.set_input_files("[name=f]", files)  # type: ignore[arg-type]
    submit(page, "requestSubmit")
    body = site.wait(lambda: site.posts("/pay"))[0].body.decode()
    assert re.findall(r'; name="(\w+)"', body) == [FIELD, "a", "f", "f", "a", "b", "zerotrust_pressed"]
    assert re.findall(r'filename="(.*?)"\r\nContent-Type: (.*?)\r', body) == [
        ("é0.txt", "text/plain"),
        ("é1.txt", "text/plain"),
    ]


def test_what_rode_in_a_form_stays_pending(page: Page, site: Site) -> None:
    """The same sequence is sent on its own too, and the server takes it once."""
    page.goto(form(site, "method=post action=/pay"))
    submit(page, "fetch")
    post = site.wait(lambda: site.posts("/pay"))[0]
    site.wait(lambda: (MOVE, 73, 74) in all_events(site))
    field = re.search(rf'name="{FIELD}"\r\n\r\n(.*?)\r\n', post.body.decode())
    assert field is not None
    assert json.loads(field[1])["seq"] == site.posts(status=204)[-1].envelope().seq


def test_a_button_may_post_elsewhere_on_this_site(page: Page, site: Site) -> None:
    """formaction to the same origin keeps the movement."""
    page.goto(form(site, "method=post action=/pay", "formaction=/other formmethod=POST"))
    submit(page, "button")
    assert ridden(site.wait(lambda: site.posts("/other"))[0].body)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_rides_in_a_get_form(page: Page, site: Site, way: str) -> None:
    """It would end in the address, the history and other sites' Referer."""
    page.goto(form(site, "action=/search"))
    submit(page, way)
    found = site.wait(lambda: [s for s in site.seen if s.path == "/search"])
    assert FIELD not in found[0].query
    assert FIELD.encode() not in found[0].body


@pytest.mark.parametrize("way", ["button", "requestSubmit", "submit"])
def test_nothing_rides_to_another_origin(page: Page, site: Site, elsewhere: Site, way: str) -> None:
    """A batch and its token are for this site alone."""
    page.goto(form(site, f"method=post action={elsewhere.url}/pay"))
    submit(page, way)
    assert elsewhere.wait(lambda: elsewhere.posts("/pay"))[0].body == b"to=grace"


@pytest.mark.parametrize("attributes", ["formaction={}/pay", "formmethod=get formaction=/pay"])
def test_nothing_rides_when_the_button_says_otherwise(
    page: Page, site: Site, elsewhere: Site, attributes: str
) -> None:
    """A submit button can override where and how its form goes."""
    page.goto(form(site, "method=post action=/pay", attributes.format(elsewhere.url)))
    submit(page, "button")
    target = elsewhere if "{" in attributes else site
    (request,) = target.wait(lambda: [s for s in target.seen if s.path == "/pay"])
    assert FIELD not in request.query
    assert FIELD.encode() not in request.body


def test_a_field_called_action_hides_no_cross_origin_form(page: Page, site: Site, elsewhere: Site) -> None:
    """Named fields shadow a form's own properties in script."""
    site.page(
        f"{BUTTON}<form id=f method=post action={elsewhere.url}/pay>"
        "<input name=action value=x><input name=method value=y><button id=s>Send</button></form>"
    )
    page.goto(site.url)
    submit(page, "button")
    assert elsewhere.wait(lambda: elsewhere.posts("/pay"))[0].body == b"action=x&method=y"


def test_an_impossible_action_is_no_error(page: Page, site: Site) -> None:
    """The page's own mistake stays the page's own."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(form(site, "method=post action=http://["))
    warm(page)
    page.mouse.move(71, 72)
    assert page.evaluate("[...new FormData(f).keys()]") == ["to"]
    assert errors == []


SECRETS = (
    "<input type=password name=geheim value=a><input name=kort autocomplete='billing cc-number' value=b>"
    "<input name=neu autocomplete=new-password value=c><input name=kod autocomplete=one-time-code value=d>"
    "<input name=nick autocomplete=username value=e><select name=farbe><option>f</select>"
)


def masked(body: bytes) -> list[str]:
    return parse_qs(body.decode()).get("zerotrust_masked", [])


def test_a_form_names_the_fields_that_the_browser_masks_or_fills_in(page: Page, site: Site) -> None:
    """Without movement, too, and never with a value. Other forms of the page are not named."""
    page.goto(
        site.page(
            f"<form id=f method=post action=/pay>{SECRETS}<button id=s>Send</button></form>"
            "<input form=f type=password name=outside value=g><form><input type=password name=other></form>"
        )
    )
    with page.expect_navigation():
        page.click("#s")
    assert masked(site.wait(lambda: site.posts("/pay"))[0].body) == [
        "geheim",
        "kort",
        "neu",
        "kod",
        "outside",
    ]


def test_a_form_names_the_button_that_sends_it(page: Page, site: Site) -> None:
    page.goto(
        site.page(
            "<form method=post action=/pay><input name=to value=grace><button name=step value=a>A</button>"
            "<button id=s name=step value=b>B</button></form>"
        )
    )
    with page.expect_navigation():
        page.click("#s")
    sent = parse_qs(site.wait(lambda: site.posts("/pay"))[0].body.decode())
    assert (sent["step"], sent["zerotrust_pressed"]) == (["b"], ["step"])


def test_a_password_that_the_page_shows_is_still_named(page: Page, site: Site) -> None:
    page.goto(
        site.page(
            "<form method=post action=/pay><input type=password name=geheim><button id=s>Send</button>"
        )
    )
    page.fill("[name=geheim]", "horse")
    page.evaluate("document.querySelector('[name=geheim]').type = 'text'")
    with page.expect_navigation():
        page.click("#s")
    assert masked(site.wait(lambda: site.posts("/pay"))[0].body) == ["geheim"]


def test_no_names_leave_for_another_origin(page: Page, site: Site, elsewhere: Site) -> None:
    page.goto(
        site.page(
            f"<form method=post action={elsewhere.url}/pay>{SECRETS}<button id=s>Send</button></form>"
        )
    )
    with page.expect_navigation():
        page.click("#s")
    assert masked(elsewhere.wait(lambda: elsewhere.posts("/pay"))[0].body) == []


def test_a_form_without_movement_carries_nothing(page: Page, site: Site) -> None:
    """A keyboard user's post is as it was."""
    page.goto(form(site, "method=post action=/pay"))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert site.wait(lambda: site.posts("/pay"))[0].body == b"to=grace"


# What it leaves alone


def test_no_key_is_ever_seen(page: Page, site: Site) -> None:
    """A typed secret stands in the form it was typed into, and in no batch; no key is listened to."""
    page.add_init_script(
        """window.types = new Set();
        const add = EventTarget.prototype.addEventListener;
        EventTarget.prototype.addEventListener = function (type, ...rest) {
          if (new Error().stack.includes('/collector.js')) types.add(type);
          return add.call(this, type, ...rest);
        };"""
    )
    secret = "correct horse battery"
    page.goto(form(site, "method=post action=/pay"))
    warm(page)
    page.locator("[name=to]").fill("")
    send_no_more(page)
    page.mouse.move(50, 60)
    page.keyboard.type(secret)
    page.locator("[name=to]").press_sequentially(secret)
    heard = set(page.evaluate("[...types]"))
    with page.expect_navigation():
        page.evaluate("f.submit()")
    post = site.wait(lambda: site.posts("/pay"))[0]
    assert len(ridden(post.body)) == 1
    assert post.body.count(b"horse") == 2
    ours = [s for s in site.seen if s.path.startswith("/zerotrust/")]
    assert all(b"horse" not in s.body and "horse" not in s.query for s in ours)
    assert heard == {
        *("pointermove", "pointerdown", "pointerup", "wheel", "pointerleave", "pointerenter"),
        *("submit", "formdata", "pagehide", "pageshow", "visibilitychange", "focusin"),
    }


def test_events_go_on_as_if_nobody_watched(page: Page, site: Site) -> None:
    """Nothing is prevented, nothing stopped."""
    stopped = page.evaluate(
        """() => ['pointermove', 'pointerdown', 'pointerup', 'wheel', 'submit'].filter((type) => {
          let reached = false;
          document.body.addEventListener(type, () => (reached = true), { once: true });
          const init = { bubbles: true, cancelable: true };
          const made = type === 'submit' ? new SubmitEvent(type, init) : fake(type, init);
          return !document.body.dispatchEvent(made) || !reached;
        })"""
    )
    assert stopped == []


def test_a_page_that_stops_events_is_seen_all_the_same(page: Page, site: Site) -> None:
    """Canvas apps stop propagation; the collector listens before them."""
    page.evaluate(
        "for (const type of ['pointermove', 'pointerdown']) document.addEventListener(type,"
        " (event) => { event.stopImmediatePropagation(); event.preventDefault(); }, true)"
    )
    press(page)
    (batch,) = site.wait(site.taken)
    # The mouse of a headless shell is inside the page from the start.
    assert batch.kind.tolist() in ([ENTER, MOVE, DOWN], [MOVE, DOWN])


@pytest.mark.parametrize("stop", ["stopImmediatePropagation", "stopPropagation"])
def test_a_listener_that_comes_first_and_stops_events_silences_nothing(
    page: Page, site: Site, stop: str
) -> None:
    """A page's own listener on the window is there before a script that waits for the page."""
    site.page(
        "<script>window.heard = 0; for (const type of ['pointermove', 'pointerdown', 'pointerup', 'wheel'])"
        f" addEventListener(type, (event) => {{ event.{stop}(); heard++; }}, true);"
        " addEventListener('pointermove', () => heard += 1000, true)</script>" + BUTTON
    )
    page.goto(site.url)
    press(page)

    def seen() -> set[int]:
        return {int(kind) for batch in site.taken() for kind in batch.kind}

    site.wait(lambda: {MOVE, DOWN} <= seen())
    assert all(batch.trusted.all() for batch in site.taken())
    others = page.evaluate("heard") >= 1000
    assert others == (stop == "stopPropagation")


def test_the_script_of_old_libraries_changes_no_batch(page: Page, site: Site) -> None:
    """Prototype.js 1.6 gave texts, numbers and arrays a toJSON(), and arrays a reduce() of its own."""
    page.add_init_script(
        """Array.prototype.toJSON = () => '[]';
        String.prototype.toJSON = Number.prototype.toJSON = () => 'odd';
        Array.prototype.reduce = function () { return this.length > 1 ? this : this[0]; };"""
    )
    page.goto(site.url)
    press(page)
    (batch,) = site.wait(site.taken)
    assert batch.viewport == (1280, 800)
    assert site.wait(lambda: site.posts(status=204))


def test_it_runs_under_a_strict_policy_without_a_word(page: Page, site: Site) -> None:
    """default-src 'self', and the console stays empty from load to navigation."""
    site.headers = {"Content-Security-Policy": "default-src 'self'; base-uri 'none'"}
    words: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        words.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: words.append(str(error)))
    site.pages["/"] = site.pages["/"].replace(' style="position:fixed;left:400px;top:300px"', "")
    page.goto(site.url)
    page.locator("#go").click()
    page.wait_for_function("() => window.sent >= 1")
    page.mouse.move(5, 6)
    page.goto(site.url)
    site.wait(lambda: (MOVE, 5, 6) in all_events(site))
    assert words == []


@pytest.mark.parametrize("missing", ["PointerEvent", "navigator.sendBeacon"])
def test_an_old_browser_hears_nothing_of_it(page: Page, site: Site, missing: str) -> None:
    """Where something is not supported there is no error and no request."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    name = missing.removeprefix("navigator.")
    owner = "Navigator.prototype" if name != missing else "window"
    page.add_init_script(f"delete {owner}.{name}")
    page.goto(site.url)
    press(page)
    page.evaluate("fetch('/mark', { method: 'POST' })")
    site.wait(lambda: site.posts("/mark"))
    assert not [s for s in site.seen if s.path in ("/zerotrust/token", "/zerotrust/events")]
    assert errors == []


def test_helpers_of_newer_browsers_are_optional(page: Page, site: Site) -> None:
    """Coalesced events need a secure context, request time-outs a recent browser."""
    page.add_init_script("delete PointerEvent.prototype.getCoalescedEvents; delete AbortSignal.timeout")
    page.goto(site.url)
    press(page)
    assert places(site.wait(site.taken)[0]) == [ON_BUTTON]


def test_loaded_twice_it_runs_once(page: Page, site: Site) -> None:
    """Two versions in one page would count every stroke twice."""
    site.page(BUTTON, head=SCRIPT + SCRIPT.replace(".js", ".js?v=2"))
    page.goto(site.url)
    assert site.wait(lambda: [s for s in site.seen if s.query == "v=2"])
    warm(page)
    press(page)
    site.wait(lambda: len(site.posts(status=204)) >= 2)
    assert {post.envelope().nonce for post in site.posts()} == {site.posts()[0].envelope().nonce}


# Several documents


def test_tabs_are_documents_of_their_own(page: Page, context: BrowserContext, site: Site) -> None:
    """Each has its nonce, its sequence and its token."""
    other = context.new_page()
    other.goto(site.url)
    for tab in (page, other):
        tab.bring_to_front()
        press(tab)
    site.wait(lambda: len(site.posts(status=204)) >= 2)
    firsts = [post.envelope() for post in site.posts(status=204) if post.envelope().seq == 0]
    assert len({envelope.nonce for envelope in firsts}) == 2
    assert len({envelope.token for envelope in firsts}) == 2


def test_a_nonce_is_128_random_bits_or_more(page: Page, site: Site) -> None:
    """It names the document to the server and must not be guessed."""
    warm(page)
    page.reload()
    warm(page)
    nonces = {post.envelope().nonce for post in site.posts(status=204)}
    assert len(nonces) >= 2
    assert all(len(nonce) * 6 >= 128 for nonce in nonces)


def test_a_page_from_the_back_forward_cache_gets_a_new_token(
    playwright: Playwright, chromium: str, site: Site
) -> None:
    """The session may be another one by then."""
    browser: Browser = playwright.chromium.launch(
        executable_path=chromium, args=list(FLAGS), ignore_default_args=["--disable-back-forward-cache"]
    )
    try:
        page = browser.new_page()
        page.add_init_script(COUNT_SENT)
        site.page("Next", path="/next", head="")
        page.goto(site.url)
        page.evaluate("window.kept = true; addEventListener('pageshow', (e) => window.back = e.persisted)")
        warm(page)
        page.goto(site.url + "/next")
        page.evaluate("history.back()")
        page.wait_for_function("() => window.kept && window.back")
        warm(page, 2)
    finally:
        browser.close()
    assert site.tokens == 2
    assert {post.envelope().token for post in site.posts(status=204)[-1:]} == {"token-2"}
    assert len({post.envelope().nonce for post in site.posts()}) == 1


# What it weighs


def test_it_stays_small() -> None:
    """At most 2.4 kB minified and zipped.

    Here only comments and blanks go and the names stay long, which adds three tenths.
    """
    source = COLLECTOR.read_text(encoding="utf-8")
    bare = re.sub(r"(^|\s)//.*$", "", source, flags=re.MULTILINE)
    squeezed = re.sub(r"\s*([^\w$\s])\s*", r"\1", re.sub(r"\s+", " ", bare))
    assert len(gzip.compress(squeezed.encode(), 9)) <= 3_150
