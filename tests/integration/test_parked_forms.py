"""A protected form: its values survive the step-up, and nobody but the person submits it."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import request

from flask_zerotrust import step_up_required
from flask_zerotrust.web.form_movement import is_readable
from tests.forms import form_to, form_with

from .sites import Site, Visitor

VALUES = {"to": "Grace", "amount": "12.50", "note": "line one\nline two"}


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """The site, and a form target that cannot be opened by a link; both count what they carry out."""
    site = make_site()
    site.app.config["DONE"] = done = []

    def pay() -> dict[str, Any]:
        done.append(request.form.to_dict(flat=False))
        return {"got": done[-1], "files": list(request.files)}

    site.app.add_url_rule("/pay", "pay", step_up_required(pay), methods=["POST"])
    return site


def done(ada: Visitor) -> list[dict[str, Any]]:
    return list(ada.site.app.config["DONE"])


def to_confirm(ada: Visitor, data: dict[str, Any], path: str = "/pay", **kwargs: Any) -> Any:
    """Post a form, pass the challenge, and return the page that follows."""
    ada.site.clock.tick(30)
    asked = ada.submit(path, data, **kwargs)
    assert asked.status_code == 303, asked.text
    answered = ada.answer(asked.location)
    assert answered.location == asked.location + "/confirm"
    return ada.open(answered.location)


def test_the_values_are_shown_and_the_person_submits_them(ada: Visitor) -> None:
    page = to_confirm(ada, VALUES)
    assert page.status_code == 200
    assert done(ada) == []
    form = form_to(page.text, "/pay")
    assert form.fields == VALUES
    for value in ("Grace", "12.50", "line one"):
        assert value in page.text
    answer = ada.submit(form.action, form.fields)
    assert answer.json["got"] == {name: [value] for name, value in VALUES.items()}
    assert len(done(ada)) == 1


def test_the_step_up_itself_carries_nothing_out(ada: Visitor) -> None:
    page = to_confirm(ada, VALUES)
    ada.open(page.request.path)
    assert done(ada) == []


def test_shown_values_cannot_be_changed_and_hidden_ones_are_shown(ada: Visitor) -> None:
    """Only anti-forgery fields stay invisible, so that what is confirmed is what is sent."""
    page = to_confirm(ada, {**VALUES, "token_id": "77", "nonce": "5", "csrf_token": "abc"})
    assert page.text.count("readonly") == len(VALUES) + 2
    assert '<input type="hidden" name="csrf_token" value="abc">' in page.text
    assert page.text.count('type="hidden"') == 1


def test_repeated_names_keep_their_order(ada: Visitor) -> None:
    page = to_confirm(ada, {"tag": ["b", "a", "b"]})
    assert page.text.count('name="tag"') == 3


def test_secrets_are_never_kept_and_asked_for_again(ada: Visitor) -> None:
    page = to_confirm(ada, {**VALUES, "password": "hunter2", "card_number": "4111"})
    assert "hunter2" not in page.text
    assert "4111" not in page.text
    assert page.text.count('type="password"') == 2
    form = form_to(page.text, "/pay")
    assert (form.fields["password"], form.fields["card_number"]) == ("", "")


def test_fields_that_the_browser_masks_are_not_kept_whatever_their_name(ada: Visitor) -> None:
    """The page names them in a field of ours, which the view never sees."""
    masked = {"zerotrust_masked": ["geheimnis", "elsewhere"]}
    page = to_confirm(ada, {**VALUES, "geheimnis": "horse", **masked})
    assert "horse" not in page.text
    fields = form_to(page.text, "/pay").fields
    assert {name: fields[name] for name in VALUES} == VALUES
    answer = ada.submit("/pay", {**fields, "geheimnis": "horse", **masked})
    assert set(answer.json["got"]) == {*VALUES, "geheimnis"}


def test_the_button_that_was_pressed_is_sent_again_and_is_no_field(ada: Visitor) -> None:
    page = to_confirm(ada, {**VALUES, "step": "publish", "zerotrust_pressed": "step"})
    assert re.search('type="hidden" name="step" value="publish"', page.text)
    assert form_to(page.text, "/pay").fields == {**VALUES, "step": "publish"}
    assert "Step" not in page.text


def test_a_button_that_shares_its_name_hides_no_field(ada: Visitor) -> None:
    page = to_confirm(ada, {**VALUES, "step": ["first", "second"], "zerotrust_pressed": "step"})
    assert page.text.count(">Step</label>") == 2


def test_files_are_left_out_with_a_note(ada: Visitor) -> None:
    page = to_confirm(ada, {"to": "Grace", "receipt": (BytesIO(b"bytes"), "receipt.pdf")})
    assert "Files can’t be kept" in page.text
    assert "receipt" in page.text
    assert form_to(page.text, "/pay").fields == {"to": "Grace"}


def test_a_form_too_large_to_keep_says_so(make_site: Callable[..., Site]) -> None:
    ada = make_site(PARK_BYTES=64).visitor().login()
    page = to_confirm(ada, {"note": "x" * 100}, "/transfer")
    assert "too large to keep" in page.text
    assert 'href="/transfer"' in page.text
    assert "<form" not in page.text


def test_markup_in_a_value_stays_text(ada: Visitor) -> None:
    page = to_confirm(ada, {'a"><script>': "<script>alert(1)</script>"})
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_of_another_site_is_not_kept(ada: Visitor, headers: dict[str, str]) -> None:
    asked = ada.submit("/transfer", VALUES, headers=headers)
    answered = ada.answer(asked.location)
    assert answered.location == "/transfer"
    assert "Grace" not in ada.open(answered.location).text


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://["}, False),
        ({"Referer": "http://localhost/form"}, True),
        ({"Referer": "http://localhost"}, True),
        ({"Referer": "http://localhost.evil.example/"}, False),
        ({"Origin": "http://evil.example", "Referer": "http://localhost/form"}, False),
        ({}, False),
    ],
)
def test_older_browsers_are_judged_by_origin_and_referrer(
    ada: Visitor, headers: dict[str, str], kept: bool
) -> None:
    asked = ada.client.post("/transfer", data=VALUES, headers={"Accept": "text/html", **headers})
    assert ada.answer(asked.location).location.endswith("/confirm") is kept


def test_a_json_post_is_not_kept(ada: Visitor) -> None:
    asked = ada.fetch("/pay", "POST", json=VALUES)
    assert asked.status_code == 401
    assert ada.answer(asked.json["challenge_url"]).location == "/"


def test_a_form_sent_by_script_is_kept(ada: Visitor) -> None:
    asked = ada.fetch("/pay", "POST", data=VALUES)
    assert asked.status_code == 401
    assert ada.answer(asked.json["challenge_url"]).location.endswith("/confirm")


def test_the_way_back_leads_to_the_page_with_the_form(ada: Visitor) -> None:
    """The target itself cannot be opened by a link."""
    page = to_confirm(ada, VALUES, headers={"Referer": "http://localhost/level?x=1"})
    change = re.search(r'href="([^"]+/confirm\?change=1)"', page.text)
    assert change is not None
    assert 'href="/level?x=1"' in ada.open(change[1]).text


def test_something_is_changed_where_it_is_confirmed(ada: Visitor) -> None:
    """Nothing that was typed is lost."""
    page = to_confirm(ada, VALUES)
    assert "readonly" in page.text
    changed = ada.open(page.request.path + "?change=1").text
    assert "readonly" not in changed
    assert form_with(changed, "to").fields == form_with(page.text, "to").fields


def test_files_are_chosen_again_before_the_form_goes(ada: Visitor) -> None:
    files = {"receipt": (BytesIO(b"x"), "a.pdf"), "optional": (BytesIO(b""), "")}
    page = to_confirm(ada, {**VALUES, **files}).text
    assert 'enctype="multipart/form-data"' in page
    assert re.findall(r'<input[^>]*name="([^"]+)" type="file" multiple required', page) == ["receipt"]


def test_the_forms_own_query_is_kept(ada: Visitor) -> None:
    page = to_confirm(ada, VALUES, "/pay?account=2&x=a%26b")
    assert form_to(page.text, "/pay?account=2&x=a%26b").fields["to"] == "Grace"


def test_a_second_tabs_form_survives_the_first_tabs_step_up(ada: Visitor) -> None:
    first = ada.submit("/pay", VALUES)
    second = ada.submit("/pay", {**VALUES, "to": "Alan"})
    assert ada.answer(first.location).location.endswith("/confirm")
    onward = ada.open(second.location)
    assert (onward.status_code, onward.location) == (303, second.location + "/confirm")
    assert form_to(ada.open(onward.location).text, "/pay").fields["to"] == "Alan"
    assert form_to(ada.open(first.location + "/confirm").text, "/pay").fields["to"] == "Grace"
    assert done(ada) == []


def test_going_back_to_the_passed_challenge_leads_to_the_form_again(ada: Visitor) -> None:
    asked = ada.submit("/pay", VALUES)
    ada.answer(asked.location)
    for _ in range(2):
        assert ada.open(asked.location).location == asked.location + "/confirm"


def test_nobody_confirms_without_the_code(ada: Visitor) -> None:
    asked = ada.submit("/pay", VALUES)
    early = ada.open(asked.location + "/confirm")
    assert (early.status_code, early.location) == (303, asked.location)


def test_nothing_is_confirmed_where_no_form_was_posted(ada: Visitor, site: Site) -> None:
    asked = ada.open("/secret")
    assert ada.open(asked.location + "/confirm").location == asked.location
    assert ada.answer(asked.location).location == "/secret"
    assert ada.open(asked.location + "/confirm").location == asked.location
    assert ada.open(asked.location).location == "/secret"


def test_another_persons_form_stays_theirs(ada: Visitor, site: Site) -> None:
    asked = ada.submit("/pay", VALUES)
    ada.answer(asked.location)
    assert "Grace" not in site.visitor().login("grace").open(asked.location + "/confirm").text
    assert "Grace" not in site.visitor().login("ada").open(asked.location + "/confirm").text


def test_a_confirmed_form_that_waits_too_long_is_asked_again(ada: Visitor, site: Site) -> None:
    form = form_to(to_confirm(ada, VALUES).text, "/pay")
    site.clock.tick(1_801)
    asked = ada.submit(form.action, form.fields)
    assert asked.status_code == 303
    assert done(ada) == []


def used_up(ada: Visitor) -> Any:
    """Post a form, answer five times wrong, and return the page that says so."""
    ada.site.clock.tick(30)
    asked = ada.submit("/pay", VALUES)
    wrong = f"{(int(ada.code()) + 1) % 1_000_000:06}"
    return [ada.answer(asked.location, wrong) for _ in range(5)][-1]


def test_too_many_wrong_codes_lose_no_form(ada: Visitor) -> None:
    """The person begins again with what they have filled in, and the counters of wrong codes go on."""
    page = used_up(ada)
    assert "What you filled in is kept." in page.text
    form = form_to(page.text, "/again")
    again = ada.submit(form.action, form.fields)
    assert again.status_code == 303
    assert again.location not in form.action
    answered = ada.answer(again.location)
    assert form_to(ada.open(answered.location).text, "/pay").fields == VALUES
    assert done(ada) == []


def test_a_second_press_of_start_again_finds_the_form_too(ada: Visitor) -> None:
    form = form_to(used_up(ada).text, "/again")
    ada.submit(form.action, form.fields)
    answered = ada.answer(ada.submit(form.action, form.fields).location)
    assert form_to(ada.open(answered.location).text, "/pay").fields == VALUES


def test_nothing_begins_again_where_another_tab_has_answered(ada: Visitor) -> None:
    form = form_to(used_up(ada).text, "/again")
    onward = ada.step_up("/admin").submit(form.action, form.fields)
    assert onward.location.endswith("/confirm")
    assert form_to(ada.open(onward.location).text, "/pay").fields == VALUES


def test_beginning_again_buys_no_more_guesses(ada: Visitor) -> None:
    """The factor pauses after ten wrong codes, by however many challenges."""
    form = form_to(used_up(ada).text, "/again")
    again = ada.submit(form.action, form.fields).location
    wrong = f"{(int(ada.code()) + 1) % 1_000_000:06}"
    page = [ada.answer(again, wrong) for _ in range(5)][-1]
    assert page.status_code == 429
    assert "about 15 minutes" in page.text
    assert ada.answer(ada.submit(form.action, form.fields).location).status_code == 429


def test_a_page_that_asks_over_and_over_ends_no_challenge_of_another_tab(ada: Visitor) -> None:
    """A dashboard asks every few seconds for what it does not get, while the person looks for the phone."""
    ada.site.clock.tick(30)
    page, form = ada.open("/admin").location, ada.submit("/pay", VALUES).location
    for _ in range(20):
        ada.fetch("/secret")
    answered = ada.answer(form)
    assert form_to(ada.open(answered.location).text, "/pay").fields == VALUES
    assert ada.open(page).location == "/admin"


@pytest.mark.parametrize(("letters", "parsed"), [(20_000, True), (40_000, False)])
def test_a_form_that_cannot_be_kept_is_not_parsed(site: Site, letters: int, parsed: bool) -> None:
    """Letters of other scripts take six octets of a body each, and two of what is kept."""
    kind, body = "application/x-www-form-urlencoded", "note=" + "%D0%B0" * letters
    with site.app.test_request_context("/pay", method="POST", data=body, content_type=kind):
        assert is_readable(most_bytes=70_000) is parsed


def test_long_texts_of_other_scripts_are_kept(ada: Visitor) -> None:
    page = to_confirm(ada, {**VALUES, "note": "\u0430" * 20_000})
    assert "\u0430" * 20_000 in page.text
