"""Rows 10, 22, 24, 27 and 29: nothing happens that the person did not ask for on this site."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from flask_wtf import CSRFProtect

from tests.forms import form_with, read_forms
from tests.integration.sites import Site, Visitor, copied

OTHERS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
]


@pytest.fixture
def sue(make_site: Callable[..., Site]) -> Visitor:
    """Sue, whose only factor is a phone."""
    return make_site(ZEROTRUST_SMS_SENDER="console").visitor().login("sue")


def outbox(visitor: Visitor) -> Any:
    return visitor.site.app.extensions["zerotrust"].sender.outbox


def test_looking_at_a_challenge_sends_nothing(sue: Visitor) -> None:
    url = sue.open("/admin").location
    for method in ("GET", "HEAD", "OPTIONS"):
        for headers in ({}, {"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}):
            sue.client.open(url, method=method, headers=headers)
            sue.client.open(url + "/send", method=method, headers=headers)
    assert list(outbox(sue)) == []
    form = next(form for form in read_forms(sue.open(url).text) if form.action.endswith("/send"))
    sue.submit(form.action, form.fields)
    assert len(outbox(sue)) == 1


@pytest.mark.parametrize("headers", OTHERS)
def test_another_site_cannot_press_send(sue: Visitor, headers: dict[str, str]) -> None:
    url = sue.open("/admin").location
    form = next(form for form in read_forms(sue.open(url).text) if form.action.endswith("/send"))
    assert sue.submit(form.action, form.fields, headers=headers).status_code == 403
    assert list(outbox(sue)) == []


@pytest.mark.parametrize("headers", OTHERS)
def test_another_site_cannot_answer(ada: Visitor, headers: dict[str, str]) -> None:
    url = ada.open("/admin").location
    form = form_with(ada.open(url).text, "code")
    answer = ada.submit(form.action, {**form.fields, "code": ada.code()}, headers=headers)
    assert answer.status_code == 403
    assert ada.asked("/admin")


@pytest.mark.parametrize("headers", OTHERS)
def test_another_site_cannot_begin_a_challenge_again(ada: Visitor, headers: dict[str, str]) -> None:
    url = ada.submit("/transfer", {"to": "bob"}).location
    fields = form_with(ada.open(url).text, "code").fields
    assert ada.submit(url + "/again", fields, headers=headers).status_code == 403
    assert ada.submit(url + "/again", {}).status_code == 400
    assert ada.open(url + "/again").status_code == 405


@pytest.mark.parametrize("token", [None, "", "forged", "of another challenge", "of another user"])
def test_a_form_without_its_own_token_is_refused(site: Site, ada: Visitor, token: str | None) -> None:
    url = ada.open("/admin").location
    fields = dict(form_with(ada.open(url).text, "code").fields)
    if token == "of another challenge":
        other = ada.open("/secret").location
        fields["_zerotrust_csrf"] = form_with(ada.open(other).text, "code").fields["_zerotrust_csrf"]
    elif token == "of another user":
        guard = site.app.extensions["zerotrust"]
        fields["_zerotrust_csrf"] = guard.form_tokens.dumps(["grace", url.rpartition("/")[2]])
    elif token is None:
        del fields["_zerotrust_csrf"]
    else:
        fields["_zerotrust_csrf"] = token
    assert ada.submit(url, {**fields, "code": ada.code()}).status_code == 400
    assert ada.asked("/admin")


def test_a_form_of_another_site_is_not_kept(ada: Visitor) -> None:
    """Its values were typed by somebody else: the person would be asked to confirm an attack."""
    answer = ada.submit("/transfer", {"to": "mallory"}, headers={"Sec-Fetch-Site": "cross-site"})
    site = ada.site
    site.clock.tick(30)
    passed = ada.answer(answer.location)
    assert passed.location == "/transfer"
    assert "mallory" not in ada.open(passed.location).text


def test_the_step_up_itself_never_posts(site: Site, ada: Visitor) -> None:
    url = ada.submit("/transfer", {"to": "bob"}).location
    site.clock.tick(30)
    posted: list[str] = []
    view = site.app.view_functions["transfer"]
    site.app.view_functions["transfer"] = lambda: posted.append("ran") or view()
    shown = ada.client.get(ada.answer(url).location)
    assert posted == []
    form = form_with(shown.text, "to")
    assert (form.method, form.action) == ("post", "/transfer")
    assert ada.submit(form.action, form.fields).json == {"got": {"to": "bob"}}
    assert posted == ["ran"]


def test_movement_in_a_form_reaches_neither_view_nor_confirm_page_nor_address(
    site: Site, ada: Visitor
) -> None:
    batch = ada.body(1)
    answer = ada.submit("/transfer?x=1", {"to": "bob", "zerotrust_batch": batch})
    site.clock.tick(30)
    confirm = ada.answer(answer.location).location
    page = ada.open(confirm).text
    token = site.app.json.loads(batch)["token"]
    for text in (answer.location, confirm, page):
        assert "zerotrust_batch" not in text
        assert token not in text
    ada.move(1)
    got = ada.submit("/transfer", {"to": "bob", "zerotrust_batch": ada.body(1)})
    assert got.json == {"got": {"to": "bob"}}


def test_movement_in_a_query_is_not_heard(ada: Visitor) -> None:
    ada.client.get("/transfer", query_string={"zerotrust_batch": ada.body(4)})
    assert ada.level() == "unknown"


def test_the_collector_needs_no_csrf_token_of_the_app_and_nothing_else_is_let_off(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()
    CSRFProtect(site.app)
    ada = site.visitor()
    ada.open("/")
    assert ada.send(ada.body(1)).status_code == 204
    assert ada.submit("/login", {"username": "ada"}).status_code == 400


def test_challenge_pages_are_framed_and_kept_by_nobody(ada: Visitor) -> None:
    answer = ada.open(ada.open("/admin").location)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "Cookie" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
    ],
)
def test_only_a_page_that_the_person_opens_writes_the_session(
    site: Site, ada: Visitor, headers: dict[str, str]
) -> None:
    """A late answer to anything else would put back an older session."""
    ada.move(1)
    assert ada.open("/", headers=headers).headers.getlist("Set-Cookie") == []
    assert site.visitor().open("/", headers=headers).headers.getlist("Set-Cookie") == []
    assert site.visitor().open("/").headers.getlist("Set-Cookie")


HOSTS = ["evil.example #111111 @bank.example", "evil.example@bank.example", "bank.example\t#1", "a" * 300]


def press_send(sue: Visitor, host: str, domain: str = "localhost") -> None:
    """Ask for a code as a client that writes its own Host header does, and knows a password."""
    url = sue.open("/admin").location
    form = next(form for form in read_forms(sue.open(url).text) if form.action.endswith("/send"))
    headers = {"Host": host, "Cookie": copied(sue.client, domain).header}
    sue.site.app.test_client(use_cookies=False).post(form.action, data=form.fields, headers=headers)


def test_a_message_names_the_host_that_was_asked_if_the_site_has_named_it(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(
        ZEROTRUST_SMS_SENDER="console", ZEROTRUST_WEBAUTHN_ORIGINS=("https://bank.example:8000",)
    )
    sue = site.visitor().login("sue")
    press_send(sue, "bank.example:8000")
    (message,) = outbox(sue)
    assert "\n@bank.example #" in message.text


@pytest.mark.parametrize("host", HOSTS)
def test_a_strange_host_does_not_reach_a_message(sue: Visitor, host: str) -> None:
    """The last line of a message binds the code to a host: it must not be the client's to write."""
    press_send(sue, host)
    assert all(host not in message.text for message in outbox(sue))


@pytest.mark.skipif(
    version("flask") < "3.1", reason="Flask 3.0 routes other hosts than SERVER_NAME nowhere"
)
def test_a_configured_name_wins_over_what_the_client_says(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console", SERVER_NAME="bank.example:443")
    sue = site.visitor().login("sue")
    press_send(sue, "evil.example", "bank.example")
    (message,) = outbox(sue)
    assert "\n@bank.example #" in message.text


def test_a_thief_of_the_password_has_no_form_confirmed_by_the_owner(site: Site, ada: Visitor) -> None:
    """What a client without a session has opened is answered by nobody else."""
    thief = site.visitor()
    thief.submit("/login", {"username": "ada", "remember": "1"})
    thief.client.delete_cookie("session")
    asked = thief.fetch("/transfer", "POST", data={"to": "mallory", "amount": "999"})
    site.clock.tick(30)
    theirs = ada.open(asked.json["challenge_url"])
    assert theirs.status_code == 403
    assert "mallory" not in theirs.text
