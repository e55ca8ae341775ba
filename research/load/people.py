"""People of a soak: they log in, move, are asked for a code, give it, and look at what is guarded."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import requests

from flask_zerotrust.movement import wire
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.testing import bot, person
from research.load.grants import Grant, judge
from research.load.tally import Tally
from tests.integration.sites import totp
from tests.integration.wire import Answer, FarVisitor, Wire

# Share of requests that take a new connection, and so perhaps the other worker.
_HOPS = 0.3
# Tries of one request: a browser repeats what was cut over a connection of its own.
_TRIES = 4
_STEP_S = 30
_SEEDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How people of a soak behave, times in seconds: ``grant_s`` is what the app is set to.

    One visit in ``long_visits`` pauses for ``absence_s``, in which a session's record is forgotten. People
    are so many ``users`` in turn, because each has one new code in half a minute.
    """

    grant_s: float
    rest_s: float
    steps: int
    absence_s: float
    long_visits: int
    users: int


class Browser(Wire):
    """A cookie jar that meets both workers, and asks again where a connection was cut."""

    def __init__(self, address: str, tally: Tally, rng: np.random.Generator) -> None:
        super().__init__(address, "")
        self.cuts = 0
        self.workers: set[str] = set()
        self._tally, self._rng = tally, rng

    def open(self, path: str, **more: Any) -> Answer:
        """Return the answer, over a new connection now and then."""
        if self._rng.random() < _HOPS:
            self.jar.close()
        for _ in range(_TRIES):
            try:
                answer = super().open(path, **more)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                self._tally.cut()
                self.cuts += 1
                self.jar.close()
                continue
            self._note(path, answer)
            return answer
        raise requests.ConnectionError(f"{path} was cut {_TRIES} times")

    def _note(self, path: str, answer: Answer) -> None:
        self.workers.add(answer.machine)
        self._tally.add(f"status {answer.status_code}")
        if answer.status_code >= 500:
            self._tally.fault("5xx", f"{path} was answered {answer.status_code}")


class Person:
    """One who visits, again and again, until told that it is enough."""

    def __init__(self, name: str, address: str, habits: Habits, tally: Tally, *, seed: int) -> None:
        self.habits, self.tally = habits, tally
        self.rng = np.random.default_rng(seed)
        self._name, self._address = name, address
        self._used: defaultdict[str, set[int]] = defaultdict(set)
        self._moves = [list(batches(made(seed=n))) for made in (person, bot) for n in range(_SEEDS)]

    def live(self, enough: threading.Event) -> None:
        """Visit after visit; what goes wrong in one is noted and ends it."""
        number = 0
        while not enough.is_set():
            number += 1
            try:
                Visit(self, f"{self._name}-{number % self.habits.users}", number, enough).run()
            except requests.Timeout as error:
                self.tally.fault("stalled", str(error))
            except (AssertionError, requests.RequestException, KeyError) as error:
                self.tally.fault("odd", f"{type(error).__name__} {error}")

    def browser(self) -> Browser:
        """Return a fresh one."""
        return Browser(self._address, self.tally, self.rng)

    def hand(self) -> list[wire.EventBatch]:
        """Return how somebody moves, or a bot, batch by batch."""
        return self._moves[self.rng.integers(len(self._moves))]

    def code(self, user: str, enough: threading.Event) -> str | None:
        """Return a code that is good now and stays so for half a minute, and was not used before.

        None where it was enough before there was one.
        """
        while True:
            step = int(time.time() // _STEP_S)
            free = [one for one in (step, step + 1) if one not in self._used[user]]
            if free:
                self._used[user].add(free[0])
                return totp(free[0] * _STEP_S)
            if enough.wait(1):
                return None


class Visit:
    """One login, and what follows until the person leaves."""

    def __init__(self, who: Person, user: str, number: int, enough: threading.Event) -> None:
        self._who, self._user, self._number, self._enough = who, user, number, enough
        self._browser = who.browser()
        self._visitor = FarVisitor(None, self._browser)  # type: ignore[arg-type]
        self._hand = who.hand()
        self._token = ""
        self._grant: Grant | None = None
        self._sure = True

    def run(self) -> None:
        """Log in, and move and look in turn; half the visits end with a logout."""
        habits, tally = self._who.habits, self._who.tally
        self._visitor.login(self._user)
        self._token = self._visitor.token()
        absent = habits.steps // 2 if self._number % habits.long_visits == 0 else -1
        for step in range(habits.steps):
            self._move(self._hand[step % len(self._hand)])
            self._look("/secret" if step % 4 == 3 else "/always")
            if self._enough.wait(
                habits.absence_s if step == absent else self._who.rng.uniform(0, habits.rest_s)
            ):
                break
        if self._number % 2:
            self._visitor.submit("/logout", {})
        tally.add("visits")
        tally.add(f"visits with {min(2, len(self._browser.workers))} workers")
        self._browser.jar.close()

    def _move(self, batch: wire.EventBatch) -> None:
        """Send a batch as the collector does: a token that is too old is fetched anew."""
        t0_ms = float(batch.t_ms[0])
        number = self._visitor.seq
        for _ in range(2):
            changes: dict[str, Any] = {"seq": number, "t0": t0_ms, "sent": batch.sent_ms}
            planes = wire.encode_planes(batch, t0_ms=t0_ms)
            cuts = self._browser.cuts
            answer = self._visitor.send(self._visitor.body(token=self._token, planes=planes, **changes))
            if answer.status_code != 401:
                break
            self._who.tally.add("tokens renewed")
            self._token = self._visitor.token()
        # Known already is right where the first answer was cut.
        assert answer.status_code in ((204, 409) if self._browser.cuts > cuts else (204,)), answer

    def _look(self, path: str) -> None:
        """Open a guarded view and hold the answer against the grant; give a code where one is asked for."""
        sent = time.time()
        answer = self._visitor.open(path)
        heard = time.time()
        assert answer.status_code in (200, 303), answer
        asked = answer.status_code == 303
        self._judge(path, asked=asked, sent=sent, heard=heard)
        if asked:
            self._give_code(answer.location)

    def _judge(self, path: str, *, asked: bool, sent: float, heard: float) -> None:
        tally, life_s = self._who.tally, self._who.habits.grant_s
        word = judge(self._grant, asked=asked, sent=sent, heard=heard, life_s=life_s)
        if not self._sure or (word == "outlived" and path != "/always"):
            word = "unsure"  # a lower risk may open the other view as well
        if word == "ran out" and self._grant is None:
            tally.add("asked at first")
        elif word in ("lost", "outlived"):
            tally.fault(
                word, f"{self._user} at {path}, {heard - (self._grant or Grant(0, 0)).after:.1f} s old"
            )
        else:
            tally.add(word)

    def _give_code(self, url: str) -> None:
        """Answer a challenge; where an answer was cut, nobody knows whether the code was taken."""
        code, page = self._who.code(self._user, self._enough), self._visitor.open(url)
        if code is None:
            return
        cuts, after = self._browser.cuts, time.time()
        answer = self._visitor.fill(page.text, "code", code)
        passed = answer.status_code == 303 and "/challenge/" not in answer.location
        self._sure = self._browser.cuts == cuts
        self._grant = Grant(after, time.time()) if passed else None
        if not self._sure:
            self._who.tally.add("codes whose answer was cut")
        elif passed:
            self._who.tally.add("step-ups")
        else:
            raise AssertionError(f"a right code was answered {answer.status_code}")


def crowd(
    size: int, address: str, habits: Habits, tally: Tally, *, name: str
) -> list[Callable[[threading.Event], None]]:
    """Return the lives of so many people, each with a seed of its own."""
    people = [Person(f"{name}-{i}", address, habits, tally, seed=i) for i in range(size)]
    return [one.live for one in people]
