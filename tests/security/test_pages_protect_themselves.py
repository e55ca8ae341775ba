"""Rows 22 and 41: no cache, frame, window or script of elsewhere gets at a page, or at a guarded answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Response, make_response
from flask_wtf import CSRFProtect
from jinja2 import ChoiceLoader, DictLoader

from flask_zerotrust import step_up_required
from tests.forms import form_to, form_with
from tests.integration.sites import Site, Visitor, enrolled_eve, totp

PAGES = ["/factors", "/enrol", "/recovery", "/factors/totp", "/factors/add/sms", "/challenge/" + "x" * 22]
FRAME = "<style>p { color: red }</style>{% block main %}{% endblock %}"


@pytest.fixture
def eve(make_site: Callable[..., Site]) -> Visitor:
    """Eve, who has just passed a code, and whose factors are all kept here."""
    return enrolled_eve(make_site(ZEROTRUST_SMS_SENDER="console"))


def sources(answer: Any) -> dict[str, list[str]]:
    """Return the directives of a policy, each with what it allows."""
    policy = answer.headers["Content-Security-Policy"]
    return {words[0]: words[1:] for words in (part.split() for part in policy.split(";"))}


def codes_page(visitor: Visitor) -> Any:
    form = form_with(visitor.open("/zerotrust/recovery").text, "_zerotrust_csrf")
    return visitor.submit("/zerotrust/recovery", form.fields)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_allows_only_files_of_this_site_and_nothing_inline(eve: Visitor, path: str) -> None:
    answer = eve.open("/zerotrust" + path)
    allowed = sources(answer)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == ["'self'"]
    assert allowed["frame-ancestors"] == allowed["base-uri"] == ["'none'"]
    assert re.findall(r"<style|style=|<script(?![^>]*src=)| on[a-z]+=", answer.text) == []


@pytest.mark.parametrize("path", [*PAGES, "/token?page=" + "x" * 22])
def test_every_answer_is_read_as_what_it_is_in_a_window_of_its_own(eve: Visitor, path: str) -> None:
    headers = eve.open("/zerotrust" + path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"


def test_files_of_the_extension_are_read_as_what_they_are(eve: Visitor) -> None:
    with eve.open("/zerotrust/static/collector.js") as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_with_a_secret_sends_no_referrer_and_its_forms_stay_here(eve: Visitor) -> None:
    codes = codes_page(eve)
    assert "zt-codes" in codes.text
    for answer in (eve.open("/zerotrust/enrol"), codes):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert sources(answer)["form-action"] == ["'self'"]


def test_other_pages_send_the_origin_with_their_forms_and_may_lead_to_another_site(eve: Visitor) -> None:
    """A proxy or an app that checks the Origin header would refuse their forms without one."""
    eve.site.clock.tick(301)
    for answer in (eve.open(eve.open("/admin").location), eve.open("/zerotrust/challenge/" + "x" * 22)):
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "form-action" not in sources(answer)


def test_the_policy_of_the_site_wins(eve: Visitor) -> None:
    def own(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", "default-src https:")
        return response

    eve.site.app.after_request_funcs[None].append(own)
    assert eve.open("/zerotrust/enrol").headers.getlist("Content-Security-Policy") == ["default-src https:"]


@pytest.mark.parametrize("name", ["base", "factors"])
def test_a_template_of_the_site_may_hold_styles_and_is_framed_by_nobody(eve: Visitor, name: str) -> None:
    own = DictLoader({f"zerotrust/{name}.html": FRAME})
    eve.site.app.jinja_env.loader = ChoiceLoader([own, eve.site.app.jinja_env.loader])
    allowed = sources(eve.open("/zerotrust/factors"))
    assert "style-src" not in allowed
    assert "default-src" not in allowed
    assert (allowed["object-src"], allowed["frame-ancestors"]) == (["'none'"], ["'none'"])


def test_an_app_can_be_added_without_a_referrer_also_under_csrf_protection(
    make_site: Callable[..., Site],
) -> None:
    """Flask-WTF wants a referrer over HTTPS. Older browsers say that the origin is null."""
    site = make_site(ZEROTRUST_ENROL="first-use", SESSION_COOKIE_SECURE=True)
    CSRFProtect(site.app).exempt(site.app.view_functions["login"])
    there: Any = {"base_url": "https://localhost", "headers": {"Accept": "text/html", "Origin": "null"}}
    client = site.app.test_client()
    client.post("/login", data={"username": "bob"}, **there)
    page = client.get("/zerotrust/enrol", **there).text
    form, secret = form_with(page, "code"), re.findall(r'zt-secret">([^<]+)<', page)[0]
    fields = {**form.fields, "code": totp(site.clock(), secret.replace(" ", ""))}
    answer = client.post(form.action, data=fields, **there)
    assert (answer.status_code, "all set" in answer.text) == (200, True), answer.text


def test_a_form_without_an_origin_still_needs_its_own_token(eve: Visitor) -> None:
    headers = {"Accept": "text/html", "Origin": "null"}
    answer = eve.client.post("/zerotrust/enrol", data={"code": "123456"}, headers=headers)
    assert answer.status_code == 400


def test_a_form_without_an_origin_is_taken_from_a_page_without_a_referrer_only(eve: Visitor) -> None:
    """Every other page of the extension says where its forms come from."""
    form = form_to(eve.open("/zerotrust/sessions").text, "/sessions/end")
    headers = {"Accept": "text/html", "Origin": "null"}
    assert eve.client.post(form.action, data=form.fields, headers=headers).status_code == 403
    assert eve.submit(form.action, form.fields).status_code == 303


def test_another_site_in_a_frame_without_an_origin_is_refused(eve: Visitor) -> None:
    fields = form_with(eve.open("/zerotrust/enrol").text, "code").fields
    headers = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert eve.submit("/zerotrust/enrol", {**fields, "code": "1"}, headers=headers).status_code == 403


# Guarded views


def with_view(site: Site, **headers: str) -> None:
    @site.app.get("/statement")
    @step_up_required
    def statement() -> Response:
        answer = make_response("the statement")
        answer.headers.update(headers)
        return answer


def test_what_a_guarded_view_answers_is_kept_by_no_cache(site: Site) -> None:
    with_view(site)
    ada = site.visitor().login().step_up("/admin")
    assert ada.open("/statement").headers["Cache-Control"] == "no-store"


def test_an_app_can_say_itself_what_caches_keep_of_a_guarded_view(site: Site) -> None:
    with_view(site, **{"Cache-Control": "private, no-cache"})
    ada = site.visitor().login().step_up("/admin")
    assert ada.open("/statement").headers["Cache-Control"] == "private, no-cache"


def test_an_error_in_a_guarded_view_is_kept_by_no_cache(site: Site) -> None:
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    site.app.add_url_rule("/broken", "broken", step_up_required(lambda: 1 / 0))
    ada = site.visitor().login().step_up("/admin")
    answer = ada.open("/broken")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (500, "no-store")


def test_views_without_a_guard_are_left_alone(ada: Visitor) -> None:
    assert "Cache-Control" not in ada.open("/").headers


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_a_site_that_guards_nothing_yet_sends_what_it_sent(
    make_site: Callable[..., Site], mode: str
) -> None:
    ada = make_site(ZEROTRUST_MODE=mode).visitor().login()
    answer = ada.open("/secret")
    assert (answer.text, "Cache-Control" in answer.headers) == ("the secret", False)
