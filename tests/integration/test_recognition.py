"""The same person? What is learnt of whom, and what follows when somebody else moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_zerotrust import signals
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.stores import MemoryStore
from flask_zerotrust.web.recognition import PROVEN_S
from tests.stored import contents, keys

from .profiled import Says, agreeing, known, many, profiles, progress, proven, record
from .sites import Site, Visitor, use_store


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return agreeing(make_site(ZEROTRUST_IDENTITY=True))


@pytest.fixture
def says(monkeypatch: Any) -> Says:
    """What the background says of every stroke: the user's own, if nothing else is set."""
    return Says(monkeypatch)


@pytest.fixture
def ada(site: Site, says: Says) -> Visitor:
    """Ada, who has just passed a code and whose profile is ready."""
    return known(site)


def store(site: Site) -> Any:
    return site.app.extensions["zerotrust"].store


def value(visitor: Visitor) -> float:
    return float(visitor.fetch("/level").json["value"])


def reasons(visitor: Visitor, strokes: int) -> tuple[str, ...]:
    """Move, and return the reasons that were signalled."""
    heard: list[tuple[str, ...]] = []

    def hear(_: Any, **said: Any) -> None:
        heard.append(said["reasons"])

    with signals.risk_assessed.connected_to(hear):
        visitor.move(strokes)
    return heard[-1]


# What is learnt


def test_nothing_is_learnt_unless_the_site_switches_it_on(make_site: Callable[..., Site]) -> None:
    site = agreeing(make_site())
    many(proven(site), 20)
    assert keys(store(site), "profile:") == []


def test_without_a_consent_hook_the_app_fails(make_site: Callable[..., Site]) -> None:
    with pytest.raises(ConfigError, match=r"@zt\.identity_consent"):
        make_site(ZEROTRUST_IDENTITY=True).visitor().open("/")


@pytest.mark.parametrize("said", [None, "yes", 1, False])
def test_only_true_is_consent(site: Site, said: object) -> None:
    site.zt.identity_consent(lambda user: said)  # type: ignore[arg-type, return-value]
    many(proven(site), 20)
    assert keys(store(site), "profile:") == []


def test_a_consent_hook_that_fails_is_no_consent(site: Site, caplog: Any) -> None:
    def broken(user: str) -> bool:
        raise RuntimeError("no database")

    site.zt.identity_consent(broken)
    many(proven(site), 20)
    assert keys(store(site), "profile:") == []
    assert "@zt.identity_consent failed" in caplog.text


def test_strokes_after_a_code_are_learnt_and_counted(site: Site) -> None:
    assert progress(site).updated is None
    ada = many(proven(site), 30)
    found = progress(site)
    assert (found.strokes, found.needed, found.ready, found.instruments) == (30, 60, False, 1)
    assert found.updated == site.clock()
    many(ada, 30)
    assert progress(site).ready


def test_movement_that_came_before_the_code_is_not_learnt(site: Site) -> None:
    ada = many(site.visitor().login(), 20)
    ada.step_up("/admin")
    assert progress(site).strokes == 0


def test_a_code_proves_a_session_for_half_an_hour(site: Site) -> None:
    ada = many(proven(site), 10)
    site.clock.tick(PROVEN_S)
    many(ada, 10)
    assert progress(site).strokes == 10


def test_a_batch_costs_one_read_of_the_profile(site: Site) -> None:
    class Counting(MemoryStore):
        reads = 0

        def get(self, key: str) -> bytes | None:
            self.reads += key.startswith("profile:")
            return super().get(key)

    counting = Counting(clock=site.clock)
    use_store(site.app, counting)
    ada = proven(site)
    before = counting.reads
    many(ada, 30)
    assert counting.reads - before == 3
    assert progress(site).strokes == 30


def test_who_has_stopped_it_is_neither_learnt_nor_compared(site: Site, ada: Visitor, says: Says) -> None:
    with site.app.app_context():
        site.zt.stop_profile("ada")
    says.says = 3.0
    many(ada, 20)
    assert ada.level() == "low"
    found = progress(site)
    assert (found.strokes, found.stopped) == (0, True)
    with site.app.app_context():
        site.zt.resume_profile("ada")
    many(ada, 10)
    assert (progress(site).strokes, progress(site).stopped) == (10, False)


def test_a_profile_that_is_not_used_expires(make_site: Callable[..., Site]) -> None:
    site = agreeing(make_site(ZEROTRUST_IDENTITY=True, ZEROTRUST_PROFILE_DAYS=2))
    many(proven(site), 10)
    site.clock.tick(2 * 86_400 - 1)
    assert progress(site).strokes == 10
    site.clock.tick(1)
    assert progress(site).strokes == 0


def test_a_profile_that_cannot_be_read_stops_no_movement(site: Site, ada: Visitor, caplog: Any) -> None:
    store(site).put("profile:ada", b"rubbish", ttl_s=100)
    many(ada, 10)
    assert ada.level() == "low"
    assert "cannot be read" in caplog.text


def test_profiles_survive_a_change_of_the_secret_key(site: Site, ada: Visitor) -> None:
    after = agreeing(site.rekeyed("second-key", fallbacks=["first-key"]))
    assert progress(after).strokes == 60


# What is compared


def test_another_person_is_stepped_up_and_named(ada: Visitor, says: Says) -> None:
    says.says = 3.0
    assert "different_person" in reasons(ada, 5)
    assert ada.level() == "high"
    assert record(ada).latched


def test_a_grant_that_ends_so_is_told(ada: Visitor, says: Says) -> None:
    said: list[dict[str, Any]] = []

    def hear(sender: Any, **members: Any) -> None:
        said.append(members)

    with signals.grant_revoked.connected_to(hear):
        says.says = 3.0
        many(ada, 5)
        many(ada, 5)
    assert [(m["user"], m["reason"], m["latch_lifted"]) for m in said] == [
        ("ada", "different_person", False)
    ]


def test_a_code_from_before_answers_nothing_for_another_person(ada: Visitor, says: Says) -> None:
    assert not ada.asked("/admin")
    says.says = 3.0
    ada.move(5)
    assert ada.asked("/admin")
    assert ada.asked("/secret")


def test_one_odd_stroke_of_the_user_changes_nothing(ada: Visitor, says: Says) -> None:
    says.says = 30.0
    ada.move(1)
    says.says = -1.0
    ada.move(3)
    assert not ada.asked("/admin")
    assert not record(ada).latched


def test_evidence_of_another_person_fades(site: Site, ada: Visitor, says: Says) -> None:
    """From elevated, which passes, to nothing; a latch would stay."""
    says.says = 1.0
    ada.move(3, says=-3.0)
    says.says = 3.0
    ada.move(2)
    assert ada.level() == "elevated"
    risk = value(ada)
    assert 0.5 <= risk < 0.9
    site.clock.tick(900)
    assert value(ada) < risk / 2
    assert ada.level() == "low"


def test_a_code_starts_the_comparison_afresh(ada: Visitor, says: Says) -> None:
    says.says = 3.0
    ada.move(6)
    says.says = -1.0
    ada.step_up()
    assert record(ada).state.identity.log_odds == 0
    assert not ada.asked()
    assert ada.move(5).level() == "low"


def test_the_users_own_movement_never_lowers_the_risk_of_a_bot(
    make_site: Callable[..., Site], site: Site, ada: Visitor
) -> None:
    plain = agreeing(make_site())
    compared, alone = (each.visitor().login().step_up() for each in (site, plain))
    for visitor in (compared, alone):
        visitor.move(5, says=0.5)
    assert record(compared).state.identity.log_odds < 0
    assert value(compared) == value(alone)


def test_nobody_is_compared_before_the_profile_is_ready(site: Site, says: Says) -> None:
    ada = many(proven(site), 50)
    says.says = 3.0
    ada.move(8)
    assert record(ada).state.identity.strokes == 0
    assert ada.level() == "low"


def test_other_users_are_not_compared_with_ada(site: Site, ada: Visitor, says: Says) -> None:
    says.says = 3.0
    assert site.visitor().login("tess").move(8).level() == "low"


def test_observing_counts_another_person_and_asks_nobody(
    make_site: Callable[..., Site], says: Says
) -> None:
    site = agreeing(make_site(ZEROTRUST_IDENTITY=True))
    known(site)
    watching = agreeing(
        make_site(
            ZEROTRUST_IDENTITY=True,
            ZEROTRUST_MODE="observe",
            ZEROTRUST_STORE=site.app.config["ZEROTRUST_STORE"],
        )
    )
    use_store(watching.app, store(site))
    says.says = 3.0
    ada = watching.visitor().login()
    assert "different_person" in reasons(ada, 8)
    assert ada.open("/secret").text == "the secret"
    assert any(":asked:latched" in key for key in keys(store(watching), "observed:"))


def test_off_learns_and_compares_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_IDENTITY=True, ZEROTRUST_MODE="off")
    site.visitor().open("/")
    guard = site.app.extensions["zerotrust"]
    assert guard.background is None
    assert contents(guard.store) == {}


def test_rights_outlive_the_setting(make_site: Callable[..., Site], site: Site, ada: Visitor) -> None:
    """A site that has switched it off again can still say what is kept, and erase it."""
    after = make_site()
    use_store(after.app, store(site))
    assert progress(after).strokes == 60
    with after.app.app_context():
        after.zt.forget_profile("ada")
    assert progress(after).strokes == 0


def test_two_requests_lose_nothing_of_each_other(site: Site, ada: Visitor, tmp_path: Path) -> None:
    """The second is learnt between the first one's read and its write."""
    kept, guard = profiles(site), site.app.extensions["zerotrust"]
    held = kept.load("ada")
    habits = pytest.importorskip("numpy").zeros((5, len(guard.background.mean)))
    assert kept.learn(kept.load("ada"), habits, now=site.clock(), background=guard.background)
    assert kept.learn(held, habits, now=site.clock(), background=guard.background)
    assert progress(site).strokes == 70
