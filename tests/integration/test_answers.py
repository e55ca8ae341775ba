"""What a refused client gets: pages and redirects for people, problem JSON for programs."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from wsgiref.util import setup_testing_defaults

import pytest
from flask import url_for
from flask_login import LoginManager

from flask_zerotrust import step_up_required
from flask_zerotrust.web.views import static_files

from .sites import Site, Visitor

PROBLEM = "application/problem+json"


def test_a_browser_is_sent_to_the_challenge_and_comes_back_with_its_query(ada: Visitor) -> None:
    asked = ada.open("/secret?a=1&b=two%20words&a=%C3%A4")
    assert asked.status_code == 303
    answered = ada.answer(asked.location)
    assert answered.status_code == 303
    assert answered.location == "/secret?a=1&b=two%20words&a=%C3%A4"
    assert ada.open(answered.location).text == "the secret"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"Accept": "application/problem+json"},
        {"Accept": "application/json, text/html;q=0.9"},
        {"Accept": "*/*", "Sec-Fetch-Mode": "same-origin"},
        {"Accept": "*/*", "Content-Type": "application/json"},
        {"Accept": "*/*"},
        {"Accept": "text/html;q=0, */*"},
        {"Sec-Fetch-Mode": "cors"},
        {"Accept": "*/*", "X-Requested-With": "XMLHttpRequest"},
        {"Accept": "text/html, */*; q=0.01", "X-Requested-With": "XMLHttpRequest"},  # load() of jQuery
    ],
)
def test_a_program_gets_problem_json(ada: Visitor, headers: dict[str, str]) -> None:
    answer = ada.client.get("/secret", headers=headers)
    assert (answer.status_code, answer.content_type) == (401, PROBLEM)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "*/*", "Sec-Fetch-Mode": "navigate"},
        {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
        {"Accept": "text/html, application/json"},
        {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"},
        {"Accept": "text/html", "X-Requested-With": "com.example.app"},  # a web view of Android
        {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "same-origin"},  # a service worker
        {"Accept": "text/html, application/xhtml+xml", "Sec-Fetch-Mode": "cors"},  # Turbo
        {"Accept": "*/*", "X-Up-Version": "3.14.3", "Sec-Fetch-Mode": "cors"},  # Unpoly
    ],
)
def test_a_browser_gets_a_redirect(ada: Visitor, headers: dict[str, str]) -> None:
    assert ada.client.get("/secret", headers=headers).status_code == 303


def test_the_problem_says_how_to_step_up(ada: Visitor) -> None:
    """The header has the shape of RFC 9470, the body that of RFC 9457."""
    answer = ada.fetch("/secret")
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="A recent step-up is required for this request.", '
        'acr_values="totp", max_age="300"'
    )
    url = answer.json.pop("challenge_url")
    assert answer.json == {
        "type": "about:blank",
        "title": "Step-up required",
        "status": 401,
        "detail": "A recent step-up is required for this request.",
        "error": "insufficient_user_authentication",
        "challenge_url": url,
        "factors": ["totp"],
        "max_age": 300,
    }
    assert ada.open(url).status_code == 200


def test_the_age_that_the_problem_names_is_the_views(site: Site) -> None:
    site.app.add_url_rule("/young", "young", step_up_required(max_age_s=60)(lambda: ""))
    answer = site.visitor().login().fetch("/young")
    assert answer.json["max_age"] == 60
    assert 'max_age="60"' in answer.headers["WWW-Authenticate"]


def test_two_factors_of_one_kind_are_named_once(site: Site, ada: Visitor) -> None:
    site.app.extensions["zerotrust"].enrolled.add_totp("ada", "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU")
    site.app.extensions["zerotrust"].enrolled.add_totp("ada", "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU")
    assert ada.fetch("/secret").json["factors"] == ["totp"]


def test_a_challenge_opened_by_script_leads_back_to_the_page_of_the_script(ada: Visitor) -> None:
    asked = ada.fetch("/secret", headers={"Referer": "http://localhost/account?tab=2"})
    assert ada.answer(asked.json["challenge_url"]).location == "/account?tab=2"


@pytest.mark.parametrize("referrer", ["", "http://evil.example/x", "http://localhost.evil.example/x"])
def test_a_challenge_opened_by_a_program_leads_to_the_front_page(ada: Visitor, referrer: str) -> None:
    asked = ada.fetch("/secret", headers={"Referer": referrer})
    assert ada.answer(asked.json["challenge_url"]).location == "/"


def test_a_referrer_that_looks_like_another_host_does_not_lead_there(ada: Visitor) -> None:
    asked = ada.fetch("/secret", headers={"Referer": "http://localhost//evil.example/\\x"})
    assert ada.answer(asked.json["challenge_url"]).location == "/evil.example/%5Cx"


def test_a_program_without_a_session_can_step_up_too(site: Site) -> None:
    """It logged in without ever opening a page."""
    client = Visitor(site, site.app.test_client())
    client.fetch("/login", "POST", data={"username": "ada"})
    with client.client.session_transaction() as session:
        session.pop("_zerotrust")
    asked = client.fetch("/secret")
    assert asked.status_code == 401
    assert client.answer(asked.json["challenge_url"]).status_code == 303
    assert client.fetch("/secret").text == "the secret"


EVIL = [
    ("//evil.example/x", "/evil.example/x"),
    ("///evil.example", "/evil.example"),
    ("/%5Cevil.example", "/%5Cevil.example"),
    ("/%09/evil.example", "/%09/evil.example"),
    ("//%5C/evil.example", "/%5C/evil.example"),
    ("/x%3Fa=b%23c", "/x%3Fa=b%23c"),
    ("/%2541", "/%2541"),
    ("/%C3%A4", "/%C3%A4"),
]


@pytest.mark.parametrize(("path", "lands"), EVIL)
def test_no_path_leads_to_another_host(site: Site, path: str, lands: str) -> None:
    site.app.url_map.merge_slashes = False
    site.app.add_url_rule("/<path:rest>", "any", step_up_required(lambda rest: rest))
    ada = site.visitor().login()
    asked = _raw(ada, path)
    location = ada.answer(asked).location
    assert location == lands
    assert urlsplit(location).netloc == ""


def _raw(ada: Visitor, path: str) -> str:
    """Ask for a path as it is, which the test client would tidy up; return where that leads."""

    environ: dict[str, Any] = {
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "HTTP_COOKIE": ada.cookie().header,
        "HTTP_HOST": "localhost",
        "wsgi.input": io.BytesIO(),
    }
    setup_testing_defaults(environ)
    found: list[tuple[str, list[tuple[str, str]]]] = []
    body = ada.site.app(environ, lambda status, headers, exc_info=None: found.append((status, headers)))
    b"".join(body)
    status, headers = found[0]
    assert status.startswith("303"), status
    return dict(headers)["Location"]


def test_a_visitor_is_sent_to_the_apps_own_login_page(site: Site) -> None:
    site.app.login_manager.login_view = "home"  # type: ignore[attr-defined]
    answer = site.visitor().open("/secret")
    assert answer.status_code == 302
    assert answer.location.startswith("/?next=")


def test_a_visitor_gets_401_where_the_app_has_no_login_page(site: Site) -> None:
    assert site.visitor().open("/secret").status_code == 401


def test_a_visiting_program_gets_problem_json(site: Site) -> None:
    answer = site.visitor().fetch("/secret")
    assert (answer.status_code, answer.content_type) == (401, PROBLEM)
    assert answer.json["title"] == "Not logged in"


def test_the_apps_unauthorized_handler_answers_programs_too(site: Site) -> None:
    manager: LoginManager = site.app.login_manager  # type: ignore[attr-defined]
    manager.unauthorized_handler(lambda: ("own answer", 418))
    assert site.visitor().fetch("/secret").text == "own answer"


def test_without_flask_login_a_visitor_gets_401(site: Site) -> None:
    site.zt.user_id_loader(lambda: None)
    del site.app.login_manager  # type: ignore[attr-defined]
    assert site.visitor().open("/secret").status_code == 401


def test_a_person_without_a_factor_reads_what_to_do(site: Site) -> None:
    answer = site.visitor().login("bob").open("/transfer")
    assert answer.status_code == 403
    assert "Before you send a transfer" in answer.text
    assert "support" in answer.text
    assert "/zerotrust/enrol" not in answer.text


def test_a_person_without_a_factor_is_led_to_enrolment_where_that_is_allowed(
    make_site: Callable[..., Site],
) -> None:
    answer = make_site(ZEROTRUST_ENROL="first-use").visitor().login("bob").open("/secret")
    assert answer.status_code == 403
    assert 'href="/zerotrust/enrol"' in answer.text


@pytest.mark.parametrize(("enrol", "url"), [("factor", None), ("first-use", "/zerotrust/enrol")])
def test_a_program_without_a_factor_gets_403(
    make_site: Callable[..., Site], enrol: str, url: str | None
) -> None:
    answer = make_site(ZEROTRUST_ENROL=enrol).visitor().login("bob").fetch("/secret")
    assert (answer.status_code, answer.content_type) == (403, PROBLEM)
    assert answer.json["enrol_url"] == url


@pytest.mark.parametrize("path", ["/challenge/" + "x" * 22, "/enrol", "/token?page=" + "x" * 22])
def test_no_page_of_the_extension_is_kept_by_a_cache(ada: Visitor, path: str) -> None:
    answer = ada.open("/zerotrust" + path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.vary


def test_what_the_app_answers_there_is_not_kept_by_a_cache(site: Site, ada: Visitor) -> None:
    """Its error page for a form without a token, and its way to the login."""
    challenge = ada.open("/secret").location
    for answer in (ada.submit(challenge, {"code": "123456"}), site.visitor().open(challenge)):
        assert answer.status_code in (400, 401)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in answer.vary


def test_a_file_is_kept_for_a_year_at_the_address_that_names_its_version(site: Site, ada: Visitor) -> None:
    with site.app.test_request_context():
        address = url_for("zerotrust.static", filename="collector.js")
    with ada.open(address) as answer:
        assert answer.cache_control.max_age == 365 * 86_400
        assert answer.cache_control.immutable


@pytest.mark.parametrize("address", ["collector.js", "0123456789ab/collector.js"])
def test_a_file_at_another_address_is_asked_for_each_time(ada: Visitor, address: str) -> None:
    """Written by hand, or by another process during an update."""
    with ada.open(f"/zerotrust/static/{address}") as answer:
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-cache"


def test_the_version_changes_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copytree(static_files.FOLDER, tmp_path / "static")
    monkeypatch.setattr(static_files, "FOLDER", copy)
    before = static_files.current_version.__wrapped__()
    (copy / "browser.js").write_text("// new")
    assert static_files.current_version.__wrapped__() not in (before, "")


def test_no_file_outside_the_folder_is_sent(ada: Visitor) -> None:
    for path in ("../views/__init__.py", "%2e%2e/py.typed", "nothing.js"):
        assert ada.open(f"/zerotrust/static/{path}").status_code == 404


def test_refusals_are_not_kept_by_a_cache(ada: Visitor) -> None:
    for answer in (ada.open("/secret"), ada.fetch("/secret")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
