"""docs/integrations/htmx.md: what htmx is answered; with the real htmx in tests/browser/test_htmx.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from flask_login import LoginManager

from flask_zerotrust import testing
from flask_zerotrust.errors import StoreError
from tests.forms import form_to

from ..sites import Site
from .conftest import Visit

#: As a browser without Sec-Fetch-Mode sends them; newer ones add "cors".
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://localhost/?tab=1#top", "Accept": "*/*"}


@pytest.fixture
def ada(visit: Visit) -> FlaskClient:
    return visit("htmx")


@pytest.mark.parametrize("more", [{}, {"Sec-Fetch-Mode": "cors"}])
def test_a_step_up_is_a_page_of_its_own_and_leads_back(ada: FlaskClient, more: dict[str, str]) -> None:
    asked = ada.get("/balance", headers={**HTMX, **more})
    assert asked.status_code == 401
    assert asked.headers["HX-Redirect"] == asked.json["challenge_url"]
    assert testing.pass_challenge(ada, asked).location == "/?tab=1"
    assert ada.get("/balance", headers=HTMX).text == "12.50"


def test_a_form_goes_through_the_step_up_and_ends_in_a_whole_page(ada: FlaskClient) -> None:
    ada.get("/balance")  # a page that was opened begins the session, and what htmx asks for does not
    sent = {**HTMX, "Sec-Fetch-Site": "same-origin"}
    asked = ada.post("/transfer", data={"amount": "5"}, headers=sent)
    confirm = ada.get(testing.pass_challenge(ada, asked).location)
    form = form_to(confirm.text, "/transfer")
    assert ada.post(form.action, data=form.fields).location == "/?sent=5"
    assert ada.post("/transfer", data={"amount": "6"}, headers=sent).text == "6"


def test_a_boosted_link_leads_to_its_page(ada: FlaskClient) -> None:
    asked = ada.get("/balance?of=1", headers={**HTMX, "HX-Boosted": "true"})
    assert testing.pass_challenge(ada, asked).location == "/balance?of=1"


def test_other_programs_get_no_htmx_header(ada: FlaskClient) -> None:
    assert "HX-Redirect" not in ada.get("/balance", headers={"Accept": "application/json"}).headers


def test_a_page_of_another_site_is_not_where_the_person_goes_back_to(ada: FlaskClient) -> None:
    asked = ada.get("/balance", headers={**HTMX, "HX-Current-URL": "https://evil.example/x"})
    assert testing.pass_challenge(ada, asked).location == "/"


def test_a_visitor_is_led_to_the_login_page(make_site: Callable[..., Site]) -> None:
    site = make_site()
    manager: LoginManager = site.app.login_manager  # type: ignore[attr-defined]
    manager.login_view = "home"
    answer = site.app.test_client().get("/secret", headers=HTMX)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/?next=")


def test_an_unauthorized_handler_without_a_redirect_is_left_alone(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()
    manager: LoginManager = site.app.login_manager  # type: ignore[attr-defined]
    manager.unauthorized_handler(lambda: ("log in", 403))
    answer = site.app.test_client().get("/secret", headers=HTMX)
    assert (answer.status_code, answer.text) == (403, "log in")


@pytest.mark.parametrize("flask_login", [True, False])
def test_a_visitor_without_a_login_page_gets_401(make_site: Callable[..., Site], flask_login: bool) -> None:
    site = make_site()
    if not flask_login:
        site.zt.user_id_loader(lambda: None)
        del site.app.login_manager  # type: ignore[attr-defined]
    answer = site.app.test_client().get("/secret", headers=HTMX)
    assert answer.status_code == 401
    assert "HX-Redirect" not in answer.headers


@pytest.mark.parametrize(("enrol", "goes_to"), [("factor", None), ("first-use", "/zerotrust/enrol")])
def test_who_has_no_factor_reads_a_sentence(
    make_site: Callable[..., Site], enrol: str, goes_to: str | None
) -> None:
    bob = make_site(ZEROTRUST_ENROL=enrol).visitor().login("bob")
    answer = bob.client.get("/secret", headers=HTMX)
    assert (answer.status_code, answer.headers.get("HX-Redirect")) == (403, goes_to)
    assert answer.text.startswith('<p role="alert">')
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_store_that_fails_is_said_in_a_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("gone")

    ada = site.visitor().login()
    monkeypatch.setattr(site.app.extensions["zerotrust"].store, "get", fail)
    answer = ada.client.get("/secret", headers=HTMX)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert answer.text.startswith('<p role="alert">We can&#39;t check')
