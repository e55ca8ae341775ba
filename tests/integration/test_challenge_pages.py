"""The challenge page: a code from the app, wrong tries, other people, and ends that lead somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.forms import form_to, form_with

from .sites import Site, Visitor


def test_the_code_of_the_app_opens_the_page(ada: Visitor) -> None:
    asked = ada.open("/secret")
    page = ada.open(asked.location)
    assert page.status_code == 200
    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    assert ada.answer(asked.location).location == "/secret"
    assert ada.open("/secret").text == "the secret"


@pytest.mark.parametrize("typed", ["{} {}", "{}-{}", " {}{} "])
def test_a_code_may_be_typed_in_groups(ada: Visitor, typed: str) -> None:
    code = ada.code()
    answered = ada.answer(ada.open("/secret").location, typed.format(code[:3], code[3:]))
    assert answered.status_code == 303


def wrong(ada: Visitor) -> str:
    return f"{(int(ada.code()) + 1) % 1_000_000:06}"


def alert(page: Any) -> bool:
    return 'role="alert"' in page.text and 'aria-invalid="true"' in page.text


def test_a_wrong_code_is_announced(ada: Visitor) -> None:
    asked = ada.open("/secret")
    assert not alert(ada.open(asked.location))
    page = ada.answer(asked.location, wrong(ada))
    assert page.status_code == 422
    assert alert(page)
    assert "That code is not right" in page.text
    assert ada.asked()


def test_a_code_that_is_no_code_is_announced(ada: Visitor) -> None:
    page = ada.answer(ada.open("/secret").location, "①②③④⑤⑥")
    assert page.status_code == 422
    assert "Type all digits" in page.text


def test_a_missing_code_is_announced(ada: Visitor) -> None:
    asked = ada.open("/secret")
    form = form_with(ada.open(asked.location).text, "code")
    del form.fields["code"]
    assert ada.submit(form.action, form.fields).status_code == 422


def test_after_too_many_tries_the_right_code_is_refused(ada: Visitor) -> None:
    asked = ada.open("/secret")
    answers = [ada.answer(asked.location, wrong(ada)).status_code for _ in range(5)]
    assert answers == [422, 422, 422, 422, 429]
    page = ada.answer(asked.location)
    assert page.status_code == 429
    assert "Too many wrong codes" in page.text
    assert 'role="alert"' in page.text


@pytest.mark.parametrize("path", ["/secret", "/admin"])
def test_after_too_many_tries_the_page_leads_to_where_one_begins_again(ada: Visitor, path: str) -> None:
    asked = ada.open(path)
    page = [ada.answer(asked.location, wrong(ada)) for _ in range(5)][-1]
    assert f'href="{path}" data-zt-cancel>Start again</a>' in page.text
    assert 'name="code"' not in page.text


def test_a_fresh_challenge_opens_after_too_many_tries(ada: Visitor) -> None:
    asked = ada.open("/secret")
    for _ in range(5):
        ada.answer(asked.location, wrong(ada))
    assert ada.answer(ada.open("/secret").location).status_code == 303


def test_a_paused_factor_says_how_long(ada: Visitor, site: Site) -> None:
    for _ in range(2):
        asked = ada.open("/secret")
        last = [ada.answer(asked.location, wrong(ada)) for _ in range(5)][-1]
    assert last.status_code == 429
    assert "about 15 minutes" in last.text
    assert last.headers["Retry-After"] == "900"


def test_a_code_works_once(ada: Visitor) -> None:
    ada.answer(ada.open("/admin").location)
    ada.submit("/logout", {})
    ada.login()
    page = ada.answer(ada.open("/admin").location)
    assert page.status_code == 422
    assert "already used" in page.text


def test_another_user_cannot_answer_the_challenge(ada: Visitor, site: Site) -> None:
    asked = ada.open("/secret")
    page = site.visitor().login("grace").open(asked.location)
    assert page.status_code == 403
    assert "belongs to another sign-in" in page.text


def test_another_browser_of_the_same_user_cannot_answer_it(ada: Visitor, site: Site) -> None:
    asked = ada.open("/secret")
    assert site.visitor().login("ada").open(asked.location).status_code == 403


def test_a_visitor_cannot_answer_it(ada: Visitor, site: Site) -> None:
    asked = ada.open("/secret")
    assert site.visitor().open(asked.location).status_code == 401


@pytest.mark.parametrize("path", ["", "/confirm"])
@pytest.mark.parametrize("name", ["x", "x" * 22, "%00", "ä" * 22])
def test_a_challenge_that_never_was_is_gone(ada: Visitor, name: str, path: str) -> None:
    page = ada.open(f"/zerotrust/challenge/{name}{path}")
    assert page.status_code == 404
    assert "This check has ended" in page.text
    assert 'href="/"' in page.text


@pytest.mark.parametrize(("seconds", "status"), [(899, 200), (901, 404)])
def test_a_challenge_ends_after_a_quarter_of_an_hour(
    ada: Visitor, site: Site, seconds: int, status: int
) -> None:
    asked = ada.open("/secret")
    site.clock.tick(seconds)
    assert ada.open(asked.location).status_code == status


def test_a_step_up_in_one_tab_answers_the_other(ada: Visitor) -> None:
    first, second = ada.open("/secret"), ada.open("/secret?tab=2")
    ada.answer(first.location)
    onward = ada.open(second.location)
    assert (onward.status_code, onward.location) == (303, "/secret?tab=2")


def test_a_code_for_a_challenge_that_another_tab_has_answered_leads_on(ada: Visitor) -> None:
    """The person has typed it in both tabs: what it was for is open, and it is not called used."""
    first, second = ada.open("/secret"), ada.open("/secret?tab=2")
    page = ada.open(second.location).text
    ada.answer(first.location)
    onward = ada.fill(page, "code", ada.code())
    assert (onward.status_code, onward.location) == (303, "/secret?tab=2")


def test_no_message_is_sent_where_another_tab_has_answered(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console")
    tess = site.visitor().login("tess")
    first, second = tess.open("/secret"), tess.open("/secret?tab=2")
    form = form_to(tess.open(second.location + "?factor=sms").text, "/send")
    tess.answer(first.location)
    assert tess.submit(form.action, form.fields).location == "/secret?tab=2"
    assert site.app.extensions["zerotrust"].sender.outbox == []


def test_a_factor_taken_away_in_between_is_a_clear_page(ada: Visitor, site: Site) -> None:
    asked = ada.open("/secret")
    site.zt.factors_loader(lambda user: [])
    page = ada.open(asked.location)
    assert page.status_code == 403
    assert "no way to confirm" in page.text


@pytest.mark.parametrize("token", ["", "x", None])
def test_an_answer_without_its_token_is_refused(ada: Visitor, token: str | None) -> None:
    asked = ada.open("/secret")
    fields = {"code": ada.code()} | ({} if token is None else {"_zerotrust_csrf": token})
    assert ada.submit(asked.location, fields).status_code == 400
    assert ada.asked()


def test_the_token_of_one_challenge_is_no_token_of_another(ada: Visitor) -> None:
    first, second = ada.open("/secret"), ada.open("/secret")
    form = form_with(ada.open(first.location).text, "code")
    assert ada.submit(second.location, {**form.fields, "code": ada.code()}).status_code == 400


def test_a_token_ends_with_the_challenge(ada: Visitor, site: Site) -> None:
    asked = ada.open("/secret")
    html = ada.open(asked.location).text
    site.clock.tick(901)
    later = ada.open("/secret").location
    form = form_with(html, "code")
    assert ada.submit(asked.location, {**form.fields, "code": ada.code()}).status_code == 404
    assert ada.submit(later, {**form.fields, "code": ada.code()}).status_code == 400


def test_a_form_that_is_too_old_leads_back_to_its_page(ada: Visitor) -> None:
    """A page of ours, in the frame of the site, not the bare one of the server."""
    headers = {"Referer": "http://localhost/zerotrust/factors/totp?x=1"}
    page = ada.submit("/zerotrust/recovery", {}, headers=headers)
    assert page.status_code == 303
    ada.answer(page.location)
    page = ada.submit("/zerotrust/recovery", {}, headers=headers)
    assert page.status_code == 400
    assert "This form is too old." in page.text
    assert 'href="/zerotrust/factors/totp?x=1"' in page.text
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("site_of_origin", ["cross-site", "same-site", "none"])
def test_an_answer_from_another_site_is_refused(ada: Visitor, site_of_origin: str) -> None:
    form = form_with(ada.open(ada.open("/secret").location).text, "code")
    headers = {"Sec-Fetch-Site": site_of_origin}
    answer = ada.submit(form.action, {**form.fields, "code": ada.code()}, headers=headers)
    assert answer.status_code == 403


def test_the_page_offers_a_way_out_and_other_factors(make_site: Callable[..., Site]) -> None:
    tess = make_site(ZEROTRUST_SMS_SENDER="console").visitor().login("tess")
    asked = tess.open("/secret")
    page = tess.open(asked.location).text
    assert 'href="/"' in page
    assert f'href="{asked.location}?factor=sms"' in page
    assert "Send the code" in tess.open(asked.location + "?factor=sms").text


def test_a_factor_that_is_not_theirs_falls_back_to_the_first(ada: Visitor) -> None:
    asked = ada.open("/secret")
    assert 'name="factor" value="totp"' in ada.open(asked.location + "?factor=sms").text


def test_an_app_may_bring_its_own_page(site: Site, ada: Visitor) -> None:
    from jinja2 import ChoiceLoader, DictLoader

    own = DictLoader({"zerotrust/base.html": "own frame: {% block main %}{% endblock %}"})
    site.app.jinja_env.loader = ChoiceLoader([own, site.app.jinja_env.loader])
    page = ada.open(ada.open("/secret").location).text
    assert page.startswith("own frame:")
    assert 'name="code"' in page


def test_the_page_counts_down_the_tries_that_are_left(make_site: Callable[..., Site]) -> None:
    ada = make_site(CODE_TRIES=3).visitor().login()
    url = ada.open("/secret").location
    assert "left" not in ada.open(url).text
    assert "You have 2 tries left." in ada.answer(url, wrong(ada)).text
    assert "You have 1 try left." in ada.answer(url, wrong(ada)).text
    assert "left." not in ada.answer(url, wrong(ada)).text


def test_a_way_that_closes_earlier_than_the_challenge_counts(make_site: Callable[..., Site]) -> None:
    ada = make_site(CODE_TRIES=5, FACTOR_FAILURES=6).visitor().login()
    ada.answer(ada.open("/secret").location, wrong(ada))
    ada.answer(ada.open("/secret").location, wrong(ada))
    assert "You have 3 tries left." in ada.answer(ada.open("/secret").location, wrong(ada)).text


def test_nobody_is_told_to_choose_another_way_who_has_none(make_site: Callable[..., Site]) -> None:
    ada = make_site(CODE_TRIES=5, FACTOR_FAILURES=5).visitor().login()
    url = ada.open("/secret").location
    for _ in range(5):
        page = ada.answer(url, wrong(ada)).text
    assert "No more are taken for a while" in page
    assert "nother" not in page.partition("Does it not work?")[0]


@pytest.mark.parametrize(
    ("support", "shown"),
    [
        ("help@bank.example", 'href="mailto:help@bank.example"'),
        ("https://bank.example/help", 'href="https://bank.example/help"'),
        ("020 7946 0000", "<bdi>020 7946 0000</bdi>"),
        ("javascript:alert(1)", "<bdi>javascript:alert(1)</bdi>"),
        ("", "Please ask this site’s support."),
    ],
)
def test_the_page_names_the_support(make_site: Callable[..., Site], support: str, shown: str) -> None:
    ada = make_site(ZEROTRUST_SUPPORT=support).visitor().login()
    assert shown in ada.open(ada.open("/secret").location).text
