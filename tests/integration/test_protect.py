"""``zt.protect``: views of other packages get a guard by their endpoint."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Blueprint, Flask, session

from flask_zerotrust import ZeroTrust, step_up_required, testing
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.web.placement import is_guarded
from tests.integration.sites import SECRET

PROGRAM = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
ALL = ["GET", "POST", "DELETE"]


@pytest.fixture
def app() -> Flask:
    app = Flask("bank")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    app.add_url_rule("/log-in", "log_in", lambda: session.update(user="ada") or "in", methods=["POST"])
    app.add_url_rule("/home", "home", lambda: "home")
    admin = Blueprint("user", "theirs", url_prefix="/user")
    admin.add_url_rule("/edit", "edit_view", lambda: "edited", methods=ALL)
    admin.add_url_rule("/drop", "delete_view", lambda: "dropped", methods=ALL)
    app.register_blueprint(admin)
    return app


@pytest.fixture
def zt(app: Flask) -> ZeroTrust:
    zt = ZeroTrust(app)
    zt.user_id_loader(lambda: session.get("user"))
    zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    return zt


def status(app: Flask, method: str, path: str) -> int:
    client = app.test_client()
    client.post("/log-in")
    return client.open(path, method=method, headers=PROGRAM).status_code


def test_an_endpoint_is_guarded_and_others_are_not(app: Flask, zt: ZeroTrust) -> None:
    zt.protect("user.edit_view")
    assert [status(app, "GET", path) for path in ("/user/edit", "/user/drop", "/home")] == [401, 200, 200]


def test_a_pattern_names_every_view_of_a_blueprint(app: Flask, zt: ZeroTrust) -> None:
    zt.protect("user.*")
    assert [status(app, "GET", path) for path in ("/user/edit", "/user/drop", "/home")] == [401, 401, 200]


def test_only_the_methods_that_are_named_are_guarded(app: Flask, zt: ZeroTrust) -> None:
    zt.protect("user.edit_view", methods=["post"])
    assert [status(app, method, "/user/edit") for method in ALL] == [200, 401, 200]


def test_a_head_is_guarded_with_its_get(app: Flask, zt: ZeroTrust) -> None:
    zt.protect("user.edit_view", methods=["GET"])
    assert [status(app, method, "/user/edit") for method in ("HEAD", "GET", "POST")] == [401, 401, 200]


def test_a_decorator_takes_methods_too(app: Flask, zt: ZeroTrust) -> None:
    app.add_url_rule("/own", "own", step_up_required(methods=["POST"])(lambda: "own"), methods=ALL)
    assert [status(app, method, "/own") for method in ALL] == [200, 401, 200]


def test_a_passed_factor_opens_it(app: Flask, zt: ZeroTrust) -> None:
    zt.protect("user.edit_view", action="edit a user")
    client = app.test_client()
    client.post("/log-in")
    asked = client.get("/user/edit", headers={"Sec-Fetch-Mode": "navigate"})
    assert "edit a user" in client.get(asked.location).text
    testing.pass_challenge(client, asked)
    assert client.get("/user/edit").text == "edited"


@pytest.mark.parametrize("endpoint", ["user.edit", "users.edit_view", "usr.*"])
def test_an_unknown_endpoint_names_those_that_are_near(app: Flask, zt: ZeroTrust, endpoint: str) -> None:
    zt.protect("home", endpoint)
    near = "no such endpoint" if "*" in endpoint else "Did you mean 'user.edit_view'"
    for _ in "twice":
        with pytest.raises(ConfigError, match=near):
            app.test_client().get("/home")
    assert not is_guarded(app.view_functions["home"])


def test_the_extensions_own_views_are_no_endpoints(app: Flask, zt: ZeroTrust) -> None:
    zt.protect("zerotrust.*")
    with pytest.raises(ConfigError, match="no such endpoint"):
        app.test_client().get("/home")


def test_first_requests_at_once_set_each_guard_once(app: Flask, zt: ZeroTrust) -> None:
    zt.protect("user.edit_view")
    bare = app.view_functions["user.edit_view"]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: status(app, "GET", "/user/edit"), range(8))) == {401}
    assert app.view_functions["user.edit_view"].__wrapped__ is bare  # type: ignore[attr-defined]


def test_a_call_after_the_first_request_is_refused(app: Flask, zt: ZeroTrust) -> None:
    app.test_client().get("/home")
    with pytest.raises(ConfigError, match="after the first request"):
        zt.protect("home")


@pytest.mark.parametrize("methods", [[], "POST", ["SEND"]])
def test_methods_are_http_methods(zt: ZeroTrust, methods: object) -> None:
    with pytest.raises(ConfigError, match="methods must be a list"):
        zt.protect("home", methods=methods)  # type: ignore[arg-type]


def test_endpoints_are_needed(zt: ZeroTrust) -> None:
    with pytest.raises(ConfigError, match="needs endpoints"):
        zt.protect(methods=["POST"])
