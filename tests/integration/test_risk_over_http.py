"""From movement to a decision, over HTTP: levels, grants, decay, and what washes nothing clean."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import render_template_string

from flask_zerotrust import step_up_required
from flask_zerotrust.sessions.sessions import MAX_STRIKES
from flask_zerotrust.stores import MemoryStore

from .sites import PAGE, Site, Visitor, use_store

HALF_LIFE_S = 900.0


@pytest.fixture
def limits(site: Site) -> Site:
    """A site with views of several limits."""
    for name, options in {
        "half": {"max_risk": 0.5},
        "young": {"max_age_s": 60},
        "always": {"always": True},
        "always-young": {"always": True, "max_age_s": 60},
    }.items():
        site.app.add_url_rule("/" + name, name, step_up_required(**options)(lambda: "in"))  # type: ignore[call-overload]
    return site


def test_a_session_without_movement_is_unknown_and_asked(ada: Visitor) -> None:
    assert ada.level() == "unknown"
    assert ada.asked()


@pytest.mark.parametrize(("strokes", "level"), [(2, "unknown"), (3, "low")])
def test_good_movement_opens_a_view_from_the_third_stroke(ada: Visitor, strokes: int, level: str) -> None:
    ada.move(strokes)
    assert ada.level() == level
    assert ada.asked() is (level == "unknown")


def test_elevated_movement_passes_unless_the_view_wants_less(limits: Site) -> None:
    ada = limits.visitor().login().move(3, says=1.0)
    assert ada.level() == "elevated"
    assert not ada.asked("/secret")
    assert ada.asked("/half")


def test_the_sites_default_limit_holds_where_a_view_names_none(make_site: Callable[..., Site]) -> None:
    ada = make_site(ZEROTRUST_MAX_RISK=0.3).visitor().login().move(3, says=-0.5)
    assert ada.asked()
    assert not ada.move(3, says=-2.0).asked()


def test_a_view_that_always_asks_ignores_good_movement(limits: Site) -> None:
    ada = limits.visitor().login().move(5)
    assert not ada.asked("/secret")
    assert ada.asked("/always")
    assert not ada.step_up("/always").asked("/always")


@pytest.mark.parametrize(("path", "age_s"), [("/always", 300), ("/always-young", 60), ("/young", 60)])
def test_a_grant_counts_up_to_the_views_age(limits: Site, path: str, age_s: int) -> None:
    ada = limits.visitor().login().step_up(path)
    limits.clock.tick(age_s)
    assert not ada.asked(path)
    limits.clock.tick(0.5)
    assert ada.asked(path)


def test_a_grant_too_old_for_one_view_does_not_send_the_person_in_a_circle(limits: Site) -> None:
    """The challenge is really asked, although the grant is young enough for other views."""
    ada = limits.visitor().login().step_up("/always")
    limits.clock.tick(100)
    asked = ada.open("/always-young")
    assert asked.status_code == 303
    assert ada.open(asked.location).status_code == 200
    assert ada.step_up("/always-young").open("/always-young").text == "in"


def test_a_session_without_movement_is_asked_again_after_half_an_hour(ada: Visitor, site: Site) -> None:
    ada.step_up()
    site.clock.tick(1_800)
    assert not ada.asked()
    site.clock.tick(0.5)
    assert ada.asked()


def test_known_movement_has_the_shorter_grant(ada: Visitor, site: Site) -> None:
    ada.step_up().move(4, says=4.0)
    site.clock.tick(300)
    assert not ada.asked()
    site.clock.tick(0.5)
    assert ada.asked()


def test_a_grant_from_the_future_is_worth_nothing(ada: Visitor, site: Site) -> None:
    ada.step_up()
    site.clock.tick(-5)
    assert not ada.asked()
    site.clock.tick(-1)
    assert ada.asked()


def test_a_clock_that_runs_backwards_does_not_age_evidence(ada: Visitor, site: Site) -> None:
    ada.move(3)
    site.clock.tick(-10_000)
    assert ada.level() == "low"
    site.clock.tick(10_000)
    assert ada.level() == "low"


def test_an_idle_session_drifts_to_unknown_and_never_to_low(ada: Visitor, site: Site) -> None:
    ada.move(4, says=1.0)
    seen = []
    for _ in range(12):
        seen.append(ada.level())
        site.clock.tick(HALF_LIFE_S / 4)
    assert (seen[0], seen[-1]) == ("elevated", "unknown")
    assert set(seen) == {"elevated", "unknown"}


def test_waiting_does_not_open_a_view(ada: Visitor, site: Site) -> None:
    ada.move(4, says=4.0)
    for seconds in (1, 1_000, 10_000, 60_000):
        site.clock.tick(seconds)
        assert ada.asked()


def test_good_movement_does_not_wash_off_a_latch(ada: Visitor) -> None:
    ada.move(3, says=4.0).move(20, says=-3.0)
    assert ada.level() == "low"
    assert ada.fetch("/level").json["latched"] is True
    assert ada.asked()


def test_logging_out_and_in_does_not_wash_off_a_latch(ada: Visitor) -> None:
    ada.move(3, says=4.0)
    ada.submit("/logout", {})
    assert ada.login().move(5, says=-3.0).asked()


def test_a_new_session_does_not_wash_off_a_latch(ada: Visitor, site: Site) -> None:
    ada.move(3, says=4.0)
    assert site.visitor().login().move(5, says=-3.0).asked()


def test_a_latch_before_the_login_goes_with_the_person(site: Site) -> None:
    visitor = site.visitor()
    visitor.open("/")
    assert visitor.move(3, says=4.0).login().move(5, says=-3.0).asked()


def test_another_persons_latch_is_their_own(ada: Visitor, site: Site) -> None:
    ada.move(3, says=4.0)
    assert not site.visitor().login("grace").move(3, says=-3.0).asked()


def test_passing_clears_latch_and_evidence(ada: Visitor, site: Site) -> None:
    ada.move(3, says=4.0).step_up()
    assert ada.fetch("/level").json == {"level": "unknown", "value": 0.5, "latched": False}
    site.clock.tick(301)
    assert not ada.move(3, says=-2.0).asked()
    assert not site.visitor().login().move(3, says=-2.0).asked()


def test_bad_movement_after_a_step_up_counts_once_the_grant_is_over(ada: Visitor, site: Site) -> None:
    ada.step_up().move(3, says=4.0)
    assert not ada.asked()
    site.clock.tick(301)
    assert ada.move(10, says=-3.0).asked()


def test_many_slightly_bad_sessions_latch_the_next(site: Site) -> None:
    for _ in range(MAX_STRIKES - 1):
        site.visitor().login().move(3, says=1.0)
    assert not site.visitor().login().move(3, says=-2.0).asked()
    site.visitor().login().move(3, says=1.0)
    assert site.visitor().login().move(3, says=-2.0).asked()


def test_movement_before_the_login_counts_for_the_person(site: Site) -> None:
    visitor = site.visitor()
    visitor.open("/")
    assert not visitor.move(3, says=-2.0).login().asked()


def test_another_user_in_the_same_browser_starts_afresh(ada: Visitor) -> None:
    ada.move(5, says=-2.0)
    assert ada.login("grace").asked()


def test_a_person_who_logs_in_again_keeps_how_they_moved(ada: Visitor) -> None:
    assert not ada.move(3, says=-2.0).login().asked()


class CountingStore(MemoryStore):
    """Notes which keys are read."""

    reads: list[str]

    def get(self, key: str) -> bytes | None:
        self.reads.append(key)
        return super().get(key)


def test_a_decision_reads_the_session_and_its_users_ledger(make_site: Callable[..., Site]) -> None:
    """Also where the view asks for the risk itself, and its page for the script."""
    site = make_site()
    page = step_up_required(lambda: render_template_string(PAGE + "{{ current_risk.value }}"))
    site.app.add_url_rule("/page", "page", page)
    store = CountingStore(clock=site.clock)
    store.reads = []
    use_store(site.app, store)
    ada = site.visitor().login().move(3)
    store.reads.clear()
    assert ada.open("/page").status_code == 200
    ended = "ended:" + ada.entry()["u"]
    assert store.reads == [ended, "session:" + ada.entry()["id"], "ledger:ada", "epoch"]


def test_unguarded_views_never_ask(ada: Visitor) -> None:
    assert ada.move(5, says=4.0).open("/").status_code == 200


def test_the_app_sees_value_age_and_reasons(ada: Visitor, site: Site) -> None:
    ada.move(3, says=4.0)
    site.clock.tick(7)
    headers = {
        "Cookie": ada.cookie().header,
        "User-Agent": ada.client.environ_base["HTTP_USER_AGENT"],
    }
    with site.app.test_request_context(headers=headers):
        risk = site.app.extensions["zerotrust"].visit.current()
    assert (risk.level, risk.strokes, risk.latched, risk.age_s) == ("high", 3, True, 7.0)
    assert risk.reasons == ("machine_like_movement",)
    assert 0.98 < risk.value < 1
