"""When the store does not answer: protected views stay shut, everything else keeps working."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from flask_zerotrust.errors import StoreError
from flask_zerotrust.sessions.sessions import SESSION_KEY
from tests.forms import form_with

from .sites import Site, Visitor, use_store


class DeadStore:
    """A store whose backend does not answer."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def fail(*args: Any, **kwargs: Any) -> Any:
            raise StoreError("the disk is gone")

        return fail


def die(site: Site) -> None:
    use_store(site.app, DeadStore())  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/secret", "/admin", "/transfer"])
def test_a_protected_view_answers_503(ada: Visitor, site: Site, path: str) -> None:
    ada.move(5)
    die(site)
    answer = ada.open(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert "Nothing was done" in answer.text
    assert '<a class="zt-button" href="" data-zt-cancel>Try again</a>' in answer.text


def test_a_form_that_met_the_failure_is_not_replaced_by_an_empty_one(ada: Visitor, site: Site) -> None:
    """The browser's own way back keeps what was typed; a link of ours would not."""
    die(site)
    answer = ada.submit("/transfer", {"to": "bob"})
    assert answer.status_code == 503
    assert "Try again" not in answer.text


def test_no_recovery_codes_are_made(ada: Visitor, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    ada.step_up("/zerotrust/recovery")
    die(site)
    assert ada.open("/zerotrust/recovery").status_code == 503
    assert "no recovery codes were made" in caplog.text


def test_a_program_gets_503_problem_json(ada: Visitor, site: Site) -> None:
    die(site)
    answer = ada.fetch("/secret")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.headers["Retry-After"] == "60"


def test_unprotected_pages_keep_working(ada: Visitor, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    die(site)
    answer = ada.open("/")
    assert (answer.status_code, "unknown" in answer.text) == (200, True)
    assert ada.fetch("/level").json["level"] == "unknown"
    assert "the risk store did not answer" in caplog.text
    assert site.visitor().open("/").status_code == 200


def test_people_can_log_in_and_out(ada: Visitor, site: Site) -> None:
    visitor = site.visitor()
    visitor.open("/")
    visitor.move(3)
    die(site)
    assert visitor.login().client.get("/").status_code == 200
    assert visitor.submit("/logout", {}).text == "out"
    with visitor.client.session_transaction() as session:
        assert SESSION_KEY not in session
    assert visitor.open("/secret").status_code == 401


def test_observing_lets_everyone_pass_all_the_same(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_MODE="observe")
    ada = site.visitor().login()
    die(site)
    assert ada.open("/secret").text == "the secret"


def test_an_open_challenge_answers_503_and_takes_no_code(ada: Visitor, site: Site) -> None:
    asked = ada.open("/secret")
    form = form_with(ada.open(asked.location).text, "code")
    die(site)
    assert ada.open(asked.location).status_code == 503
    assert ada.submit(form.action, {**form.fields, "code": ada.code()}).status_code == 503


def test_enrolment_answers_503(site: Site) -> None:
    bob = site.visitor().login("bob")
    die(site)
    assert bob.open("/zerotrust/enrol").status_code == 503


def test_the_collector_asks_to_try_again(ada: Visitor, site: Site) -> None:
    body = ada.body()
    die(site)
    assert ada.send(body).status_code == 503


def test_a_login_with_a_dead_store_starts_unknown_once_it_is_back(site: Site) -> None:
    store = site.app.extensions["zerotrust"].store
    visitor = site.visitor()
    visitor.open("/")
    visitor.move(5, says=-2.0)
    die(site)
    visitor.submit("/login", {"username": "ada"})
    use_store(site.app, store)
    assert visitor.asked()
    assert not visitor.move(3, says=-2.0).asked()


def test_a_record_that_cannot_be_read_keeps_a_view_shut(ada: Visitor, site: Site) -> None:
    ada.move(5)
    key = "session:" + ada.entry()["id"]
    site.app.extensions["zerotrust"].store.put(key, b"{}", ttl_s=60)
    assert ada.open("/secret").status_code == 503
    assert ada.open("/").status_code == 200


@pytest.mark.parametrize("raw", [b"no JSON", b"[]", b'{"latched": true, "of_a_later_version": 1}'])
def test_what_is_held_against_a_user_that_cannot_be_read_keeps_views_shut(site: Site, raw: bytes) -> None:
    site.app.extensions["zerotrust"].store.put("ledger:ada", raw, ttl_s=100)
    ada = site.visitor().login()
    assert ada.send(ada.body(1)).status_code == 503
    assert ada.open("/").status_code == 200
    assert ada.asked()


def test_what_went_wrong_is_logged(ada: Visitor, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    die(site)
    with caplog.at_level(logging.ERROR, logger="flask_zerotrust"):
        ada.open("/secret")
    assert "a protected view stays shut" in caplog.text
    assert "the disk is gone" in caplog.text
