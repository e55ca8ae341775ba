"""Does this stream look as if it came from a device? Evidence from how the browser got its events.

All of it is cheap to fake and much of it has innocent causes, so it only ever speaks for a bot, in
small portions, and its kinds have to agree. Four kinds, because their innocent causes differ:

untrusted
    Moves made by a script in the page. Presses do not count: password managers make those.
press
    How the button goes down: held no longer than a machine holds it, without pressure, or after the
    pointer has jumped there. People who press by voice, switch, screen reader or from a touch screen
    behind a remote desktop do some of this.
pacing
    Moves that reach their handlers in step. Frames and hands are not in step. Frame-paced remote
    desktops can be.
wheel
    A turn of the wheel by one notch, with a delta beyond the settings of a notch: drivers take
    the delta from the program and leave the notch at one. A wheel set to 13 lines a notch or more, or by
    120 px a notch on a page zoomed out to 25 %, looks the same.

Tried without result: the time from the last move to the press (below 5 ms in 45 % of
Balabit's presses, 7 % of SapiMouse's), and a press without moves (reloads, keyboards, screen readers).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.movement.wire import DOWN, ENTER, LEAVE, MOUSE, MOVE, UP, EventBatch

# Untrusted moves, from so many in a batch and so large a share: a page that copies the moves of a
# person to another element makes as many untrusted ones as there are trusted ones, or twice as many.
UNTRUSTED_MOVES = 10
UNTRUSTED_SHARE = 0.9
# Log-odds of one of them, and of all of them: 36 lift a session without movement to high
# (3.90 in the model that ships). A single scripted reach of 25 moves does not.
UNTRUSTED_LOG_ODDS = 0.11
UNTRUSTED_CAP = 4.4

# Held shorter than this, in ms: Playwright 0-9, Puppeteer 2-9, Selenium 1-4 in the median. 4 in 14,678
# of SapiMouse's presses, where one person on a touch pad holds for 7 in the median. A clock of coarse
# steps shows 0, which therefore does not count.
SHORT_MS = 5.0
# A press this far from the button event before, in CSS px, with at most so many moves in between
# (Playwright 1, Selenium 1-2, people 43-77): 9 of 45,704 presses of SapiMouse, Balabit and KH2017.
JUMP_PX = 100.0
JUMP_MOVES = 2
# The pooled ratios above would allow log-odds of 5 and more. Presses of one hand resemble each other,
# and the people behind the innocent causes are in no data set: a fraction of it, so much that presses and
# pacing together stay just short of high.
PRESS_LOG_ODDS = 0.95
PRESS_CAP = 1.9

# Interquartile range of the delay from move to handler, in ms: Playwright and Puppeteer 0.4-1.3 (more
# where the machine is busy), a person's OS input 7.8-8.0 on a screen of 60 Hz: half a frame, so 3.5 at
# 144 Hz, 2.1 at 240 Hz. Of 24 moves at 240 Hz 2 % come as close together, at 144 Hz 0.02 %.
STEADY_MS = 1.0
STEADY_MOVES = 24
# A delay that never varies was measured only if it is about the wire's 0.5 ms, as a driver's on a quick
# machine: recordings hold 8 ms throughout, and clocks coarser than any below hold 0.
QUICK_MS = 2.0
# Only moves in the middle of movement tell: after a rest the first frame may come at once (OS input at
# 9 Hz under Xvfb: range 2.5), and a button event hurries the move before it.
FLOWING_MS = 25.0
# Ticks of coarse clocks, in ms: Firefox and Safari, resist-fingerprinting now and before. They hide
# the delay.
CLOCK_TICKS_MS = (1.0, 1_000.0 / 60.0, 100.0)
# The wire rounds times down to 0.1 ms and delays to 0.5 ms.
TIME_SLACK_MS = 0.2
LAG_SLACK_MS = 0.5
PACING_LOG_ODDS = 0.95
PACING_CAP = 1.9

# Deltas of one notch beyond this, in CSS px, 3.5 times the 120 of wheelDelta: people 100-120 by default,
# 333 at 10 lines a notch (Windows), 400 at a zoom of 25 %. macOS and Firefox stay below 120. Playwright,
# Puppeteer and Selenium 480 when told to scroll by 480, still as one notch. Playwright 1,200 likewise.
NOTCH_PX = 420.0
# Measured with one distance a tool, and innocent settings are in no data set, so how often people have
# them is not known: half an odd press each, and all of it never more than one.
WHEEL_LOG_ODDS = 0.5
WHEEL_CAP = 0.95

# Log-odds that the rest must bring before a session of machine-like timing is high.
TIMING_MARGIN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """Evidence of the browser against a stream: of one batch, or of a session so far.

    Attributes
    ----------
    untrusted, press, pacing, wheel : float
        Log-odds of a bot, never negative.
    released_ms : float or None
        When a button went up that had gone down before the batch.
    held_ms : float or None
        When the button went down that is still down: the collector sends at a press.
    """

    untrusted: float = 0.0
    press: float = 0.0
    pacing: float = 0.0
    wheel: float = 0.0
    released_ms: float | None = None
    held_ms: float | None = None

    def add(self, batch: Integrity) -> Integrity:
        """Return the evidence after one more batch, each kind within its cap."""
        press = self.press + batch.press
        if self.held_ms is not None and batch.released_ms is not None:
            press += PRESS_LOG_ODDS * (0 < batch.released_ms - self.held_ms < SHORT_MS)
        return Integrity(
            untrusted=min(self.untrusted + batch.untrusted, UNTRUSTED_CAP),
            press=min(press, PRESS_CAP),
            pacing=min(self.pacing + batch.pacing, PACING_CAP),
            wheel=min(self.wheel + batch.wheel, WHEEL_CAP),
            held_ms=batch.held_ms,
        )

    def to_json(self) -> list[float | None]:
        """Return a list that :meth:`from_json` reads."""
        return [self.untrusted, self.press, self.pacing, self.wheel, self.released_ms, self.held_ms]

    @classmethod
    def from_json(cls, data: list[Any] | None) -> Integrity:
        """Read the output of :meth:`to_json`. None stands for no evidence."""
        if not data:
            return cls()
        untrusted, press, pacing, wheel, released_ms, held_ms = data
        return cls(
            untrusted=untrusted,
            press=press,
            pacing=pacing,
            wheel=wheel,
            released_ms=released_ms,
            held_ms=held_ms,
        )

    def faded(self, kept: float) -> Integrity:
        """Return the share of the evidence, in [0, 1], that time has left."""
        if not (self.untrusted or self.press or self.pacing or self.wheel):
            return self
        return replace(
            self,
            untrusted=self.untrusted * kept,
            press=self.press * kept,
            pacing=self.pacing * kept,
            wheel=self.wheel * kept,
        )

    @property
    def timing(self) -> float:
        """Log-odds of how presses, moves and the wheel come: 0 unless two of these kinds speak."""
        kinds = (self.press, self.pacing, self.wheel)
        return sum(kinds) if sum(kind > 0 for kind in kinds) > 1 else 0.0

    def log_odds(self, *, high: float) -> float:
        """Return the log-odds that count, in [0, UNTRUSTED_CAP]. ``high`` would make a session high.

        Timing stays below that: whatever else there is has to speak for a bot too.
        """
        timing = min(self.timing, max(0.0, high - TIMING_MARGIN))
        return min(max(self.untrusted, timing), UNTRUSTED_CAP)


def inspect(batch: EventBatch) -> Integrity:
    """Return the evidence of one batch about the origin of its events.

    Touch and pen say nothing, and neither do recordings, whose delays never vary.
    """
    real = (batch.pointer == MOUSE) & batch.trusted
    t, x, y, kind, lag = batch.t_ms, batch.x, batch.y, batch.kind, batch.lag_ms
    # Most batches hold moves of a real mouse alone, and then nothing has to be picked out or copied.
    if not real.all():
        t, x, y, kind, lag = t[real], x[real], y[real], kind[real], lag[real]
    move = kind == MOVE
    pacing = PACING_LOG_ODDS * _in_step(t, move, lag)
    button = np.empty(0, np.intp) if move.all() else np.flatnonzero((kind == DOWN) | (kind == UP))
    if not button.size:
        return Integrity(untrusted=_untrusted(batch), pacing=pacing, wheel=_wheel(batch, real))
    odd = _short(t[button], kind[button]) + _jumps(x, y, kind, button)
    odd += int(((kind == DOWN) & ~batch.pressure[real]).sum())
    return Integrity(
        untrusted=_untrusted(batch),
        press=min(PRESS_LOG_ODDS * odd, PRESS_CAP),
        pacing=pacing,
        wheel=_wheel(batch, real),
        released_ms=float(t[button[0]]) if kind[button[0]] == UP else None,
        held_ms=float(t[button[-1]]) if kind[button[-1]] == DOWN else None,
    )


def _untrusted(batch: EventBatch) -> float:
    if batch.trusted.all():
        return 0.0
    move = batch.kind == MOVE
    made = int((move & ~batch.trusted).sum())
    if made < UNTRUSTED_MOVES or made < UNTRUSTED_SHARE * int(move.sum()):
        return 0.0
    return min(UNTRUSTED_LOG_ODDS * made, UNTRUSTED_CAP)


def _wheel(batch: EventBatch, real: NDArray[np.bool_]) -> float:
    """Weigh notches that went too far. A turn along both axes does not tell which of them was one."""
    notch = np.flatnonzero(batch.notch & real)
    if not notch.size:
        return 0.0
    across, along = np.sort(np.abs((batch.wheel_x[notch], batch.wheel_y[notch])), axis=0)
    odd = (along > NOTCH_PX) & (across == 0)
    return min(WHEEL_LOG_ODDS * int(odd.sum()), WHEEL_CAP)


def _short(t: NDArray[np.float64], kind: NDArray[np.uint8]) -> int:
    """Count presses that were held too short. ``t`` and ``kind`` of button events."""
    held = np.diff(t)[(kind[:-1] == DOWN) & (kind[1:] == UP)]
    return int(((held > 0) & (held < SHORT_MS)).sum())


def _jumps(
    x: NDArray[np.float64], y: NDArray[np.float64], kind: NDArray[np.uint8], button: NDArray[np.intp]
) -> int:
    """Count presses to which the pointer jumped. One that came from outside the window did not."""
    far = np.hypot(np.diff(x[button]), np.diff(y[button])) >= JUMP_PX
    moves, crossings = np.cumsum(kind == MOVE)[button], np.cumsum((kind == LEAVE) | (kind == ENTER))[button]
    few = (np.diff(moves) > 0) & (np.diff(moves) <= JUMP_MOVES) & (np.diff(crossings) == 0)
    return int((far & few & (kind[button][1:] == DOWN)).sum())


def _in_step(t: NDArray[np.float64], move: NDArray[np.bool_], lag: NDArray[np.float64]) -> bool:
    """Say whether moves in the middle of movement reach their handlers after the same delay."""
    step = t[1:] - t[:-1]
    flowing = move[1:-1] & move[:-2] & move[2:] & (step[:-1] <= FLOWING_MS)
    lag = lag[1:-1][flowing]
    if lag.size < STEADY_MOVES:
        return False
    ordered = np.sort(lag)
    measured = ordered[0] < ordered[-1] or 0 < ordered[0] <= QUICK_MS
    steady = measured and ordered[3 * lag.size // 4] - ordered[lag.size // 4] <= STEADY_MS
    return bool(steady and not _coarse(step[:-1][flowing], lag))


def _coarse(step: NDArray[np.float64], lag: NDArray[np.float64]) -> bool:
    """Say whether times between events, and their delays, are those of a clock too coarse to tell."""

    def fits(values: NDArray[np.float64], tick: float, slack: float) -> bool:
        return float(np.abs(values - tick * np.round(values / tick)).max()) <= slack

    return any(fits(step, tick, TIME_SLACK_MS) and fits(lag, tick, LAG_SLACK_MS) for tick in CLOCK_TICKS_MS)
