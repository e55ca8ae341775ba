"""A guard above ``@app.route`` protects nothing: an error at the first request, and never a false alarm."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView
from flask_login import login_required

from flask_zerotrust import ZeroTrust, step_up_required
from flask_zerotrust.errors import ConfigError


def make_app() -> Flask:
    app = Flask("placed")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    ZeroTrust(app).user_id_loader(lambda: None)
    app.add_url_rule("/free", "free", lambda: "free")
    return app


@pytest.fixture
def app() -> Flask:
    return make_app()


def check(app: Flask) -> None:
    """Make the first request, to a page that has nothing to do with it."""
    assert app.test_client().get("/free").text == "free"


def unwrapped(view: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap without ``functools.wraps``."""
    return lambda *args, **kwargs: view(*args, **kwargs)


def wrapped(view: Callable[..., Any]) -> Callable[..., Any]:
    return wraps(view)(lambda *args, **kwargs: view(*args, **kwargs))


def test_a_guard_above_the_route_is_named(app: Flask) -> None:
    @step_up_required
    @app.route("/x")
    def transfer_all() -> str:
        return "gone"

    with pytest.raises(ConfigError, match=re.escape("<locals>.transfer_all guards nothing")):
        check(app)


@pytest.mark.parametrize("of_a_blueprint", [False, True])
def test_a_guard_above_what_runs_before_requests_is_named(app: Flask, of_a_blueprint: bool) -> None:
    blueprint = Blueprint("b", "b")
    before = blueprint.before_request if of_a_blueprint else app.before_request

    @step_up_required(always=True)
    @before
    def guard_all() -> None:
        return None

    app.register_blueprint(blueprint)
    with pytest.raises(ConfigError, match="guard_all guards nothing"):
        check(app)


def test_a_guard_below_what_runs_before_requests_is_none(app: Flask) -> None:
    blueprint = Blueprint("b", "b")
    blueprint.before_request(step_up_required(always=True)(lambda: None))
    blueprint.add_url_rule("/x", "x", lambda: "")
    app.register_blueprint(blueprint)
    check(app)
    assert app.test_client().get("/x").status_code == 401


def test_a_guard_above_a_blueprints_route_is_named(app: Flask) -> None:
    blueprint = Blueprint("b", "b")

    @step_up_required(always=True)
    @blueprint.route("/x")
    def transfer_all() -> str:
        return "gone"

    app.register_blueprint(blueprint)
    with pytest.raises(ConfigError, match="transfer_all guards nothing"):
        check(app)


def test_a_guard_above_the_route_is_named_through_other_decorators(app: Flask) -> None:
    @step_up_required
    @login_required
    @app.route("/x")
    @wrapped
    def transfer_all() -> str:
        return "gone"

    with pytest.raises(ConfigError, match="transfer_all guards nothing"):
        check(app)


def test_a_guard_around_a_finished_class_view_is_named(app: Flask) -> None:
    class Page(MethodView):
        def get(self) -> str:
            return "page"

    view = Page.as_view("page")
    app.add_url_rule("/x", view_func=view)
    forgotten = step_up_required(view)
    with pytest.raises(ConfigError, match=re.escape("<locals>.Page guards nothing")):
        check(app)
    assert callable(forgotten)


def test_the_error_stays_until_it_is_mended(app: Flask) -> None:
    @step_up_required
    @app.route("/x")
    def transfer_all() -> str:
        return "gone"

    for _ in range(2):
        with pytest.raises(ConfigError, match="guards nothing"):
            check(app)


def kept(view: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap as Flask-Caching does."""
    answer = wrapped(view)
    answer.uncached = view  # type: ignore[attr-defined]
    return answer


CACHES: dict[str, Callable[..., Any]] = {
    "uncached": kept,
    "functools": lru_cache,
    "further in": lambda view: kept(login_required(view)),
    "further out": lambda view: login_required(kept(view)),
    "twice": lambda view: kept(step_up_required(kept(view))),
}


@pytest.mark.parametrize("cache", CACHES.values(), ids=CACHES)
def test_a_guard_below_a_cache_is_named(app: Flask, cache: Callable[..., Any]) -> None:
    def transfer_all() -> str:
        return "gone"

    app.add_url_rule("/x", "x", cache(step_up_required(transfer_all)))
    with pytest.raises(ConfigError, match="transfer_all stands below a cache"):
        check(app)


def test_a_method_below_a_cache_is_named(app: Flask) -> None:
    class Page(MethodView):
        @kept
        @step_up_required
        def get(self) -> str:
            return "page"

    app.add_url_rule("/x", view_func=Page.as_view("x"))
    with pytest.raises(ConfigError, match=r"Page\.get stands below a cache"):
        check(app)


@pytest.mark.parametrize("cache", [kept, lru_cache])
def test_a_guard_above_a_cache_raises_no_alarm(app: Flask, cache: Callable[..., Any]) -> None:
    app.add_url_rule("/a", "a", step_up_required(cache(lambda: "")))
    app.add_url_rule("/b", "b", login_required(step_up_required(wrapped(cache(lambda: "")))))
    app.add_url_rule("/c", "c", cache(lambda: ""))
    check(app)


@pytest.mark.parametrize("decorator", ["cached", "memoize"])
def test_flask_caching_is_known(app: Flask, decorator: str) -> None:
    caching = pytest.importorskip("flask_caching")
    cache = caching.Cache(app, config={"CACHE_TYPE": "SimpleCache"})
    keep = getattr(cache, decorator)(timeout=60)
    app.add_url_rule("/a", "a", step_up_required(keep(lambda: "")))
    check(app)
    app.extensions["zerotrust"].checked = False
    app.view_functions["b"] = keep(step_up_required(lambda: ""))
    with pytest.raises(ConfigError, match="stands below a cache"):
        check(app)


def test_right_places_raise_no_alarm(app: Flask) -> None:
    class Page(MethodView):
        decorators = [step_up_required]

        @step_up_required
        def get(self) -> str:
            return "page"

    app.add_url_rule("/a", "a", step_up_required(lambda: ""))
    app.add_url_rule("/b", "b", login_required(step_up_required(wrapped(lambda: ""))))
    app.add_url_rule("/c", "c", unwrapped(step_up_required(lambda: "")))
    app.add_url_rule("/d", "d", step_up_required(unwrapped(lambda: "")))
    app.add_url_rule("/e", "e", step_up_required(step_up_required(max_risk=0.1)(lambda: "")))
    app.add_url_rule("/f", view_func=Page.as_view("f"))
    check(app)


def test_a_view_may_be_plain_here_and_guarded_there_in_one_app(app: Flask) -> None:
    def view() -> str:
        return "view"

    app.add_url_rule("/plain", "plain", view)
    app.add_url_rule("/guarded", "guarded", step_up_required(view))
    check(app)


def test_a_view_may_be_plain_in_one_app_and_guarded_in_another(app: Flask) -> None:
    def view() -> str:
        return "view"

    other = make_app()
    app.add_url_rule("/x", "x", view)
    other.add_url_rule("/x", "x", step_up_required(view))
    check(app)
    check(other)


def test_a_factory_may_guard_the_same_view_afresh_for_every_app() -> None:
    def view() -> str:
        return "view"

    apps = [make_app() for _ in range(3)]
    kept = [step_up_required(view) for _ in range(4)]
    for app, guard in zip(apps, kept, strict=False):
        app.add_url_rule("/x", "x", guard)
    for app in apps:
        check(app)


def test_a_guard_that_a_subclass_overrides_raises_no_alarm(app: Flask) -> None:
    class Base(MethodView):
        @step_up_required
        def get(self) -> str:
            return "base"

    class Child(Base):
        def get(self) -> str:
            return "child"

    app.add_url_rule("/x", view_func=Child.as_view("x"))
    check(app)


def test_a_guarded_function_that_no_app_knows_raises_no_alarm(app: Flask) -> None:
    unused = step_up_required(lambda: "")
    check(app)
    assert callable(unused)
