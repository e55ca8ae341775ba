"""Apps with a request class of their own, such as CTFd's, and apps that match hosts."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pytest
from flask import Flask, Request, request, session
from flask.testing import FlaskClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from flask_zerotrust import ZeroTrust, step_up_required, testing
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.totp import TotpFactor
from tests.forms import form_to
from tests.integration.sites import SECRET

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


class FullPath(Request):
    """Give the path as a browser shows it, as CTFd does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.path = self.script_root + self.path


class PlainForm(Request):
    """Give forms and JSON as a plain dictionary."""

    @cached_property
    def form(self) -> Any:
        return dict(self.json) if self.is_json else super().form.to_dict()


class NoRoot(Request):
    @property
    def script_root(self) -> str:
        return ""


def client_of(request_class: type[Request]) -> FlaskClient:
    app = Flask("bank")
    app.request_class = request_class
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    zt = ZeroTrust(app)
    zt.user_id_loader(lambda: session.get("user"))
    zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    app.add_url_rule("/log-in", "log_in", lambda: session.update(user="ada") or "in", methods=["POST"])
    app.add_url_rule("/pay", "pay", step_up_required(pay), methods=["GET", "POST"])
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/ctf": app.wsgi_app})  # type: ignore[method-assign]
    client = app.test_client()
    client.post("/ctf/log-in")
    return client


def pay() -> str:
    return "paid " + " ".join(f"{name}={value}" for name, value in request.form.items())


@pytest.mark.parametrize("request_class", [Request, FullPath, PlainForm, NoRoot])
def test_a_challenge_leads_back_to_the_page(request_class: type[Request]) -> None:
    client = client_of(request_class)
    passed = testing.pass_challenge(client, client.get("/ctf/pay?to=Grace", headers=PAGE))
    assert passed.location == "/ctf/pay?to=Grace"


@pytest.mark.parametrize("request_class", [Request, FullPath, PlainForm, NoRoot])
def test_a_form_goes_through_a_step_up(request_class: type[Request]) -> None:
    client = client_of(request_class)
    asked = client.post("/ctf/pay", data={"to": "Grace", "zerotrust_batch": "{}"}, headers=PAGE)
    confirm = client.get(testing.pass_challenge(client, asked).location)
    again = form_to(confirm.text, "/ctf/pay")
    assert client.post("/ctf/pay", data=again.fields, headers=PAGE).text == "paid to=Grace"


@pytest.mark.parametrize("request_class", [Request, FullPath, NoRoot])
def test_the_collector_never_refreshes_the_session(request_class: type[Request]) -> None:
    client = client_of(request_class)
    with client.session_transaction() as kept:
        kept.permanent = True  # which Flask sends again with every answer
    answer = client.get("/ctf/zerotrust/token?page=" + "x" * 22, headers={"Sec-Fetch-Site": "same-origin"})
    assert not [cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith("session=")]


def test_an_app_that_matches_hosts_is_refused_at_the_start() -> None:
    app = Flask("bank", host_matching=True, static_host="bank.example")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    with pytest.raises(ConfigError, match="'bank' uses host_matching"):
        ZeroTrust(app)
