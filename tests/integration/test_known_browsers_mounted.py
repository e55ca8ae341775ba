"""Known browsers of apps below a path, on several hosts, of several users, and in several browsers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from flask_zerotrust import ZeroTrust, step_up_required
from flask_zerotrust.factors.totp import TotpFactor
from tests.clock import Clock

from .known import Key, again, form_proof, page_data, pass_with_key, prove_to, remembered
from .sites import SECRET, FixedScorer, Site, Visitor

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
DOMAIN = "bank.example"


class HostClient(FlaskClient):
    """A browser whose pages are at one host. It keeps cookies of the whole domain."""

    host = "www." + DOMAIN

    def open(self, path: str, **kwargs: Any) -> Any:  # type: ignore[override]
        here = {} if path.startswith("http") else {"base_url": "http://" + self.host}
        return super().open(path, **{**here, **kwargs})


@pytest.fixture
def below(make_site: Callable[..., Site]) -> Site:
    return make_site(APPLICATION_ROOT="/bank", ZEROTRUST_NEW_BROWSER="challenge")


@pytest.fixture
def hosts(make_site: Callable[..., Site]) -> Site:
    """A site whose hosts share the session, and no more: storage is of one host."""
    site = make_site(SESSION_COOKIE_DOMAIN=DOMAIN, ZEROTRUST_NEW_BROWSER="challenge")
    site.app.test_client_class = HostClient
    return site


def at(visitor: Visitor, name: str) -> Visitor:
    visitor.client.host = f"{name}.{DOMAIN}"  # type: ignore[attr-defined]
    return visitor


def sends(visitor: Visitor, key: Key) -> bool:
    return bool(visitor.submit("/transfer", form_proof(visitor, key)).status_code == 200)


# Below a path


def test_a_form_below_a_path_carries_the_proof(below: Site) -> None:
    key = Key()
    assert sends(again(remembered(below.visitor().login(), key)), key)


def test_a_challenge_below_a_path_takes_the_proof_and_goes_on_there(below: Site) -> None:
    key = Key()
    ada = again(remembered(below.visitor().login(), key))
    url = ada.open("/secret").location
    assert page_data(ada.open(url).text)["prove_url"].startswith("/bank/zerotrust/challenge/")
    assert prove_to(ada, key, url).json == {"passed": True, "url": "/bank/secret"}
    assert ada.open("/secret").text == "the secret"


def test_a_kept_form_below_a_path_goes_on_to_its_confirmation(below: Site) -> None:
    key = Key()
    ada = again(remembered(below.visitor().login(), key))
    url = prove_to(ada, key, ada.submit("/transfer", {"to": "Grace"}).location).json["url"]
    assert url.startswith("/bank/zerotrust/challenge/")
    assert 'action="/bank/transfer"' in ada.open(url).text


def test_below_a_path_the_cookie_of_the_budget_comes_back(below: Site) -> None:
    """It is sent with the second code, or that would have set another one."""
    ada = below.visitor().login().step_up()
    first = ada.client.get_cookie("zerotrust_browser", path="/bank/zerotrust")
    second = again(ada).step_up().client.get_cookie("zerotrust_browser", path="/bank/zerotrust")
    assert first is not None
    assert first.value == second.value


# On several hosts


def test_what_is_proven_at_one_host_counts_at_the_hosts_that_share_its_session(hosts: Site) -> None:
    key = Key()
    ada = at(hosts.visitor(), "www").login()
    assert sends(again(remembered(ada, key)), key)
    assert not at(ada, "pay").asked()


def test_each_host_has_a_key_of_its_own_and_both_are_known(hosts: Site) -> None:
    keys = {"www": Key(), "pay": Key()}
    ada = at(hosts.visitor(), "www").login()
    for name, key in keys.items():
        remembered(at(ada, name), key)
    for name, key in keys.items():
        assert sends(again(at(ada, name)), key)
    guard = hosts.app.extensions["zerotrust"]
    assert len(guard.browsers.all("ada", now=hosts.clock())) == 2


def test_a_host_that_has_no_key_yet_asks_and_the_other_stays_known(hosts: Site) -> None:
    key = Key()
    ada = again(remembered(at(hosts.visitor(), "www").login(), key))
    assert not sends(at(ada, "pay"), Key())
    assert sends(at(ada, "www"), key)


def test_the_cookie_of_the_budget_stays_at_its_host(hosts: Site) -> None:
    ada = at(hosts.visitor(), "www").login().step_up()
    assert ada.client.get_cookie("zerotrust_browser", "www." + DOMAIN, "/zerotrust") is not None
    assert ada.client.get_cookie("zerotrust_browser", DOMAIN, "/zerotrust") is None


def test_a_view_on_a_subdomain_is_proven_on_the_main_host_and_found_again() -> None:
    """With subdomain matching the extension's pages, and so the key, are on the main host."""
    app = Flask("site", subdomain_matching=True)
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    app.config.update(SERVER_NAME=DOMAIN, SESSION_COOKIE_DOMAIN=DOMAIN)
    pay = Blueprint("pay", "pay", subdomain="pay")
    pay.add_url_rule("/go", "go", step_up_required(lambda: "gone"))
    app.register_blueprint(pay)
    app.test_client_class = HostClient
    clock = Clock()
    zt = ZeroTrust(app, clock=clock)
    zt.user_id_loader(lambda: "ada")
    zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    ada, key = Visitor(Site(app, zt, clock, FixedScorer()), app.test_client()), Key()
    ada.client.host = DOMAIN  # type: ignore[attr-defined]
    there = f"http://pay.{DOMAIN}/go"

    assert pass_with_key(ada, key, remember=True, path=there).location == there
    clock.tick(301)
    asked = ada.client.get(there, headers=NAVIGATION)
    assert prove_to(ada, key, asked.location).json == {"passed": True, "url": there}
    assert ada.client.get(there, headers=NAVIGATION).text == "gone"


# Several users and browsers


def test_users_and_browsers_are_known_apart(make_site: Callable[..., Site]) -> None:
    """Two people share two computers: each pair of them has a key, and forgetting one leaves three."""
    site = make_site(ZEROTRUST_NEW_BROWSER="challenge")
    computers = [site.visitor(), site.visitor()]
    keys = {(user, n): Key() for n in range(2) for user in ("ada", "eve")}
    for (user, n), key in keys.items():
        remembered(computers[n].login(user), key)
        computers[n].submit("/logout", {})
    guard = site.app.extensions["zerotrust"]
    (first, _) = guard.browsers.all("ada", now=site.clock())
    guard.browsers.forget("ada", {first.id}, now=site.clock())
    for (user, n), key in keys.items():
        assert sends(computers[n].login(user), key) == (key.point != first.key)
        computers[n].submit("/logout", {})
