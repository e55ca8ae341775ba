"""Adding the extension to an app: three lines, factories, prefixes, and what is refused at start-up."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
from flask import Blueprint, Flask, Request, render_template_string, session
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import flask_zerotrust
from flask_zerotrust import ZeroTrust, current_risk, step_up_required
from flask_zerotrust.delivery.senders import TwilioSender
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.web.state import this_state
from tests.clock import Clock
from tests.forms import form_with

from .sites import SECRET, Site, totp

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


def bare_app(**config: Any) -> Flask:
    """Return an app that names its user itself and has no extension yet."""
    app = Flask("bare")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    app.config.update(config)
    return app


def test_three_lines_are_enough() -> None:
    app = bare_app()
    zt = ZeroTrust(app)

    @app.get("/")
    @step_up_required
    def page() -> str:
        return render_template_string("{{ zerotrust_script() }}")

    zt.user_id_loader(lambda: "ada")
    answer = app.test_client().get("/", headers=BROWSER)
    assert answer.status_code == 403
    assert "One thing is missing" in answer.text


def test_the_script_tag_is_one_external_module(site: Site) -> None:
    html = site.visitor().open("/").text
    tag = r'<script type="module" src="([^"]+)" data-zerotrust="/zerotrust"></script>'
    found = re.search(tag, html)
    assert found is not None
    assert re.fullmatch(r"/zerotrust/static/[0-9a-f]{12}/collector\.js", found[1])
    with site.visitor().client.get(found[1]) as answer:
        assert "javascript" in answer.content_type


def test_the_script_tag_carries_the_pages_nonce(site: Site) -> None:
    with site.app.test_request_context():
        tag = render_template_string("{{ zerotrust_script(nonce='a\"b') }}")
    assert 'nonce="a&#34;b"' in tag


def test_the_risk_stands_in_templates(site: Site) -> None:
    assert "<p>unknown" in site.visitor().open("/").text


def test_an_app_factory_sets_up_one_extension_for_several_apps() -> None:
    zt = ZeroTrust()
    zt.user_id_loader(lambda: "ada")

    def create_app(**config: Any) -> Flask:
        app = bare_app(**config)
        zt.init_app(app)
        app.add_url_rule("/x", "x", step_up_required(lambda: "in"))
        return app

    strict, lenient = create_app(), create_app(ZEROTRUST_MODE="observe", ZEROTRUST_URL_PREFIX="/zt")
    assert strict.test_client().get("/x", headers=BROWSER).status_code == 403
    assert lenient.test_client().get("/x", headers=BROWSER).text == "in"
    assert strict.extensions["zerotrust"].store is not lenient.extensions["zerotrust"].store


def test_two_apps_keep_their_own_loaders(make_site: Callable[..., Site]) -> None:
    first, second = make_site(), make_site()
    second.zt.user_id_loader(lambda: "eve")
    with first.app.test_request_context():
        assert this_state().user() is None
    with second.app.test_request_context():
        assert this_state().user() == "eve"


def test_the_prefix_moves_every_page(make_site: Callable[..., Site]) -> None:
    ada = make_site(ZEROTRUST_URL_PREFIX="/a/b").visitor().login()
    assert 'data-zerotrust="/a/b"' in ada.open("/").text
    assert ada.open("/secret").location.startswith("/a/b/challenge/")
    assert ada.fetch("/a/b/token?page=" + "x" * 22).status_code == 200
    assert ada.fetch("/zerotrust/token?page=" + "x" * 22).status_code == 404


def test_an_app_below_a_path_leads_back_below_that_path(make_site: Callable[..., Site]) -> None:
    site = make_site(APPLICATION_ROOT="/bank")
    ada = site.visitor().login()
    assert 'data-zerotrust="/bank/zerotrust"' in ada.open("/").text
    asked = ada.open("/secret?a=1")
    assert asked.location.startswith("/bank/zerotrust/challenge/")
    assert 'href="/bank/"' in ada.open(asked.location).text
    assert ada.answer(asked.location).location == "/bank/secret?a=1"


def test_a_mounted_app_makes_its_links_from_the_script_root(site: Site) -> None:
    site.zt.user_id_loader(lambda: "ada")
    mounted = Client(DispatcherMiddleware(Flask("outer"), {"/in": site.app}))
    asked = mounted.get("/in/secret", headers=BROWSER)
    assert asked.location.startswith("/in/zerotrust/challenge/")


def test_a_blueprints_view_is_guarded_under_its_prefix(site: Site) -> None:
    blueprint = Blueprint("money", "money", url_prefix="/money")

    @blueprint.get("/send")
    @step_up_required
    def send_it() -> str:
        return "sent"

    site.app.register_blueprint(blueprint)
    ada = site.visitor().login()
    asked = ada.open("/money/send")
    assert "before you continue to “send it”" in ada.open(asked.location).text
    assert ada.answer(asked.location).location == "/money/send"
    assert ada.open("/money/send").text == "sent"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_blueprints_view_below_a_subdomain_is_found_again(method: str) -> None:
    """The extension's pages are on the main host, and a path alone would lead to another view there."""
    app = Flask("site", subdomain_matching=True)
    app.config.update(
        SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://", SERVER_NAME="bank.example"
    )
    app.config["SESSION_COOKIE_DOMAIN"] = "bank.example"
    blueprint = Blueprint("pay", "pay", subdomain="pay")
    blueprint.add_url_rule("/go", "go", step_up_required(lambda: "gone"), methods=[method])
    app.register_blueprint(blueprint)
    clock = Clock()
    zt = ZeroTrust(app, clock=clock)
    zt.user_id_loader(lambda: "ada")
    zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    browser, headers = app.test_client(), {**BROWSER, "Sec-Fetch-Site": "same-origin"}
    there = "http://pay.bank.example/go"
    asked = browser.open(there, method=method, headers=headers, data={"to": "bob"})
    form = form_with(browser.get(asked.location, headers=headers).text, "code")
    fields = {**form.fields, "code": totp(clock.now)}
    answered = browser.post(form.action, base_url="http://bank.example", headers=headers, data=fields)
    if method == "GET":
        assert answered.location == there
    else:
        change = answered.location + "?change=1"
        page = browser.get(change, base_url="http://bank.example", headers=headers)
        assert form_with(page.text, "to").action == there
        assert 'href="http://pay.bank.example/"' in page.text
    assert browser.open(there, method=method, headers=headers).text == "gone"


def test_a_missing_secret_key_is_refused_at_start_up() -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY is not set"):
        ZeroTrust(bare_app(SECRET_KEY=None))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("ZEROTRUST_GRANTS", 5, "Did you mean ZEROTRUST_GRANT_S"),
        ("ZEROTRUST_MAX_RISK", 2, "between 0 and 1"),
        ("ZEROTRUST_MODE", "on", "must be one of 'enforce', 'observe', 'off'"),
        ("ZEROTRUST_URL_PREFIX", "zt", "must start with '/'"),
        ("ZEROTRUST_STORE", "mysql://root:pw@host/db", "must be 'sqlite:///FILE'"),
        ("ZEROTRUST_SMS_SENDER", "twilio", "also needs ZEROTRUST_TWILIO_ACCOUNT_SID"),
        ("ZEROTRUST_MODEL", "/nowhere", "cannot be read"),
    ],
)
def test_a_bad_setting_is_refused_at_start_up(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        ZeroTrust(bare_app(**{key: value}))


def test_the_console_sender_is_refused_outside_debug_and_testing(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/zt.sqlite"
    with pytest.raises(ConfigError, match="'console' prints codes"):
        ZeroTrust(bare_app(TESTING=False, ZEROTRUST_SMS_SENDER="console", ZEROTRUST_STORE=store))


def test_twilio_is_set_up_from_its_keys() -> None:
    app = bare_app(
        ZEROTRUST_SMS_SENDER="twilio",
        ZEROTRUST_SMS_PREFIXES=["+44"],
        ZEROTRUST_TWILIO_ACCOUNT_SID="AC" + "0" * 32,
        ZEROTRUST_TWILIO_AUTH_TOKEN="token",
        ZEROTRUST_TWILIO_FROM="+15005550006",
    )
    zt = ZeroTrust(app)
    with app.app_context():
        assert isinstance(zt.sender, TwilioSender)


def test_adding_the_extension_twice_is_refused(site: Site) -> None:
    with pytest.raises(ConfigError, match=r"already set up for 'site'\. Call init_app once"):
        site.zt.init_app(site.app)


def test_an_app_without_the_extension_says_so() -> None:
    app = bare_app()
    app.add_url_rule("/", "page", step_up_required(lambda: ""))
    with pytest.raises(ConfigError, match="not set up for 'bare': call ZeroTrust"):
        app.test_client().get("/")


def test_the_apps_own_request_class_is_kept() -> None:
    class OwnRequest(Request):
        greeting = "hello"

    app = bare_app()
    app.request_class = OwnRequest
    ZeroTrust(app).user_id_loader(lambda: None)
    with app.test_request_context() as context:
        assert context.request.greeting == "hello"  # type: ignore[attr-defined]


def test_a_request_class_set_too_late_is_refused() -> None:
    app = bare_app()
    ZeroTrust(app).user_id_loader(lambda: None)
    app.request_class = Request
    with pytest.raises(ConfigError, match="replaced after init_app"):
        app.test_client().get("/")


def test_a_page_without_the_extensions_names_leaves_the_session_alone(site: Site) -> None:
    site.app.add_url_rule("/plain", "plain", lambda: "plain")
    assert "Set-Cookie" not in site.visitor().open("/plain").headers


ALONE = """
import sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p]
sys.path[:0] = sys.argv[1:]
from flask import Flask
from flask_zerotrust import ZeroTrust, step_up_required
app = Flask("alone")
app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
ZeroTrust(app).user_id_loader(lambda: "ada")
app.add_url_rule("/x", "x", step_up_required(lambda: "in"))
print(app.test_client().get("/x").status_code, "flask_login" in sys.modules)
"""


def test_it_works_where_flask_login_is_not_installed(tmp_path: Path) -> None:
    packages = Path(flask.__file__).parent.parent
    for entry in packages.iterdir():
        if not entry.name.lower().startswith(("flask_login", "__editable__")):
            (tmp_path / entry.name).symlink_to(entry)
    package = Path(flask_zerotrust.__file__).parent.parent
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(tmp_path), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("403 False\n", "")


LATE = """
import sys
from flask import Flask
from flask_zerotrust import ZeroTrust
app = Flask("late")
app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
ZeroTrust(app)
print("flask_login" in sys.modules)
from flask_login import LoginManager, user_logged_in, user_logged_out
LoginManager(app).user_loader(lambda _id: None)
app.test_client().get("/")
print(all(signal.has_receivers_for(app) for signal in (user_logged_in, user_logged_out)))
"""


def test_a_login_manager_that_comes_after_it_is_followed_from_the_first_request_on() -> None:
    command = [sys.executable, "-c", LATE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")


def test_the_store_is_a_file_in_the_instance_folder_unless_told_otherwise(tmp_path: Path) -> None:
    app = Flask("filed", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="key", TESTING=True)
    ZeroTrust(app).user_id_loader(lambda: "ada")
    app.add_url_rule("/x", "x", lambda: session.get("x") or current_risk.level)
    assert app.test_client().get("/x").text == "unknown"
    assert (tmp_path / "zerotrust.sqlite").exists()
    app.extensions["zerotrust"].store.close()
