"""Together with Flask-WTF's CSRFProtect: the collector is exempt by itself, the forms stay protected."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, render_template_string
from flask_wtf import CSRFProtect
from jinja2 import ChoiceLoader, DictLoader

from flask_zerotrust import ZeroTrust, step_up_required
from flask_zerotrust.factors.totp import TotpFactor
from tests.forms import form_to, form_with

from .sites import SECRET, FixedScorer, Site, Visitor

FORM = """{{ zerotrust_script() }}<form method="post" action="/pay">
<input type="hidden" name="csrf_token" value="{{ csrf_token() }}"><input name="to"></form>"""


@pytest.fixture(params=["before", "after"])
def ada(request: pytest.FixtureRequest, make_site: Callable[..., Site]) -> Visitor:
    """Ada at a site with CSRFProtect, set up before or after the extension."""
    clock = make_site().clock
    app = Flask("protected")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    app.config["ZEROTRUST_NEW_BROWSER"] = "movement"
    zt = ZeroTrust(clock=clock)
    parts = [CSRFProtect().init_app, zt.init_app]
    for init_app in parts if request.param == "before" else parts[::-1]:
        init_app(app)
    zt.user_id_loader(lambda: "ada")
    zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    app.extensions["zerotrust"].scorer = scorer = FixedScorer()
    app.add_url_rule("/", "home", lambda: render_template_string(FORM))
    app.add_url_rule("/pay", "pay", step_up_required(lambda: "paid"), methods=["POST"])
    app.add_url_rule("/open", "open", step_up_required(lambda: "open"))
    return Site(app, zt, clock, scorer).visitor()


def test_the_collector_is_exempt_by_itself(ada: Visitor) -> None:
    ada.open("/")
    ada.move(3)
    assert ada.open("/open").text == "open"


def test_the_apps_own_forms_stay_protected(ada: Visitor) -> None:
    ada.open("/")
    assert ada.submit("/pay", {"to": "Grace"}).status_code == 400


def test_the_challenge_form_carries_the_apps_token(ada: Visitor) -> None:
    asked = ada.open("/open")
    assert ada.answer(asked.location).location == "/open"


def test_the_apps_token_has_the_name_that_the_app_gives_it(ada: Visitor) -> None:
    """CSRFProtect would else take the extension's own token for it, whose name ends so, and refuse."""
    ada.site.app.config["WTF_CSRF_FIELD_NAME"] = "_csrf"
    asked = ada.open("/open")
    assert ada.answer(asked.location).location == "/open"


@pytest.mark.parametrize("field", ["csrf_token", "_zerotrust_csrf"])
def test_the_challenge_form_stays_protected(ada: Visitor, field: str) -> None:
    asked = ada.open("/open")
    form = form_with(ada.open(asked.location).text, "code")
    del form.fields[field]
    assert ada.submit(form.action, {**form.fields, "code": ada.code()}).status_code == 400
    assert ada.asked("/open")


def test_a_parked_form_takes_the_apps_token_along(ada: Visitor) -> None:
    form = form_with(ada.open("/").text, "to")
    asked = ada.submit(form.action, {**form.fields, "to": "Grace"})
    confirm = form_to(ada.open(ada.answer(asked.location).location).text, "/pay")
    assert confirm.fields == {"csrf_token": form.fields["csrf_token"], "to": "Grace"}
    assert ada.submit(confirm.action, confirm.fields).text == "paid"


def test_the_sites_own_layout_around_the_challenge_can_call_csrf_token(ada: Visitor) -> None:
    """No variable of the extension's pages shadows Flask-WTF's function."""
    layout = (
        '<form method="post" action="/logout"><input name="csrf_token" value="{{ csrf_token() }}"></form>'
    )
    pages = DictLoader({"zerotrust/base.html": layout + "{% block main %}{% endblock %}"})
    ada.site.app.jinja_env.loader = ChoiceLoader([pages, ada.site.app.jinja_env.loader])
    page = ada.open(ada.open("/open").location)
    assert form_to(page.text, "/logout").fields["csrf_token"]
