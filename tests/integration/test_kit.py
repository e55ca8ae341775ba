"""The kit for users' own tests: every call does what it says, and none works outside of a test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import g, session
from flask.testing import FlaskClient
from flask_login import FlaskLoginClient

from flask_zerotrust import signals, testing
from flask_zerotrust.errors import ConfigError, RecordingError
from flask_zerotrust.recordings.files import write
from flask_zerotrust.risk.model import load_bundle

from .sites import ADDRESS, NUMBER, Site, User, Visitor

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "testing.md"


@pytest.fixture
def client(ada: Visitor) -> FlaskClient:
    """Ada's browser."""
    return ada.client


@pytest.fixture
def real(make_site: Callable[..., Site]) -> Visitor:
    """Ada, at a site with the model that ships."""
    site = make_site()
    site.app.extensions["zerotrust"].scorer = load_bundle()
    return site.visitor().login()


def test_the_example_of_the_docs_passes_as_written(tmp_path: Path) -> None:
    app, tests = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "bank.py").write_text(app)
    (tmp_path / "test_bank.py").write_text(tests)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir=.", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "7 passed" in run.stdout


@pytest.mark.parametrize(
    "use",
    [
        testing.trust,
        testing.risk,
        testing.last_code,
        testing.totp_code,
        lambda client: testing.force_risk(client, "low"),
        lambda client: testing.move(client, testing.person(strokes=3)),
    ],
)
def test_nothing_works_outside_of_a_test(client: FlaskClient, use: Callable[[FlaskClient], Any]) -> None:
    client.application.testing = False
    with pytest.raises(ConfigError, match="works only with TESTING"):
        use(client)


def test_trust_opens_guarded_views_to_this_user_alone(site: Site, ada: Visitor) -> None:
    carl = site.visitor().login("carl")
    testing.trust(ada.client)
    assert ada.open("/admin").text == "the admin page"
    assert carl.asked("/admin")


def test_trust_clears_a_latch_as_a_passed_code_does(ada: Visitor) -> None:
    testing.force_risk(ada.client, "high")
    testing.trust(ada.client)
    assert not ada.asked()
    assert not testing.risk(ada.client).latched


def test_trust_ends_when_a_step_up_would(ada: Visitor) -> None:
    testing.trust(ada.client)
    ada.site.clock.tick(1_801)
    assert ada.asked()


def test_nobody_can_be_trusted_who_is_not_logged_in(site: Site) -> None:
    with pytest.raises(ConfigError, match="Nobody is logged in"):
        testing.trust(site.visitor().client)


@pytest.mark.parametrize(
    ("level", "asked"), [("unknown", True), ("low", False), ("elevated", False), ("high", True)]
)
def test_a_forced_level_is_what_the_app_sees_and_decides_by(ada: Visitor, level: Any, asked: bool) -> None:
    assert testing.force_risk(ada.client, level).level == level
    assert ada.level() == level
    assert ada.asked() is asked


@pytest.mark.parametrize("level", ["unknown", "low", "elevated", "high"])
def test_every_level_of_the_model_that_ships_can_be_forced(real: Visitor, level: Any) -> None:
    assert testing.force_risk(real.client, level).level == level


@pytest.mark.parametrize("value", [0.0, 0.3, 0.7, 1.0])
def test_a_forced_risk_is_met_to_a_thousandth(ada: Visitor, value: float) -> None:
    assert testing.force_risk(ada.client, value).value == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("wanted", [-0.1, 1.1, "medium"])
def test_a_risk_that_there_is_not_is_refused(client: FlaskClient, wanted: Any) -> None:
    with pytest.raises(ConfigError, match=r"\[0, 1\]|no level"):
        testing.force_risk(client, wanted)


def test_a_forced_high_is_latched_for_the_users_other_sessions_too(site: Site, ada: Visitor) -> None:
    other = site.visitor().login().move(3)
    testing.force_risk(ada.client, "high")
    assert other.asked()


def test_a_forced_low_forgets_what_was_held_against_the_user(site: Site, ada: Visitor) -> None:
    testing.force_risk(ada.client, "high")
    testing.force_risk(ada.client, "low")
    assert not ada.asked()
    assert not site.visitor().login().move(3).asked()


def test_a_visitors_risk_can_be_forced_before_a_login(site: Site) -> None:
    visitor = site.visitor()
    assert testing.force_risk(visitor.client, "low").level == "low"
    assert not visitor.login().asked()


def test_a_simulated_person_is_low_and_a_bot_high_with_the_model_that_ships(real: Visitor) -> None:
    assert testing.move(real.client, testing.person()).level == "low"
    assert not real.asked()
    found = testing.move(real.client, testing.bot())
    assert (found.level, found.latched) == ("high", True)


def test_a_second_visit_right_after_the_first_counts_in_full(real: Visitor) -> None:
    for seed in (0, 4, 6):
        assert testing.move(real.client, testing.person(seed)).level == "low"


def test_movement_goes_through_the_collectors_own_way(ada: Visitor) -> None:
    told: list[int] = []

    def note(_app: Any, *, strokes: int, **_: Any) -> None:
        told.append(strokes)

    with signals.risk_assessed.connected_to(note):
        found = testing.move(ada.client, testing.person(strokes=4))
    assert found.strokes == sum(told) >= 4


def test_visits_are_the_same_for_a_seed() -> None:
    assert (testing.person(1).x == testing.person(1).x).all()
    assert testing.bot("wind", 1).type == testing.bot("wind", 1).type
    assert testing.bot("wind").source == "wind"


def test_a_file_of_one_recording_is_played(ada: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "visit.jsonl.gz"
    write(path, [testing.person(strokes=4)])
    assert testing.move(ada.client, path).strokes >= 4


def test_of_several_recordings_one_is_named(ada: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "visits.jsonl"
    write(path, [testing.person(strokes=4), testing.bot("linear", strokes=4)])
    name = testing.person().session
    assert testing.move(ada.client, str(path), session=name).strokes >= 4
    with pytest.raises(RecordingError, match="holds 2 visits: name one with session="):
        testing.move(ada.client, path)
    with pytest.raises(RecordingError, match="holds 0 visits called 'nobody'"):
        testing.move(ada.client, path, session="nobody")


def test_the_clock_runs_on_after_a_visit(ada: Visitor) -> None:
    guard = ada.site.app.extensions["zerotrust"]
    testing.move(ada.client, testing.person(strokes=3))
    assert guard.clock is ada.site.clock


def test_three_step_ups_in_a_row_find_a_code_each_and_a_fourth_says_why_not(ada: Visitor) -> None:
    for _ in range(3):
        assert testing.pass_challenge(ada.client, ada.open("/secret")).location == "/secret"
        testing.force_risk(ada.client, "unknown")
    with pytest.raises(ConfigError, match="each works once"):
        testing.pass_challenge(ada.client, ada.open("/secret"))


def test_a_challenge_by_text_message_is_passed(make_site: Callable[..., Site]) -> None:
    sue = make_site(ZEROTRUST_SMS_SENDER="console").visitor().login("sue")
    assert testing.pass_challenge(sue.client, sue.open("/secret")).location == "/secret"
    assert sue.open("/secret").text == "the secret"
    assert re.fullmatch(r"[0-9]{6}", testing.last_code(sue.client, to=NUMBER))
    with pytest.raises(ConfigError, match="to this recipient"):
        testing.last_code(sue.client, to="+4915112345678")


def test_a_challenge_by_mail_is_passed(make_site: Callable[..., Site]) -> None:
    mia = make_site(ZEROTRUST_EMAIL_SENDER="console").visitor().login("mia")
    assert testing.pass_challenge(mia.client, mia.open("/secret")).location == "/secret"
    assert mia.open("/secret").text == "the secret"
    assert re.fullmatch(r"[0-9]{6}", testing.last_code(mia.client, to=ADDRESS))


def test_a_program_can_pass_its_challenge_too(ada: Visitor) -> None:
    answer = testing.pass_challenge(ada.client, ada.fetch("/secret"))
    assert answer.status_code == 303
    assert ada.fetch("/secret").text == "the secret"


def test_a_mounted_app_is_no_different(make_site: Callable[..., Site]) -> None:
    ada = make_site(APPLICATION_ROOT="/app").visitor().login()
    assert testing.pass_challenge(ada.client, ada.open("/secret")).location == "/app/secret"
    assert not ada.asked()


def test_what_leads_to_no_challenge_says_so(ada: Visitor) -> None:
    with pytest.raises(ConfigError, match="leads to no challenge: it is 200 OK"):
        testing.pass_challenge(ada.client, ada.open("/"))


def test_a_challenge_of_somebody_else_cannot_be_passed(site: Site, ada: Visitor) -> None:
    carl = site.visitor().login("carl")
    with pytest.raises(ConfigError, match="cannot be opened: it answers 403"):
        testing.pass_challenge(carl.client, ada.open("/secret"))


def test_a_factor_that_takes_no_code_now_is_said(make_site: Callable[..., Site]) -> None:
    ada = make_site(FACTOR_FAILURES=3).visitor().login()
    asked = ada.open("/secret")
    for _ in range(3):
        ada.answer(asked.location, "000000")
    with pytest.raises(ConfigError, match=r"was not passed: .* answers 429"):
        testing.pass_challenge(ada.client, asked)


def test_a_user_with_other_factors_alone_is_said(site: Site, ada: Visitor) -> None:
    asked = ada.open("/secret")
    site.zt.factors_loader(lambda user: [])
    site.app.extensions["zerotrust"].enrolled.make_recovery("ada")
    with pytest.raises(ConfigError, match="neither an authenticator app nor a number"):
        testing.pass_challenge(ada.client, asked)


def test_messages_can_be_read_from_the_console_sender_alone(site: Site, ada: Visitor) -> None:
    guard = site.app.extensions["zerotrust"]
    guard.sender = guard.mailer = object()
    with pytest.raises(ConfigError, match="ZEROTRUST_SMS_SENDER = 'console'"):
        testing.last_code(ada.client)


def test_before_a_message_was_sent_there_is_no_code(ada: Visitor) -> None:
    with pytest.raises(ConfigError, match="No code was sent yet"):
        testing.last_code(ada.client)


def test_a_user_without_an_authenticator_app_has_no_code_of_one(site: Site) -> None:
    bob = site.visitor().login("bob").client
    with pytest.raises(ConfigError, match="'bob' has no authenticator app"):
        testing.totp_code(bob)
    assert re.fullmatch(r"[0-9]{6}", testing.totp_code(bob, "ada"))


def test_a_user_whom_the_app_finds_before_its_views_is_found(make_site: Callable[..., Site]) -> None:
    """The way of Flask's own tutorial: before_request puts the user into g."""
    site = make_site()

    @site.app.before_request
    def load() -> None:
        g.user = session.get("who")

    site.zt.user_id_loader(lambda: g.user)
    client = site.app.test_client()
    with client.session_transaction() as held:
        held["who"] = "ada"
    testing.trust(client)
    assert client.get("/secret").text == "the secret"


def test_flask_logins_own_client_works(site: Site) -> None:
    site.app.test_client_class = FlaskLoginClient
    client = site.app.test_client(user=User("ada"))
    testing.trust(client)
    assert client.get("/secret").text == "the secret"


def test_an_app_that_answers_before_the_kit_is_told(site: Site) -> None:
    @site.app.before_request
    def closed() -> tuple[str, int]:
        return "closed", 503

    with pytest.raises(ConfigError, match="answered 503 SERVICE UNAVAILABLE before the kit"):
        testing.risk(site.visitor().client)


def test_the_apps_error_handlers_do_not_swallow_what_the_kit_says(site: Site) -> None:
    @site.app.errorhandler(Exception)
    def calm(_error: Exception) -> str:
        return "all is well"

    with pytest.raises(ConfigError, match="Nobody is logged in"):
        testing.trust(site.visitor().client)
