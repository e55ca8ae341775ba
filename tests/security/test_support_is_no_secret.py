"""Row 37: what support does to an account is told to its owner, logged, and opens nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import request
from flask.cli import ScriptInfo

from flask_zerotrust import testing
from flask_zerotrust.challenge.limits import ACCOUNT_FAILURES
from flask_zerotrust.cli import group
from flask_zerotrust.errors import ConfigError, StoreError
from tests.integration.sites import NUMBER, Site, Visitor, enrolled_eve

MAIL = "eve@post.example"


@pytest.fixture
def site(make_site: Callable[..., Site], tmp_path: Any) -> Site:
    return make_site(
        ZEROTRUST_STORE=f"sqlite:///{tmp_path}/z.sqlite",
        ZEROTRUST_SMS_SENDER="console",
        ZEROTRUST_EMAIL_SENDER="console",
        ZEROTRUST_ENROL="first-use",
        ZEROTRUST_AUDIT_LOG=True,
    )


@pytest.fixture
def eve(site: Site) -> Visitor:
    return enrolled_eve(site, mail=MAIL)


@pytest.fixture
def audit(caplog: Any, eve: Visitor) -> Callable[[], list[tuple[str, Any, Any]]]:
    """Return a function that returns the lines about the support since the test began."""
    caplog.set_level(logging.INFO)
    wanted = ("factor-removed", "factors-reset", "account-unlocked", "owner-told", "grant-revoked")

    def lines() -> list[tuple[str, Any, Any]]:
        rows = [json.loads(r.getMessage()) for r in caplog.records if r.name == "flask_zerotrust.audit"]
        rows = [row for row in rows if row["event"] in wanted and row["user"] == "eve"]
        return [(row["event"], row.get("factor_id", row.get("ways")), row.get("reason")) for row in rows]

    return lines


def run(site: Site, *words: str) -> Result:
    return CliRunner().invoke(group, [*words], obj=ScriptInfo(create_app=lambda: site.app))


def guard_of(site: Site) -> Any:
    return site.app.extensions["zerotrust"]


def told(site: Site) -> list[tuple[str, str]]:
    """Return what went out that is no code: to whom, and what."""
    sent = [*guard_of(site).sender.outbox, *guard_of(site).mailer.outbox]
    return [(message.to, message.text) for message in sent if not message.code]


def lock(site: Site, user: str = "eve") -> None:
    for _ in range(ACCOUNT_FAILURES + 1):
        guard_of(site).store.increment(f"failures-of:other:{user}", ttl_s=3_600)


def by_app(site: Site, *args: str) -> list[str]:
    with site.app.app_context():
        return site.zt.reset_factors("eve", *args)


def test_one_factor_is_reset_told_and_logged(site: Site, eve: Visitor, audit: Any) -> None:
    assert "\nRemoved: sms.\n" in run(site, "factors", "eve", "--reset", "sms").stdout
    assert guard_of(site).enrolled.ids("eve") == ["totp", "email"]
    assert [to for to, _ in told(site)] == [NUMBER, MAIL]
    assert all("A mobile number was removed from your account" in text for _, text in told(site))
    assert audit() == [
        ("grant-revoked", None, "factors_reset"),
        ("factor-removed", "sms", "operator"),
        ("owner-told", 2, None),
    ]


def test_all_factors_are_reset_told_and_logged(site: Site, eve: Visitor, audit: Any) -> None:
    said = run(site, "factors", "eve", "--reset-all", "--json").stdout.splitlines()
    assert json.loads(said[-1]) == {"removed": ["totp", "sms", "email"]}
    assert guard_of(site).enrolled.ids("eve") == []
    assert [to for to, _ in told(site)] == [NUMBER, MAIL]
    assert all("All ways to confirm that you added were removed" in text for _, text in told(site))
    assert [line for line in audit() if line[0] != "grant-revoked"] == [
        ("factor-removed", "totp", "operator"),
        ("factor-removed", "sms", "operator"),
        ("factor-removed", "email", "operator"),
        ("factors-reset", None, "operator"),
        ("owner-told", 2, None),
    ]


def test_the_app_resets_with_a_reason_of_its_own(site: Site, eve: Visitor, audit: Any) -> None:
    assert by_app(site, "sms") == ["sms"]
    assert by_app(site) == ["totp", "email"]
    assert {reason for event, _, reason in audit() if event == "factor-removed"} == {"app"}


@pytest.mark.parametrize("which", [["sms"], []])
def test_a_reset_ends_step_ups_and_forgets_browsers(site: Site, eve: Visitor, which: list[str]) -> None:
    testing.remember(eve.client)
    assert not eve.asked()
    by_app(site, *which)
    assert guard_of(site).browsers.all("eve", now=site.clock()) == []
    assert guard_of(site).sessions.of("eve")[0][1].grant is None


def test_only_the_reset_of_all_opens_first_use_again(site: Site, eve: Visitor) -> None:
    for factor_id in ("totp", "sms", "email"):
        by_app(site, factor_id)
    assert guard_of(site).enrolled.had("eve")
    by_app(site)
    assert not guard_of(site).enrolled.had("eve")


def test_a_factor_that_is_not_there_is_named_and_nothing_changes(site: Site, eve: Visitor) -> None:
    said = run(site, "factors", "eve", "--reset", "smss")
    assert said.exit_code == 2
    assert "'totp', 'sms', 'email'" in said.output
    with pytest.raises(ConfigError, match="@zt"):
        by_app(site, "push")
    assert not eve.asked()
    assert told(site) == []


def test_a_user_of_whom_nothing_is_kept_is_refused(site: Site, eve: Visitor) -> None:
    said = run(site, "factors", "evee", "--reset-all")
    assert (said.exit_code, "Nothing is kept of 'evee'" in said.output) == (2, True)
    assert guard_of(site).store.owned("user:evee") == []


def test_one_and_all_exclude_each_other(site: Site, eve: Visitor) -> None:
    assert run(site, "factors", "eve", "--reset", "sms", "--reset-all").exit_code == 2
    assert len(guard_of(site).enrolled.ids("eve")) == 3


def test_an_unlocked_account_is_told_and_logged(site: Site, eve: Visitor, audit: Any) -> None:
    lock(site)
    assert "\neve can type codes again.\n" in run(site, "unlock", "eve").stdout
    assert [to for to, _ in told(site)] == [NUMBER, MAIL]
    assert all("opened again after too many wrong codes" in text for _, text in told(site))
    assert audit() == [("account-unlocked", None, "operator"), ("owner-told", 2, None)]
    assert guard_of(site).store.get("failures-of:other:eve") is None


def test_the_app_unlocks_and_learns_whether_there_was_anything(
    site: Site, eve: Visitor, audit: Any
) -> None:
    lock(site)
    with site.app.app_context():
        assert [site.zt.unlock("eve"), site.zt.unlock("eve")] == [True, False]
    assert audit() == [("account-unlocked", None, "app"), ("owner-told", 2, None)]


def test_to_unlock_who_is_not_locked_says_so_and_tells_nobody(site: Site, eve: Visitor, audit: Any) -> None:
    said = run(site, "unlock", "eve")
    assert (said.exit_code, "No wrong codes of eve" in said.output) == (0, True)
    assert json.loads(run(site, "unlock", "eve", "--json").output) == {"opened": False}
    assert (told(site), audit()) == ([], [])


def test_the_ways_added_here_are_told_if_the_apps_loader_wants_a_request(site: Site, eve: Visitor) -> None:
    def wants_a_request(user: str) -> Any:
        return [site.zt.email_factor(request.args["mail"])]

    site.zt.factors_loader(wants_a_request)
    lock(site)
    assert run(site, "unlock", "eve").exit_code == 0
    assert [to for to, _ in told(site)] == [NUMBER, MAIL]


def test_an_unlock_stands_if_the_factors_cannot_be_read(
    site: Site, eve: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreError("The store does not answer.")

    lock(site)
    monkeypatch.setattr(guard_of(site).enrolled, "factors", away)
    with site.app.app_context():
        assert site.zt.unlock("eve")
    assert told(site) == []


def test_the_list_has_factors_of_the_app_that_were_never_used(site: Site, eve: Visitor) -> None:
    site.zt.factors_loader(lambda user: [site.zt.email_factor("own@post.example", id="own")])
    ids = [line.split()[0] for line in run(site, "factors", "eve").output.splitlines()]
    assert ids == ["totp", "sms", "email", "own"]


def test_a_store_that_is_away_ends_the_list(site: Site, eve: Visitor) -> None:
    def away(user: str) -> Any:
        raise StoreError("The store does not answer.")

    site.zt.factors_loader(away)
    said = run(site, "factors", "eve")
    assert (said.exit_code, "does not answer" in said.stderr) == (2, True)


def test_the_list_goes_on_if_the_apps_loader_wants_a_request(site: Site, eve: Visitor) -> None:
    def broken(user: str) -> Any:
        raise RuntimeError("no request")

    site.zt.factors_loader(broken)
    said = run(site, "factors", "eve")
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["totp", "sms", "email"]
    assert "@zt.factors_loader failed" in said.stderr
