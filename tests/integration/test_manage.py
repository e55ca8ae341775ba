"""The pages on which people list, add, rename and remove their factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_zerotrust import signals
from flask_zerotrust.challenge import Challenges
from flask_zerotrust.errors import ChallengeError, SenderError
from flask_zerotrust.factors.enrolled import MAX_FACTORS
from flask_zerotrust.factors.totp import new_secret
from tests.forms import form_to, form_with

from .sites import NUMBER, Site, Visitor, enrolled_eve, kinds, totp

FACTORS = "/zerotrust/factors"
NEW = {"sms": "+447700900456", "email": "eve@post.example"}
HOOKED = "a way was changed"


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_SMS_SENDER="console", ZEROTRUST_EMAIL_SENDER="console")


@pytest.fixture
def eve(site: Site) -> Visitor:
    return enrolled_eve(site)


def outbox(site: Site, kind: str) -> Any:
    guard = site.app.extensions["zerotrust"]
    return (guard.sender if kind == "sms" else guard.mailer).outbox


def add(visitor: Visitor, kind: str, contact: str) -> Any:
    """Type a contact and press the button."""
    page = visitor.open(f"{FACTORS}/add/{kind}?new=1")
    assert page.status_code == 200, page.text
    return visitor.fill(page.text, "contact", contact)


def heard(site: Site, signal: Any) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []

    def hear(sender: Flask, **members: Any) -> None:
        said.append(members)

    signal.connect(hear, site.app, weak=False)
    return said


# The list


def test_the_list_names_all_and_links_what_is_kept_here(eve: Visitor, site: Site) -> None:
    page = eve.open(FACTORS).text
    assert "Authenticator app" in page
    assert "ending in 23" in page
    assert f'href="{FACTORS}/totp"' in page
    assert f'href="{FACTORS}/add/email"' in page
    assert "From your account details" not in page
    assert NUMBER not in page


def test_what_the_site_keeps_is_shown_and_not_changed_here(site: Site) -> None:
    tess = site.visitor().login("tess").step_up(FACTORS)
    page = tess.open(FACTORS).text
    assert page.count("From your account details") == 2
    assert tess.open(f"{FACTORS}/sms").status_code == 404
    token = form_with(tess.open("/zerotrust/recovery").text, "_zerotrust_csrf").fields
    assert tess.submit(f"{FACTORS}/sms/remove", token).status_code == 404


def test_ways_without_a_sender_are_not_offered(make_site: Callable[..., Site]) -> None:
    ada = make_site().visitor().login().step_up(FACTORS)
    page = ada.open(FACTORS).text
    assert "/add/" not in page
    for kind in NEW:
        assert ada.open(f"{FACTORS}/add/{kind}").status_code == 404
        assert ada.open(f"{FACTORS}/add/{kind}?new=1").status_code == 404
    assert ada.open(f"{FACTORS}/add/totp").status_code == 404


def test_news_are_words_of_ours(eve: Visitor) -> None:
    assert "The name is changed." in eve.open(FACTORS + "?news=renamed").text
    assert "evil" not in eve.open(FACTORS + "?news=evil").text


# Adding


@pytest.mark.parametrize("kind", ["sms", "email"])
def test_a_contact_is_added_once_its_code_came_back_and_then_opens_views(
    eve: Visitor, site: Site, kind: str
) -> None:
    told = heard(site, signals.factor_enrolled)
    sent = add(eve, kind, NEW[kind])
    assert (sent.status_code, sent.location) == (303, f"{FACTORS}/add/{kind}")
    page = eve.open(sent.location).text
    assert NEW[kind] in page
    message = outbox(site, kind)[-1]
    assert message.to == NEW[kind]
    assert kinds(site, "eve") == ["totp", "sms"]
    done = eve.fill(page, "code", message.code)
    assert (done.status_code, done.location) == (303, FACTORS + "?news=added")
    assert kinds(site, "eve") == ["totp", "sms", kind]
    factor_id = {"sms": "sms-2", "email": "email"}[kind]
    assert told == [{"user": "eve", "factor_id": factor_id, "kind": kind}]
    site.clock.tick(301)
    asked = eve.open("/admin").location + "?factor=" + factor_id
    form = form_to(eve.open(asked).text, "/send")
    eve.submit(form.action, form.fields)
    assert eve.answer(asked, outbox(site, kind)[-1].code).location == "/admin"


@pytest.mark.parametrize("kind", ["sms", "email"])
def test_a_wrong_code_adds_nothing_and_can_be_typed_again(eve: Visitor, site: Site, kind: str) -> None:
    page = eve.open(add(eve, kind, NEW[kind]).location).text
    code = outbox(site, kind)[-1].code
    again = eve.fill(page, "code", f"{(int(code) + 1) % 1_000_000:06}")
    assert again.status_code == 422
    assert "That code is not right" in again.text
    assert kinds(site, "eve") == ["totp", "sms"]
    assert eve.fill(again.text, "code", code).status_code == 303


@pytest.mark.parametrize(
    ("kind", "typed", "words"),
    [
        ("sms", "0123", "with its country code"),
        ("sms", NUMBER, "already"),
        ("email", "eve@", "whole e-mail address"),
        ("email", "eve@post.example\r\nBcc: a@b.example", "whole e-mail address"),
    ],
)
def test_what_cannot_be_added_is_told_and_stays_typed(
    eve: Visitor, site: Site, kind: str, typed: str, words: str
) -> None:
    page = add(eve, kind, typed)
    assert page.status_code == 422
    assert words in page.text
    assert 'aria-invalid="true"' in page.text
    assert form_with(page.text, "contact").fields["contact"].startswith(typed[:4])
    assert outbox(site, kind) == []


def test_a_number_outside_the_allowed_prefixes_gets_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console", ZEROTRUST_SMS_PREFIXES=["+44"])
    ada = site.visitor().login().step_up(FACTORS)
    assert "No codes can be sent to this number" in add(ada, "sms", "+33612345678").text
    assert outbox(site, "sms") == []


@pytest.mark.parametrize("kind", ["sms", "email"])
def test_after_too_many_wrong_codes_one_begins_again_with_what_was_typed(
    eve: Visitor, site: Site, kind: str
) -> None:
    """What has been tried too often takes no more codes, so the page asks for none and keeps nothing."""
    page = eve.open(add(eve, kind, NEW[kind]).location).text
    wrong = f"{(int(outbox(site, kind)[-1].code) + 1) % 1_000_000:06}"
    answers = [eve.fill(page, "code", wrong) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429]
    form = form_with(answers[-1].text, "contact")
    assert form.fields["contact"] == NEW[kind]
    assert 'name="code"' not in eve.open(f"{FACTORS}/add/{kind}").text
    site.clock.tick(31)
    again = eve.submit(form.action, form.fields)
    eve.fill(eve.open(again.location).text, "code", outbox(site, kind)[-1].code)
    assert kinds(site, "eve") == ["totp", "sms", kind]


def test_of_two_codes_too_many_at_once_the_second_begins_again_too(
    eve: Visitor, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it was judged, the first has made the site forget what was being added."""
    page = eve.open(add(eve, "sms", NEW["sms"]).location).text

    def overtaken(challenges: Challenges, pending: Any, *_: Any, **__: Any) -> None:
        challenges.close(pending)
        raise ChallengeError("too_many")

    monkeypatch.setattr(Challenges, "check", overtaken)
    answer = eve.fill(page, "code", "000000")
    assert answer.status_code == 429
    assert form_with(answer.text, "contact").fields["contact"] == ""


def test_a_second_code_comes_after_a_pause(eve: Visitor, site: Site) -> None:
    page = eve.open(add(eve, "email", NEW["email"]).location).text
    form = form_to(page, "/send")
    again = eve.submit(form.action, form.fields)
    assert again.status_code == 429
    assert "You can try again in 30 seconds" in again.text
    site.clock.tick(31)
    assert eve.submit(form.action, form.fields).status_code == 303
    assert len(outbox(site, "email")) == 2


def test_another_number_takes_the_place_of_the_first(eve: Visitor, site: Site) -> None:
    first = eve.open(add(eve, "sms", NEW["sms"]).location).text
    code = outbox(site, "sms")[-1].code
    add(eve, "sms", "+447700900789")
    assert eve.fill(first, "code", code).status_code == (
        303 if code == outbox(site, "sms")[-1].code else 422
    )


def test_a_sender_that_fails_is_a_clear_page(eve: Visitor, site: Site, monkeypatch: Any) -> None:
    def fail(*_: str) -> None:
        raise SenderError("no")

    monkeypatch.setattr(site.app.extensions["zerotrust"].mailer, "send", fail)
    page = add(eve, "email", NEW["email"])
    assert page.status_code == 503
    assert "could not be sent" in page.text


def test_another_code_for_what_was_added_already_asks_what_to_add(eve: Visitor, site: Site) -> None:
    page = eve.open(add(eve, "email", NEW["email"]).location).text
    form = form_to(page, "/send")
    assert eve.fill(page, "code", outbox(site, "email")[-1].code).status_code == 303
    ended = eve.submit(form.action, form.fields)
    assert ended.status_code == 404
    assert 'name="contact"' in ended.text
    assert len([one for one in outbox(site, "email") if one.code]) == 1


def test_there_is_an_end_to_it(eve: Visitor, site: Site) -> None:
    for _ in range(MAX_FACTORS - 2):
        site.app.extensions["zerotrust"].enrolled.add_totp("eve", new_secret())
    assert eve.open(f"{FACTORS}/add/email").status_code == 409
    assert "Add another" not in eve.open(FACTORS).text


def test_a_first_use_adds_an_address_where_the_site_allows_it(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_ENROL="first-use", ZEROTRUST_EMAIL_SENDER="console")
    bob = site.visitor().login("bob")
    assert "You have none yet" in bob.open(FACTORS).text
    page = bob.open(add(bob, "email", "bob@post.example").location).text
    assert bob.fill(page, "code", outbox(site, "email")[-1].code).status_code == 303
    assert kinds(site, "bob") == ["email"]
    assert not bob.asked(FACTORS)
    assert site.visitor().login("bob").asked(FACTORS)


def test_whoever_may_enrol_is_led_to_what_there_is(make_site: Callable[..., Site]) -> None:
    app_only = make_site(ZEROTRUST_ENROL="first-use").visitor().login("bob").open("/admin").text
    assert 'href="/zerotrust/enrol"' in app_only
    mail = make_site(ZEROTRUST_ENROL="first-use", ZEROTRUST_EMAIL_SENDER="console")
    assert f'href="{FACTORS}"' in mail.visitor().login("bob").open("/admin").text


# Names


def test_a_name_is_changed_and_shown_where_it_is_asked_for(eve: Visitor, site: Site) -> None:
    told = heard(site, signals.factor_renamed)
    done = eve.fill(eve.open(f"{FACTORS}/sms").text, "label", "  My  work\tphone ")
    assert (done.status_code, done.location) == (303, FACTORS + "?news=renamed")
    assert "My work phone" in eve.open(FACTORS).text
    assert told == [{"user": "eve", "factor_id": "sms", "kind": "sms"}]
    site.clock.tick(301)
    assert "My work phone" in eve.open(eve.open("/admin").location).text


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\0b"])
def test_what_is_no_name_is_refused(eve: Visitor, name: str) -> None:
    page = eve.fill(eve.open(f"{FACTORS}/sms").text, "label", name)
    assert page.status_code == 422
    assert "1 to 60 characters" in page.text


# Removing


def press_remove(visitor: Visitor, factor_id: str) -> Any:
    form = form_to(visitor.open(f"{FACTORS}/{factor_id}").text, "/remove")
    return visitor.submit(form.action, form.fields)


def test_a_removed_factor_no_longer_works(eve: Visitor, site: Site) -> None:
    told = heard(site, signals.factor_removed)
    done = press_remove(eve, "sms")
    assert (done.status_code, done.location) == (303, FACTORS + "?news=removed")
    assert kinds(site, "eve") == ["totp"]
    assert told == [{"user": "eve", "factor_id": "sms", "kind": "sms", "reason": "user"}]
    assert "Removed. It no longer works." in eve.open(done.location).text


def test_the_last_factor_stays_and_the_page_says_why(eve: Visitor, site: Site) -> None:
    form = form_to(eve.open(f"{FACTORS}/totp").text, "/remove")
    press_remove(eve, "sms")
    page = eve.open(f"{FACTORS}/totp").text
    assert "your only way" in page
    assert "/remove" not in page
    refused = eve.submit(form.action, form.fields)
    assert refused.status_code == 409
    assert "Add another before you remove it" in refused.text
    assert kinds(site, "eve") == ["totp"]


def test_recovery_codes_alone_are_not_enough_to_stay_with(eve: Visitor, site: Site) -> None:
    eve.fill(eve.open("/zerotrust/recovery").text, "_zerotrust_csrf", _csrf(eve, "/zerotrust/recovery"))
    press_remove(eve, "sms")
    assert kinds(site, "eve") == ["totp", "recovery"]
    assert "your only way" in eve.open(f"{FACTORS}/totp").text


def test_where_the_site_keeps_one_the_last_of_here_can_go(site: Site) -> None:
    site.app.extensions["zerotrust"].enrolled.add_email("ada", "ada@post.example")
    ada = site.visitor().login().step_up(FACTORS)
    assert press_remove(ada, "email").status_code == 303
    assert kinds(site, "ada") == ["totp"]


def _csrf(visitor: Visitor, path: str) -> str:
    return form_with(visitor.open(path).text, "_zerotrust_csrf").fields["_zerotrust_csrf"]


@pytest.mark.parametrize("path", [f"{FACTORS}/sms", f"{FACTORS}/sms/remove", f"{FACTORS}/add/email"])
def test_a_form_without_its_token_or_of_another_site_changes_nothing(
    eve: Visitor, site: Site, path: str
) -> None:
    fields = {"label": "mine", "contact": NEW["email"]}
    assert eve.submit(path, fields).status_code == 400
    other = {
        **fields,
        "_zerotrust_csrf": form_with(eve.open(f"{FACTORS}/totp").text, "label").fields["_zerotrust_csrf"],
    }
    assert eve.submit(path, other).status_code == 400
    assert eve.submit(path, other, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert kinds(site, "eve") == ["totp", "sms"]
    assert outbox(site, "email") == []


def test_a_name_that_cannot_be_taken_stands_in_its_field(eve: Visitor) -> None:
    path = f"{FACTORS}/totp"
    fields = form_with(eve.open(path).text, "label").fields
    page = eve.submit(path, {**fields, "label": "a\u200bb"})
    assert page.status_code == 422
    assert form_with(page.text, "label").fields["label"] == "a\u200bb"


def test_pages_of_factors_are_kept_by_no_cache(eve: Visitor) -> None:
    for path in (FACTORS, f"{FACTORS}/sms", f"{FACTORS}/add/sms"):
        assert eve.open(path).headers["Cache-Control"] == "no-store"


def test_an_app_added_on_its_page_is_in_the_list(eve: Visitor, site: Site) -> None:
    import re

    page = eve.open("/zerotrust/enrol").text
    secret = re.findall(r'class="zt-secret">([A-Z2-7 ]+)<', page)[0].replace(" ", "")
    done = eve.fill(page, "code", totp(site.clock.now, secret))
    assert f'href="{FACTORS}"' in done.text
    assert f'href="{FACTORS}/totp-2"' in eve.open(FACTORS).text
