"""A person at a desk: Xvfb for the screen, XTEST for hand and keyboard, a headed Chromium to look at.

To the browser this is a mouse and a keyboard, nothing else: events are trusted, come from the X
server and are paced by its own frames. Playwright only looks (URLs, layout, texts); it moves nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.recordings.files import Recording

SCREEN = (1920, 1080)
# time.sleep overshoots by up to a millisecond on a busy machine: sleep short of the mark, then spin.
SPIN_S = 0.002
# A hand does not wait for the processor. Above everything that runs at its leisure, below nothing else.
URGENT = 10
# A path is the person's own only where it is played at the person's own times. Ten seconds tell
# whether the machine can do it; a frame of the screen is 16.7 ms.
TRIAL_S = 10.0
MEDIAN_LATE_S, MOST_LATE_S, MOST_LATE_SHARE = 0.005, 0.017, 0.05
# One person left the recording page alone for two minutes; a stroke ends long before this.
LONGEST_REST_S = 5.0
# Between the thumb of a fast typist and two fingers; key timing is not collected.
KEY_HOLD_S, KEY_PAUSE_S = 0.04, 0.06

#: Says of each [x, y] whether a press there would press nothing: no control, no text, no picture.
EMPTY_GROUND = """points => points.map(([x, y]) => {
  const hit = document.elementFromPoint(x, y);
  return !!hit && ["HTML", "BODY", "MAIN", "DIV", "SECTION"].includes(hit.tagName);
})"""


def problem() -> str | None:
    """Say what this machine lacks for OS-level input; None where it can do it."""
    if shutil.which("Xvfb") is None:
        return "Xvfb is missing: apt-get install xvfb"
    try:
        import Xlib  # noqa: F401
    except ImportError:
        return "python-xlib is missing: pip install python-xlib"
    return None


@contextmanager
def screen() -> Iterator[str]:
    """Run an X server of our own on a free display and give its name, such as ``:7``."""
    read, write = os.pipe()
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp"]
    server = subprocess.Popen(
        command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(write)
    hurry(server.pid)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            raise RuntimeError("Xvfb did not start; run it by hand to see why.")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def hurry(process: int = 0) -> bool:
    """Let a process (0: this thread) run before all ordinary ones; say whether we may."""
    try:
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(URGENT))
    except OSError:
        return False
    return True


@contextmanager
def at_once() -> Iterator[None]:
    """Run this thread before all ordinary ones, where we may, as long as the block lasts."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    hurry()
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def may_hurry() -> bool:
    """Say whether this machine lets us run before all ordinary processes; most containers do not."""
    if not hasattr(os, "sched_setscheduler"):  # no Linux
        return False
    with at_once():
        return os.sched_getscheduler(0) == os.SCHED_RR


def on_time(late_s: NDArray[np.float64]) -> bool:
    """Say whether events given so late were still the recorded movement.

    Where a busy machine holds them back they arrive in clumps, and that is how nobody moved.
    """
    if not len(late_s):
        return True
    often = float(np.mean(late_s > MOST_LATE_S))
    return float(np.median(late_s)) <= MEDIAN_LATE_S and often <= MOST_LATE_SHARE


@dataclass(frozen=True, slots=True)
class Path:
    """A recorded path on our screen: seconds, whole pixels, one letter of m, d, u an event."""

    t_s: NDArray[np.float64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    type: str

    def until(self, last_s: float) -> Path:
        """Return its beginning; a button that is down then is let go first."""
        n = int(np.searchsorted(self.t_s, last_s, side="right"))
        n = max(n, 1)
        letters = self.type[:n]
        if letters.rfind("d") > letters.rfind("u"):
            letters = letters[: n - 1] + "u"
        return Path(self.t_s[:n], self.x[:n], self.y[:n], letters)

    def without_presses(self, unwanted: Sequence[bool]) -> Path:
        """Return the path with those presses (by their order), and their releases, as mere moves."""
        letters, skipping, presses = list(self.type), False, iter(unwanted)
        for i, letter in enumerate(self.type):
            if letter == "d":
                skipping = next(presses)
            if letter != "m" and skipping:
                letters[i] = "m"
        return Path(self.t_s, self.x, self.y, "".join(letters))

    def presses(self) -> list[list[int]]:
        """Return where the button goes down."""
        return [[int(self.x[i]), int(self.y[i])] for i, letter in enumerate(self.type) if letter == "d"]


def place(recording: Recording) -> Path:
    """Put a recording on our screen: moved as a whole, never scaled, at its own times.

    What still reaches beyond the screen stops at its edge, as a pointer does. Only rests of more than
    ``LONGEST_REST_S`` are shortened to that.
    """
    keep = np.array([letter in "mdu" for letter in recording.type])
    t, x, y = recording.t[keep], recording.x[keep], recording.y[keep]
    letters = "".join(letter for letter in recording.type if letter in "mdu")
    x = _moved(x, SCREEN[0])
    y = _moved(y, SCREEN[1])
    waits_s = np.minimum(np.diff(t, prepend=t[0]) / 1_000.0, LONGEST_REST_S)
    return Path(np.cumsum(waits_s), x, y, letters)


def _moved(values: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    low, high = values.min(), values.max()
    shift = -low if low < 0 else min(0.0, size - 1 - high)
    if high - low > size - 1:
        shift = (size - 1 - high - low) / 2
    return np.clip(np.round(values + shift), 0, size - 1).astype(np.int64)


class Desk:
    """Hand and keyboard on a display.

    Parameters
    ----------
    name : str
        The display, as :func:`screen` gives it.
    """

    def __init__(self, name: str) -> None:
        from Xlib import XK, X, display
        from Xlib.ext import xtest

        self._display = display.Display(name)
        self._fake = xtest.fake_input
        self._x, self._keys = X, XK

    def close(self) -> None:
        """Let go of the display."""
        self._display.close()

    def replay(self, path: Path, *, spin_s: float = SPIN_S) -> NDArray[np.float64]:
        """Move and press as recorded; return how late each event was given, in seconds.

        Less to spin leaves more of the machine to the browser, at the price of some lateness.

        Ends early, and returns fewer, where ``TRIAL_S`` have shown that this machine is too busy.
        """
        late = np.empty(len(path.type))
        trial = int(np.searchsorted(path.t_s, TRIAL_S))
        with at_once():
            start = time.perf_counter() + 0.05
            for i, letter in enumerate(path.type):
                due = start + path.t_s[i]
                wait_until(due, spin_s=spin_s)
                self._fake(self._display, self._x.MotionNotify, x=int(path.x[i]), y=int(path.y[i]))
                if letter != "m":
                    event = self._x.ButtonPress if letter == "d" else self._x.ButtonRelease
                    self._fake(self._display, event, 1)
                self._display.flush()
                late[i] = time.perf_counter() - due
                if i == trial and not on_time(late[: i + 1]):
                    late = late[: i + 1]
                    break
        if path.type[: len(late)].rfind("d") > path.type[: len(late)].rfind("u"):
            self._fake(self._display, self._x.ButtonRelease, 1)
            self._display.flush()
        return late

    def rest(self, x: int, y: int) -> None:
        """Put the pointer there and leave it."""
        self.replay(Path(np.array([0.0]), np.array([x]), np.array([y]), "m"))

    def click(self, x: int, y: int) -> None:
        """Put the pointer there and click."""
        self.replay(Path(np.array([0.0, 0.1, 0.2]), np.full(3, x), np.full(3, y), "mdu"))

    def turn(self, notches: int) -> None:
        """Turn the wheel by so many notches towards oneself, a tenth of a second apart."""
        for _ in range(notches):
            for event in (self._x.ButtonPress, self._x.ButtonRelease):
                self._fake(self._display, event, 5)
            self._display.flush()
            time.sleep(0.1)

    def press(self, name: str) -> None:
        """Press one key by its X name: ``a``, ``Tab``, ``Return``; ``A`` takes Shift with it."""
        keysym = self._keys.string_to_keysym(name)
        shift = len(name) == 1 and name.isupper()
        code = self._display.keysym_to_keycode(keysym)
        held = [self._display.keysym_to_keycode(self._keys.XK_Shift_L)] if shift else []
        for key in [*held, code]:
            self._fake(self._display, self._x.KeyPress, key)
        self._display.flush()
        time.sleep(KEY_HOLD_S)
        for key in [code, *held]:
            self._fake(self._display, self._x.KeyRelease, key)
        self._display.flush()
        time.sleep(KEY_PAUSE_S)

    def type(self, text: str) -> None:
        """Type letters and digits."""
        for letter in text:
            self.press({".": "period"}.get(letter, letter))


def wait_until(due: float, *, spin_s: float = SPIN_S) -> None:
    """Return at that moment of ``time.perf_counter``, to a fraction of a millisecond."""
    left = due - time.perf_counter()
    if left > spin_s:
        time.sleep(left - spin_s)
    while time.perf_counter() < due:
        pass
