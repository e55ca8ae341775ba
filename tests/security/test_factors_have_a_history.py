"""Row 37: user and operator see when each factor was added, last used and removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo

from flask_zerotrust.cli import group
from flask_zerotrust.factors.history import MAX_HISTORY, FactorDates
from flask_zerotrust.factors.totp import new_secret
from tests.forms import form_to
from tests.integration.sites import Site, Visitor, enrolled_eve

FACTORS = "/zerotrust/factors"


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_SMS_SENDER="console")


@pytest.fixture
def eve(site: Site) -> Visitor:
    """Return Eve, who has an authenticator app, used just now, and a phone."""
    return enrolled_eve(site)


def dates(site: Site, user: str = "eve") -> dict[str, FactorDates]:
    return {one.id: one for one in site.app.extensions["zerotrust"].enrolled.history(user)}


def remove(visitor: Visitor, factor_id: str) -> Any:
    form = form_to(visitor.open(f"{FACTORS}/{factor_id}").text, "/remove")
    return visitor.submit(form.action, form.fields)


def test_a_factor_that_was_removed_keeps_its_dates(eve: Visitor, site: Site) -> None:
    """A thief who adds and removes a factor leaves a trace that no page takes away."""
    started = site.clock()
    assert remove(eve, "sms").status_code == 303
    row = dates(site)["sms"]
    assert (row.kind, row.used_at, row.removed_at) == ("sms", None, started)
    page = eve.open(FACTORS).text
    assert "Removed earlier" in page
    assert page.count("Removed:") == 1


def test_a_used_factor_has_the_date_of_its_last_use(eve: Visitor, site: Site) -> None:
    used = dates(site)["totp"].used_at
    assert used == site.clock()
    site.clock.tick(86_400)
    eve.step_up(FACTORS)
    assert dates(site)["totp"].used_at == site.clock()
    assert dates(site)["sms"].used_at is None
    assert "Last used:" in eve.open(FACTORS).text


def test_a_wrong_code_is_no_use(site: Site, eve: Visitor) -> None:
    before = dates(site)["totp"].used_at
    site.clock.tick(3_600)
    assert eve.answer(eve.open("/admin").location, "000000").status_code == 422
    assert dates(site)["totp"].used_at == before


def test_a_factor_of_the_apps_own_is_listed_once_it_was_used(site: Site) -> None:
    site.visitor().login("ada").step_up("/admin")
    (row,) = dates(site, "ada").values()
    assert row == FactorDates("totp", "totp", used_at=site.clock())


def test_a_replaced_list_of_codes_is_a_removed_one(site: Site, eve: Visitor) -> None:
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.make_recovery("eve")
    enrolled.make_recovery("eve")
    assert dates(site)["recovery"].removed_at == site.clock()
    assert dates(site)["recovery-2"].removed_at is None


def test_the_history_has_an_end_and_forgets_removed_factors_first(site: Site, eve: Visitor) -> None:
    enrolled = site.app.extensions["zerotrust"].enrolled
    for _ in range(MAX_HISTORY + 10):
        enrolled.remove("eve", enrolled.add_totp("eve", new_secret()))
    assert len(dates(site)) == MAX_HISTORY
    assert {"totp", "sms"} <= set(dates(site))


def test_without_removed_ones_the_oldest_go(site: Site) -> None:
    """An app that gives its own factors a new id every day."""
    enrolled = site.app.extensions["zerotrust"].enrolled
    for n in range(MAX_HISTORY + 1):
        enrolled.note_use("ada", f"push-{n}", "push")
    assert list(dates(site, "ada")) == [f"push-{n}" for n in range(1, MAX_HISTORY + 1)]


def test_the_history_is_encrypted_and_erased_with_its_user(site: Site, eve: Visitor) -> None:
    guard = site.app.extensions["zerotrust"]
    assert b"removed_at" not in guard.store.get("factors:eve")
    with site.app.app_context():
        site.zt.forget_user("eve")
    assert dates(site) == {}


def test_the_operator_lists_it(make_site: Callable[..., Site], tmp_path: Any) -> None:
    site = make_site(ZEROTRUST_STORE=f"sqlite:///{tmp_path}/z.sqlite", ZEROTRUST_SMS_SENDER="console")
    eve = enrolled_eve(site)
    remove(eve, "sms")
    shown = command(site, "eve").splitlines()
    assert [line.split()[0] for line in shown] == ["totp", "sms"]
    assert "removed 20" in shown[1]
    rows = [json.loads(line) for line in command(site, "eve", "--json").splitlines()]
    assert [(row["id"], row["removed"] is None) for row in rows] == [("totp", True), ("sms", False)]
    assert "Nothing is known" in command(site, "bob")


def command(site: Site, *words: str) -> str:
    script = ScriptInfo(create_app=lambda: site.app)
    return CliRunner().invoke(group, ["factors", *words], obj=script).output
