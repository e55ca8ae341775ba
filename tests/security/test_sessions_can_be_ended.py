"""Rows 42 and 43: a session that was ended stays so, whatever cookie it comes back with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g, session

from flask_zerotrust import ZeroTrust, signals, step_up_required
from flask_zerotrust.config import Settings
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.sessions.endings import MAX_THREADS
from tests.clock import Clock
from tests.forms import form_to
from tests.integration.known import Key, form_proof, pass_with_key
from tests.integration.sites import SECRET, FixedScorer, Site, Visitor, enrolled_eve, totp

SESSIONS = "/zerotrust/sessions"


@pytest.fixture
def site(make_site: Callable[..., Site], tmp_path: Path) -> Site:
    return make_site(
        ZEROTRUST_NEW_BROWSER="challenge", ZEROTRUST_STORE=f"sqlite:///{tmp_path / 'zt.sqlite'}"
    )


def here(site: Site) -> Visitor:
    """Return Ada in a session that has just passed a code."""
    ada = site.visitor().login()
    site.clock.tick(30)
    return ada.step_up("/admin")


def press(visitor: Visitor, ending: str, page: str = SESSIONS) -> Any:
    form = form_to(visitor.open(page).text, ending)
    return visitor.submit(form.action, form.fields)


def is_in(visitor: Visitor) -> bool:
    return visitor.open("/secret").status_code != 401


def name_of(visitor: Visitor) -> str:
    return str(visitor.entry()["id"])[:8]


# The page


def test_the_page_lists_each_login_with_its_times_and_marks_this_one(site: Site) -> None:
    site.visitor().login()
    site.visitor().login("tess")
    site.clock.tick(3_600)
    page = here(site).open(SESSIONS).text
    assert page.count('class="zt-row"') == 2
    assert page.count("This session") == 1
    assert "15 January 2027, 08:00 UTC" in page
    assert "15 January 2027, 09:00 UTC" in page


def test_the_page_names_a_browser_only_if_it_is_remembered(site: Site) -> None:
    ada = site.visitor()
    ada.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/153.0"
    ada.login()
    pass_with_key(ada, Key(), remember=True)
    other = site.visitor()
    other.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone) Safari/604.1"
    other.login()
    page = ada.open(SESSIONS).text
    assert "Firefox on Windows" in page
    assert "A browser that isn’t remembered" in page
    assert "iPhone" not in page


def test_the_page_wants_a_factor_first(site: Site) -> None:
    thief = site.visitor().login()
    owner = here(site)
    assert "/challenge/" in thief.open(SESSIONS).location
    fields = form_to(owner.open(SESSIONS).text, "/sessions/end").fields
    assert "/challenge/" in thief.submit(SESSIONS + "/end", fields).location
    assert is_in(owner)


@pytest.mark.parametrize("path", ["end", "ID/end"])
def test_another_site_ends_nothing(site: Site, path: str) -> None:
    other, ada = site.visitor().login(), here(site)
    fields = form_to(ada.open(SESSIONS).text, "/sessions/end").fields
    path = f"{SESSIONS}/{path.replace('ID', name_of(other))}"
    assert ada.submit(path, fields, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert ada.submit(path, {}).status_code == 400
    assert ada.open(path).status_code == 405
    assert is_in(other)


def test_every_page_has_a_way_out_if_the_site_names_one(make_site: Callable[..., Site]) -> None:
    eve = enrolled_eve(make_site(ZEROTRUST_SMS_SENDER="console", ZEROTRUST_LOGOUT_URL="/bye?a=1&b=2"))
    for page in ("/factors", "/sessions", "/enrol", "/recovery", "/challenge/" + "x" * 22):
        assert 'href="/bye?a=1&amp;b=2">Log out</a>' in eve.open("/zerotrust" + page).text


def test_a_way_out_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="LOGOUT_URL must be a path or a URL"):
        Settings(logout_url="javascript:alert(1)")._check_together()


# Ending one


def test_one_session_is_logged_out_and_the_others_stay(site: Site) -> None:
    one, two = site.visitor().login(), site.visitor().login()
    ada = here(site)
    done = press(ada, f"/{name_of(one)}/end")
    assert (done.status_code, done.location) == (303, SESSIONS + "?news=ended")
    assert "That session is logged out." in ada.open(done.location).text
    assert [is_in(visitor) for visitor in (one, two, ada)] == [False, True, True]


def test_a_step_up_does_not_save_a_session_that_is_ended(site: Site) -> None:
    """Its id has changed since, and copies of its older cookies end with it."""
    thief = site.visitor().login()
    older = thief.cookie()
    site.clock.tick(30)
    thief.step_up("/admin")
    press(here(site), f"/{name_of(thief)}/end")
    assert not is_in(thief)
    assert not is_in(thief.put_back(older))


def test_a_session_that_was_ended_stays_so_for_as_long_as_a_cookie_may_live(site: Site) -> None:
    thief = site.visitor().login()
    stolen = thief.cookie()
    press(here(site), f"/{name_of(thief)}/end")
    site.clock.tick(399 * 86_400)
    for _ in range(2):
        assert not is_in(site.visitor().put_back(stolen))


def test_who_was_logged_out_can_log_in_again(site: Site) -> None:
    other = site.visitor().login()
    press(here(site), f"/{name_of(other)}/end")
    assert not is_in(other)
    assert is_in(other.login())


def test_the_session_at_hand_can_be_ended_too(site: Site) -> None:
    ada = here(site)
    done = press(ada, f"/{name_of(ada)}/end")
    assert (done.location, is_in(ada)) == ("/", False)


def test_a_session_of_somebody_else_is_not_found(site: Site) -> None:
    tess, ada = site.visitor().login("tess"), here(site)
    fields = form_to(ada.open(SESSIONS).text, "/sessions/end").fields
    assert ada.submit(f"{SESSIONS}/{name_of(tess)}/end", fields).status_code == 404
    assert is_in(tess)


def test_a_remember_me_cookie_is_cleared_with_the_session(site: Site) -> None:
    other = site.visitor()
    other.submit("/login", {"username": "ada", "remember": "1"})
    press(here(site), f"/{name_of(other)}/end")
    assert not is_in(other)
    assert other.client.get_cookie("remember_token") is None


def test_more_endings_than_are_kept_end_all(site: Site) -> None:
    sessions = site.app.extensions["zerotrust"].sessions
    first, other = site.visitor().login(), site.visitor().login()
    ((first_id, record), _) = sorted(sessions.of("ada"), key=lambda one: one[0] != first.entry()["id"])
    sessions.end_one("ada", first_id, record)
    for number in range(MAX_THREADS - 1):
        sessions.endings.end_one(sessions._tags("ada"), "user:ada", str(number))
    assert (is_in(first), is_in(other)) == (False, True)
    sessions.endings.end_one(sessions._tags("ada"), "user:ada", "one more")
    assert (is_in(first), is_in(other)) == (False, False)


# Ending all others


def test_log_out_elsewhere_ends_every_other_session_and_not_this_one(site: Site) -> None:
    others, tess = [site.visitor().login() for _ in range(3)], site.visitor().login("tess")
    ada = here(site)
    done = press(ada, "/sessions/end")
    assert (done.status_code, done.location) == (303, SESSIONS + "?news=others_ended")
    page = ada.open(done.location).text
    assert "You are logged out everywhere else." in page
    assert page.count('class="zt-row"') == 1
    assert [is_in(visitor) for visitor in (*others, tess, ada)] == [False, False, False, True, True]
    assert not ada.asked("/admin"), "what this session has passed still counts"


def test_a_copy_of_this_sessions_cookie_is_logged_out_with_the_others(site: Site) -> None:
    ada = here(site)
    copies = [site.visitor().put_back(ada.cookie()) for _ in range(2)]
    press(ada, "/sessions/end")
    assert [is_in(visitor) for visitor in (*copies, ada)] == [False, False, True]


def test_sessions_without_a_record_end_too(site: Site) -> None:
    quiet = site.visitor().login()
    site.app.extensions["zerotrust"].store.delete("session:" + quiet.entry()["id"])
    press(here(site), "/sessions/end")
    assert not is_in(quiet)


def test_a_session_ends_also_after_a_new_secret_key(site: Site) -> None:
    other = site.visitor().login()
    again = site.rekeyed("second-key", fallbacks=["first-key"])
    ada = again.visitor().login()
    again.clock.tick(30)
    press(ada.step_up("/admin"), "/sessions/end")
    assert not is_in(again.visitor().put_back(other.cookie()))


@pytest.mark.parametrize("change", ["remove", "enrol"])
def test_a_change_of_factors_offers_to_log_out_elsewhere(
    make_site: Callable[..., Site], change: str
) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console")
    eve = enrolled_eve(site)
    other = site.visitor().login("eve")
    if change == "remove":
        form = form_to(eve.open("/zerotrust/factors/sms").text, "/remove")
        page = eve.open(eve.submit(form.action, form.fields).location).text
    else:
        page = page_after_enrolling(eve)
    assert "Log out elsewhere" in page
    form = form_to(page, "/sessions/end")
    eve.submit(form.action, form.fields)
    assert (is_in(other), is_in(eve)) == (False, True)


def page_after_enrolling(visitor: Visitor) -> str:
    """Add an authenticator app, and return the page that says so."""
    page = visitor.open("/zerotrust/enrol").text
    form, secret = form_to(page, "/enrol"), page.split('zt-secret">')[1].split("<")[0].replace(" ", "")
    answer = visitor.submit(form.action, {**form.fields, "code": totp(visitor.site.clock(), secret)})
    return str(answer.text)


def test_the_list_of_factors_offers_it_only_after_a_change(make_site: Callable[..., Site]) -> None:
    eve = enrolled_eve(make_site(ZEROTRUST_SMS_SENDER="console"))
    page = eve.open("/zerotrust/factors").text
    assert "Log out elsewhere" not in page
    assert f'href="{SESSIONS}"' in page


# How the login ends


def plain_app(clock: Clock) -> tuple[Flask, ZeroTrust]:
    """Return an app without Flask-Login, whose user is known only once it has looked them up."""
    app = Flask("plain")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    zt = ZeroTrust(app, clock=clock)
    app.extensions["zerotrust"].scorer = FixedScorer()

    @app.before_request
    def look_up() -> None:
        g.user = session.get("user")

    zt.user_id_loader(lambda: g.user)
    zt.factors_loader(lambda user: [TotpFactor(SECRET)])

    @app.post("/login")
    def login() -> str:
        session.update(user="ada", theme="dark")
        g.user = "ada"
        return "in"

    app.add_url_rule("/theme", "theme", lambda: session.get("theme", "none"))
    app.add_url_rule("/secret", "secret", step_up_required(lambda: "the secret"))
    return app, zt


@pytest.mark.parametrize(("handled", "theme"), [(False, "none"), (True, "dark")])
def test_without_flask_login_the_session_is_cleared_or_the_app_is_asked(
    clock: Clock, handled: bool, theme: str
) -> None:
    app, zt = plain_app(clock)
    if handled:
        zt.logout_handler(lambda: session.pop("user"))
    client = app.test_client()
    client.post("/login")
    with app.app_context():
        zt.end_sessions("ada")
    assert client.get("/theme").text == theme
    assert client.get("/secret").status_code == 401


def test_a_login_without_flask_login_is_in_the_list_and_can_be_ended(clock: Clock) -> None:
    """A script that logs in and never opens a page with the collector has a session, too."""
    app, _ = plain_app(clock)
    script = app.test_client()
    script.post("/login")
    found = app.extensions["zerotrust"].sessions.of("ada")
    assert [record.begun_at for _, record in found] == [clock()]


def test_the_app_hears_of_it(site: Site) -> None:
    heard: list[dict[str, Any]] = []
    other = site.visitor().login()
    name, ada = name_of(other), here(site)
    with signals.session_ended.connected_to(lambda _, **said: heard.append(said), site.app):
        press(ada, f"/{name}/end")
        press(ada, "/sessions/end")
        with site.app.app_context():
            site.zt.end_sessions("ada")
    assert heard == [
        {"user": "ada", "session": name, "reason": "user"},
        {"user": "ada", "session": None, "reason": "user"},
        {"user": "ada", "session": None, "reason": "app"},
    ]


def test_an_ended_session_opens_nothing_while_the_store_stumbles(site: Site) -> None:
    """The record was not reached, the first question fails, the login goes on: the view asks again."""
    ada = here(site)
    guard = site.app.extensions["zerotrust"]
    guard.sessions.endings.end_all(guard.sessions._tags("ada"), "user:ada")
    real, calls = guard.sessions.endings.of, iter([True])

    def once(tag: str) -> Any:
        if next(calls, False):
            raise StoreError("away")
        return real(tag)

    guard.sessions.endings.of = once
    answer = ada.open("/admin")
    assert answer.text != "the admin page"
    assert not is_in(ada)


def test_a_broken_row_opens_nothing(site: Site) -> None:
    ada = here(site)
    guard = site.app.extensions["zerotrust"]
    guard.store.put("ended:" + ada.entry()["u"], b"{", ttl_s=60)
    assert ada.open("/admin").status_code == 503


def test_files_and_visitors_without_a_cookie_cost_no_question(site: Site) -> None:
    asked: list[str] = []
    guard = site.app.extensions["zerotrust"]
    real = guard.sessions.endings.of
    guard.sessions.endings.of = lambda tag: asked.append(tag) or real(tag)
    ada = here(site)
    asked.clear()
    with ada.open("/zerotrust/static/collector.js"):
        site.visitor().open("/level")
    assert asked == []


# Everybody's step-ups


def test_a_new_epoch_ends_proofs_and_grants_and_a_proof_revives_no_older_grant(site: Site) -> None:
    key, ada = Key(), site.visitor().login()
    pass_with_key(ada, key, remember=True)
    assert not ada.asked("/admin")
    site.app.extensions["zerotrust"].sessions.endings.begin_epoch()
    assert (ada.asked("/secret"), ada.asked("/admin")) == (True, True)
    assert ada.submit("/transfer", {"to": "Grace", **form_proof(ada, key)}).json == {"got": {"to": "Grace"}}
    assert ada.asked("/admin"), "the key proves the browser, and the older code stays ended"


def test_movement_revives_no_ended_grant(site: Site) -> None:
    ada = here(site)
    site.app.extensions["zerotrust"].sessions.endings.begin_epoch()
    ada.move(3)
    assert ada.asked("/admin")
