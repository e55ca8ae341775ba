"""docs/integrations/factory.md: blueprints, and an app that is mounted below a path."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from werkzeug.test import Client

from flask_zerotrust import testing
from tests.forms import form_with
from tests.integration.sites import copied, give

from .conftest import Load
from .pages import CONFIG, logged_in

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def page(load: Load) -> ModuleType:
    return load("factory")


def test_a_blueprints_view_comes_back_under_its_prefix(page: ModuleType) -> None:
    client = logged_in(page.create_app({**CONFIG, "SESSION_COOKIE_PATH": "/"}).test_client(), "ada")
    assert testing.pass_challenge(client, client.get("/money/send")).location == "/money/send"
    assert client.get("/money/send").text == "sent, see /money/"


def test_an_app_below_a_root_of_its_own_stays_there(page: ModuleType) -> None:
    app = page.create_app({**CONFIG, "APPLICATION_ROOT": "/bank"})
    client = logged_in(app.test_client(), "ada")
    asked = client.get("/money/send")
    assert asked.location.startswith("/bank/zerotrust/challenge/")
    assert testing.pass_challenge(client, asked).location == "/bank/money/send"
    assert client.get("/money/send").text == "sent, see /bank/money/"


@pytest.fixture
def browser(page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Ada's browser at the whole site, in which the bank is mounted."""
    page.zt.user_id_loader(lambda: "ada")
    return Client(page.create_site(CONFIG))


def step_up(page: ModuleType, browser: Client, url: str, code: str) -> Any:
    form = form_with(browser.get(url, headers=BROWSER).text, "code")
    return browser.post(form.action, data={**form.fields, "code": code}, headers=BROWSER)


def test_a_mounted_app_stays_below_its_path_all_the_way(page: ModuleType, browser: Client) -> None:
    home = browser.get("/bank/money/", headers=BROWSER)
    assert 'data-zerotrust="/bank/zerotrust"' in home.text
    asked = browser.get("/bank/money/send", headers=BROWSER)
    assert asked.location.startswith("/bank/zerotrust/challenge/")
    (mounted,) = browser.application.mounts.values()  # type: ignore[union-attr]
    code = testing.totp_code(mounted.test_client(), "ada")
    assert step_up(page, browser, asked.location, code).location == "/bank/money/send"
    assert browser.get("/bank/money/send", headers=BROWSER).text == "sent, see /bank/money/"


def test_its_cookie_goes_nowhere_else(browser: Client) -> None:
    browser.get("/bank/money/", headers=BROWSER)
    assert browser.get_cookie("session", path="/bank") is not None
    assert browser.get_cookie("session", path="/") is None


def test_apps_of_one_factory_do_not_share_a_step_up(page: ModuleType) -> None:
    first, second = (
        logged_in(page.create_app({**CONFIG, "SESSION_COOKIE_PATH": "/"}).test_client(), "ada")
        for _ in range(2)
    )
    testing.trust(first)
    assert first.get("/money/send").status_code == 200
    give(second, copied(first))
    assert second.get("/money/send").status_code == 303
