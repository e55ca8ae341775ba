"""Row 1: whatever cookie is put back, a view judges the session by the store, or as unknown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_zerotrust import signals
from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.integration.sites import FixedScorer, Site, Visitor, build_app, use_store

EXAMPLES = int(os.environ.get("ZEROTRUST_FUZZ", "20"))
STEPS = ("good", "mixed", "bad", "home", "wait", "login", "keep", "replay")
SITE = build_app(Clock(), FixedScorer())

Decision = tuple[str, float, bool]


@dataclass
class Ada:
    """A visitor, the cookies that she kept, and the ids that were replaced since."""

    visitor: Visitor
    kept: list[str] = field(default_factory=list)
    retired: set[str] = field(default_factory=set)

    def decided(self) -> Decision:
        """Ask for a guarded view, and return what it was judged by."""
        told: list[Decision] = []

        def listen(app: object, *, level: str, risk: float, allowed: bool, **_: Any) -> None:
            told.append((level, round(risk, 9), allowed))

        with signals.decision_made.connected_to(listen):
            self.visitor.fetch("/secret")
        (found,) = told
        return found

    def id(self) -> str:
        return str(self.visitor.entry()["id"])

    def move(self, says: float) -> None:
        self.visitor.site.scorer.says = says
        self.visitor.send(self.visitor.body(2))
        self.visitor.open("/")

    def log_in_again(self) -> None:
        store = self.visitor.site.app.extensions["zerotrust"].store
        if store.get("session:" + self.id()) is not None:
            self.retired.add(self.id())
        self.visitor.login()

    def replay(self, cookie: str) -> None:
        """Put a cookie back: the same session is judged as before, a replaced one as unknown."""
        before, id = self.decided(), self.id()
        self.visitor.put_back(cookie)
        after = self.decided()
        if self.id() in self.retired:
            assert after[0] == "unknown"
            assert not after[2], "a replaced id opened a view"
        elif self.id() == id:
            assert after == before


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=16))
@example([("good", 0), ("keep", 0), ("mixed", 0), ("replay", 0)])
@example([("good", 0), ("keep", 0), ("login", 0), ("bad", 0), ("replay", 0)])
def test_any_old_cookie_in_any_order_never_lowers_the_risk(steps: list[tuple[str, int]]) -> None:
    use_store(SITE.app, MemoryStore(clock=SITE.clock))
    ada = Ada(SITE.visitor().login())
    for step, pick in steps:
        take(ada, SITE, step, pick)


def take(ada: Ada, site: Site, step: str, pick: int) -> None:
    if step in ("good", "mixed", "bad"):
        ada.move({"good": -3.0, "mixed": 0.4, "bad": 2.0}[step])
    elif step == "home":
        ada.visitor.open("/")
    elif step == "wait":
        site.clock.tick(200)
    elif step == "login":
        ada.log_in_again()
    elif step == "keep":
        ada.kept.append(ada.visitor.cookie())
    elif ada.kept:
        ada.replay(ada.kept[pick % len(ada.kept)])
