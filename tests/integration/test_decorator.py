"""``step_up_required`` on every kind of view, with every kind of argument."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Blueprint
from flask.views import MethodView, View
from flask_login import login_required

from flask_zerotrust import step_up_required
from flask_zerotrust.errors import ConfigError

from .sites import Site, Visitor


def guarded(site: Site, path: str, view: Callable[..., Any], **kwargs: Any) -> Visitor:
    """Route a view and return Ada, logged in."""
    site.app.add_url_rule(path, path.strip("/").partition("/")[0], view, **kwargs)
    return site.visitor().login()


def test_a_plain_function_is_guarded(site: Site) -> None:
    @step_up_required
    def page(name: str) -> str:
        return f"page {name}"

    ada = guarded(site, "/page/<name>", page)
    assert ada.asked("/page/x")
    assert ada.move(3).open("/page/x").text == "page x"


def test_empty_brackets_mean_the_same(site: Site) -> None:
    ada = guarded(site, "/page", step_up_required()(lambda: "page"))
    assert ada.asked("/page")
    assert ada.move(3).open("/page").text == "page"


def test_the_view_keeps_its_name_and_docstring() -> None:
    @step_up_required(always=True)
    def page() -> str:
        """Show the page."""
        return ""

    assert (page.__name__, page.__doc__) == ("page", "Show the page.")


def test_a_coroutine_function_is_guarded(site: Site) -> None:
    @step_up_required
    async def page(n: int) -> dict[str, int]:
        return {"n": n}

    ada = guarded(site, "/page/<int:n>", page)
    assert ada.asked("/page/7")
    assert ada.move(3).open("/page/7").json == {"n": 7}


def test_one_method_of_a_method_view_is_guarded(site: Site) -> None:
    class Page(MethodView):
        def get(self) -> str:
            return "form"

        @step_up_required
        def post(self) -> str:
            return "sent"

    ada = guarded(site, "/page", Page.as_view("page"))
    assert ada.open("/page").text == "form"
    assert ada.submit("/page", {"a": "1"}).status_code == 303
    assert ada.move(3).submit("/page", {"a": "1"}).text == "sent"


def test_an_async_method_is_guarded(site: Site) -> None:
    class Page(MethodView):
        @step_up_required
        async def get(self) -> str:
            return "page"

    ada = guarded(site, "/page", Page.as_view("page"))
    assert ada.asked("/page")
    assert ada.move(3).open("/page").text == "page"


@pytest.mark.parametrize("decorator", [step_up_required, step_up_required(max_risk=0.9)])
def test_a_view_class_is_guarded_by_its_decorators(site: Site, decorator: Any) -> None:
    class Page(MethodView):
        decorators = [decorator]

        def get(self) -> str:
            return "page"

    ada = guarded(site, "/page", Page.as_view("page"))
    assert ada.asked("/page")
    assert ada.move(3).open("/page").text == "page"


def test_a_plain_view_class_is_guarded_by_its_decorators(site: Site) -> None:
    class Page(View):
        decorators = [step_up_required, login_required]

        def dispatch_request(self) -> str:
            return "page"

    ada = guarded(site, "/page", Page.as_view("page"))
    assert ada.asked("/page")


def test_other_decorators_may_stand_above_and_below(site: Site) -> None:
    def shouting(view: Callable[..., str]) -> Callable[..., str]:
        @wraps(view)
        def shout() -> str:
            return view().upper()

        return shout

    ada = guarded(site, "/page", login_required(step_up_required(shouting(lambda: "page"))))
    assert ada.asked("/page")
    assert ada.move(3).open("/page").text == "PAGE"


def test_each_view_has_its_own_limits(site: Site) -> None:
    site.app.add_url_rule("/strict", "strict", step_up_required(max_risk=0.05)(lambda: "strict"))
    ada = guarded(site, "/loose", step_up_required(lambda: "loose"))
    ada.move(3, says=-1.0)
    assert ada.asked("/strict")
    assert not ada.asked("/loose")


def test_the_page_names_the_action_of_the_view(site: Site) -> None:
    ada = site.visitor().login()
    asked = ada.open("/admin")
    assert "before you open the admin page" in ada.open(asked.location).text


@pytest.mark.parametrize("max_risk", [-0.01, 1.01, float("nan"), "0.5", True])
def test_a_limit_that_is_no_probability_is_refused(max_risk: Any) -> None:
    with pytest.raises(ConfigError, match=r"max_risk must be in \[0, 1\], got"):
        step_up_required(max_risk=max_risk)


@pytest.mark.parametrize("max_age_s", [0, -1, float("nan"), float("inf"), 86_401, "300", True])
def test_an_age_that_is_no_time_is_refused(max_age_s: Any) -> None:
    with pytest.raises(ConfigError, match="max_age_s must be above 0 and at most 86400 seconds, got"):
        step_up_required(max_age_s=max_age_s)


@pytest.mark.parametrize("limits", [{"max_risk": 0}, {"max_risk": 1}, {"max_age_s": 86_400}])
def test_limits_at_the_ends_are_taken(limits: dict[str, float]) -> None:
    assert callable(step_up_required(**limits))  # type: ignore[call-overload]


def test_a_limit_without_its_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"takes keyword arguments only, such as max_risk=0\.5, got 0\.5"):
        step_up_required(0.5)  # type: ignore[call-overload]


def test_a_class_is_refused() -> None:
    class Page(MethodView):
        pass

    with pytest.raises(ConfigError, match=r"decorators = \[step_up_required\]"):
        step_up_required(Page)


def test_the_wrong_keyword_is_refused() -> None:
    with pytest.raises(TypeError):
        step_up_required(max_age=5)  # type: ignore[call-overload]


def test_head_is_guarded_as_get_is(site: Site) -> None:
    ada = site.visitor().login()
    assert ada.client.head("/secret", headers={"Accept": "text/html"}).status_code == 303


def test_a_nested_blueprints_view_is_guarded(site: Site) -> None:
    outer, inner = Blueprint("outer", "o", url_prefix="/o"), Blueprint("inner", "i", url_prefix="/i")
    inner.add_url_rule("/page", "page", step_up_required(lambda: "page"))
    outer.register_blueprint(inner)
    site.app.register_blueprint(outer)
    assert site.visitor().login().asked("/o/i/page")
