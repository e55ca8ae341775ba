"""Row 2: tries are counted in the store, so no cookie gives one back."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.integration.sites import FixedScorer, Visitor, build_app, use_store

EXAMPLES = int(os.environ.get("ZEROTRUST_FUZZ", "20"))
STEPS = ("wrong", "wrong", "wrong", "challenge", "home", "login", "keep", "replay")
SITE = build_app(Clock(), FixedScorer())
JSON = {"Accept": "application/json"}
TRIES, FAILURES = 5, 10  # CODE_TRIES and FACTOR_FAILURES


@dataclass
class Guesser:
    """Somebody who guesses, and what the counters must say whatever the cookie."""

    visitor: Visitor
    challenges: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    paused: bool = False

    def challenge(self) -> None:
        """Open a challenge, and keep its address and the token of its form."""
        if len(self.challenges) == 8:
            return  # a ninth would drop the first
        asked = self.visitor.fetch("/admin", headers=JSON)
        url = asked.json["challenge_url"]
        state = self.visitor.fetch(url, headers=JSON).json
        self.challenges.append((url, state["zerotrust_csrf"]))

    def guess(self, pick: int, code: str) -> str:
        url, token = self.challenges[pick % len(self.challenges)]
        data = {"_zerotrust_csrf": token, "code": code}
        answer = self.visitor.fetch(url, "POST", data=data, headers=JSON).json
        return "passed" if answer.get("passed") else str(answer["reason"])

    def wrong(self, pick: int) -> None:
        url, _ = self.challenges[pick % len(self.challenges)]
        code = f"{(int(self.visitor.code()) + 1) % 1_000_000:06}"
        assert self.guess(pick, code) == self.expected(url)

    def expected(self, url: str) -> str:
        """Count a wrong code as the store must, and return what has to be answered."""
        if self.paused:
            return "factor_paused"
        self.tries[url] += 1
        if self.tries[url] > TRIES:
            return "too_many"
        self.failures += 1
        self.paused = self.failures == FAILURES
        if self.paused:
            return "factor_paused"
        return "too_many" if self.tries[url] == TRIES else "wrong"


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), max_size=30))
@example([("keep", 0), *[("wrong", 0), ("replay", 0)] * 6])
@example([*[("wrong", 0)] * 4, ("keep", 0), ("challenge", 0), *[("wrong", 1), ("replay", 0)] * 7])
def test_any_old_cookie_in_any_order_never_restores_an_attempt(steps: list[tuple[str, int]]) -> None:
    use_store(SITE.app, MemoryStore(clock=SITE.clock))
    guesser = Guesser(SITE.visitor().login())
    guesser.challenge()
    for step, pick in steps:
        take(guesser, step, pick)
    spent = [n for n, (url, _) in enumerate(guesser.challenges) if guesser.tries[url] >= TRIES]
    assert [n for n in spent if guesser.guess(n, guesser.visitor.code()) == "passed"] == []


def take(guesser: Guesser, step: str, pick: int) -> None:
    if step == "wrong":
        guesser.wrong(pick)
    elif step == "challenge":
        guesser.challenge()
    elif step == "home":
        guesser.visitor.open("/")
    elif step == "login":
        guesser.visitor.login()
    elif step == "keep":
        guesser.kept.append(guesser.visitor.cookie())
    elif guesser.kept:
        guesser.visitor.put_back(guesser.kept[pick % len(guesser.kept)])
