"""Row 4: a grant ends with its time, its login and its id, and no cookie brings it back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.integration.sites import FixedScorer, Visitor, build_app, use_store

EXAMPLES = int(os.environ.get("ZEROTRUST_FUZZ", "15"))
STEPS = ("step-up", "wait", "home", "login", "logout", "keep", "replay", "replay")
SITE = build_app(Clock(), FixedScorer())
GRANT_S = 300.0  # ZEROTRUST_GRANT_S; waits of 70 s never end on it
WAIT_S = 70.0


@dataclass
class Owner:
    """Ada; when each id of hers passed a factor; the ids that were replaced, and the cookies kept."""

    visitor: Visitor
    passed_at: dict[str, float] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)

    def id(self) -> str:
        with self.visitor.client.session_transaction() as found:
            return str(found.get("_zerotrust", {}).get("id", ""))

    def logged_in(self) -> bool:
        with self.visitor.client.session_transaction() as found:
            return "_user_id" in found

    def step_up(self) -> None:
        if not self.logged_in():
            return
        asked = self.visitor.open("/admin")
        if asked.status_code == 303:
            self.visitor.site.clock.tick(30)
            self.passed_at.pop(self.id(), None)
            assert self.visitor.answer(asked.location).status_code == 303
            self.passed_at[self.id()] = self.visitor.site.clock.now

    def log_in(self) -> None:
        """The same person once more: the grant goes on under the new id, no younger than it was."""
        carried = self.passed_at.pop(self.id(), None) if self.logged_in() else None
        self.visitor.login()
        if carried is not None:
            self.passed_at[self.id()] = carried

    def log_out(self) -> None:
        self.passed_at.pop(self.id(), None)
        self.visitor.submit("/logout", {})
        self.visitor.open("/")

    def check(self) -> None:
        """An open view has a live grant behind it, and whoever has one is let in: nothing is lost."""
        at = self.passed_at.get(self.id())
        lives = self.logged_in() and at is not None and self.visitor.site.clock.now - at < GRANT_S
        assert (self.visitor.fetch("/admin").status_code == 200) == lives


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=16))
@example([("step-up", 0), ("keep", 0), ("logout", 0), ("replay", 0)])
@example([("step-up", 0), ("keep", 0), ("login", 0), ("replay", 0)])
@example([("step-up", 0), ("keep", 0), *[("wait", 0), ("replay", 0)] * 5])
def test_any_old_cookie_in_any_order_never_revives_a_grant(steps: list[tuple[str, int]]) -> None:
    use_store(SITE.app, MemoryStore(clock=SITE.clock))
    owner = Owner(SITE.visitor().login())
    for step, pick in steps:
        take(owner, step, pick)
        owner.check()


def take(owner: Owner, step: str, pick: int) -> None:
    if step == "step-up":
        owner.step_up()
    elif step == "wait":
        SITE.clock.tick(WAIT_S)
    elif step == "home":
        owner.visitor.open("/")
    elif step == "login":
        owner.log_in()
    elif step == "logout":
        owner.log_out()
    elif step == "keep":
        owner.kept.append(owner.visitor.cookie())
    elif owner.kept:
        owner.visitor.put_back(owner.kept[pick % len(owner.kept)])
