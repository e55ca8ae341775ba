"""The collector never saves the app's session and never sets a cookie, whatever the app does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests
from cachelib import FileSystemCache
from flask import Flask, Response, after_this_request, make_response, session
from flask_login import current_user
from flask_session import Session
from werkzeug.serving import BaseWSGIServer, make_server

from .sites import FixedScorer, Site, Visitor

Adapt = Callable[[Flask], None]


def stock(app: Flask) -> None:
    """Flask as it comes."""


def permanent(app: Flask) -> None:
    """Every request refreshes the cookie (SESSION_REFRESH_EACH_REQUEST is on by default)."""

    @app.before_request
    def make_permanent() -> None:
        session.permanent = True


def server_side(app: Flask) -> None:
    """Flask-Session, which saves and sets its cookie with every answer."""
    folder = Path(app.config["SESSION_FOLDER"])
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(str(folder)))
    Session(app)


def remembering(app: Flask) -> None:
    """Flask-Login's remember cookie, refreshed with every answer."""
    app.config.update(REMEMBER_COOKIE_REFRESH_EACH_REQUEST=True, REMEMBER_COOKIE_DURATION=timedelta(days=9))


def meddling(app: Flask) -> None:
    """An app that writes the session and sets cookies wherever Flask lets it."""

    @app.before_request
    def count() -> None:
        session["seen"] = session.get("seen", 0) + 1

        @after_this_request
        def late(response: Response) -> Response:
            response.set_cookie("late", "1")
            return response

    @app.after_request
    def replace(response: Response) -> Response:
        session["after"] = True
        session.modified = True
        fresh = make_response(response.get_data(), response.status_code, dict(response.headers))
        fresh.set_cookie("tracker", "1")
        return fresh


def changed(app: Flask) -> None:
    """An app with a response class of its own, that sets a cookie at the very end."""

    class Last(Response):
        def get_wsgi_headers(self, environ: Any) -> Any:
            self.set_cookie("last", "1")
            return super().get_wsgi_headers(environ)

    app.response_class = Last


ADAPT: list[Adapt] = [stock, permanent, server_side, remembering, meddling, changed]


@pytest.fixture(params=ADAPT, ids=lambda adapt: adapt.__name__)
def site(request: Any, make_site: Callable[..., Site], tmp_path: Path) -> Site:
    made = make_site(SESSION_FOLDER=str(tmp_path / "sessions"), ZEROTRUST_EXPOSE_RISK=True)
    request.param(made.app)
    return made


@pytest.fixture
def ada(site: Site) -> Visitor:
    visitor = site.visitor()
    assert visitor.submit("/login", {"username": "ada", "remember": "1"}).status_code == 200
    visitor.open("/")
    return visitor


def everything(ada: Visitor) -> list[Any]:
    """Return every kind of answer that the collector gives, good and bad."""
    body = ada.body(1)
    return [
        ada.fetch(f"/zerotrust/token?page={ada.nonce}"),
        ada.send(body),
        ada.send(body),
        ada.send("{}"),
        ada.send("x" * 70_000),
        ada.send(ada.body(1, token="forged")),
        ada.fetch("/zerotrust/token"),
        ada.fetch("/zerotrust/token", headers={"Sec-Fetch-Site": "cross-site"}),
        ada.fetch("/zerotrust/status"),
        ada.open("/zerotrust/status"),
        ada.fetch("/zerotrust/events"),
        ada.fetch("/zerotrust/events", "DELETE"),
        ada.fetch("/zerotrust/token", "POST"),
        ada.fetch("/zerotrust/events", "OPTIONS"),
        ada.fetch(f"/zerotrust/token?page={ada.nonce}", "HEAD"),
        ada.fetch("/zerotrust//events", "POST"),
    ]


def test_no_answer_of_the_collector_sets_a_cookie(ada: Visitor) -> None:
    found = everything(ada)
    codes = [answer.status_code for answer in found]
    assert codes[:13] == [200, 204, 409, 400, 413, 401, 400, 403, 200, 200, 405, 405, 405]
    assert [answer.headers.getlist("Set-Cookie") for answer in found] == [[]] * len(found)


def test_every_answer_of_the_collector_stays_out_of_caches(ada: Visitor) -> None:
    for answer in everything(ada):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "cookie" in answer.headers["Vary"].lower()


def test_a_crash_behind_the_collector_sets_no_cookie(site: Site, ada: Visitor) -> None:
    class Broken(FixedScorer):
        def log_odds(self, features: Any) -> Any:
            raise ValueError("no")

    site.app.extensions["zerotrust"].scorer = Broken()
    site.app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    answer = ada.send(ada.body(1))
    assert answer.status_code == 500
    assert answer.headers.getlist("Set-Cookie") == []
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_body_over_the_apps_own_limit_sets_no_cookie(site: Site, ada: Visitor) -> None:
    body = ada.body(3)
    site.app.config["MAX_CONTENT_LENGTH"] = 1_000
    answer = ada.send(body)
    assert (answer.status_code, answer.json["field"]) == (413, "body")
    assert answer.headers.getlist("Set-Cookie") == []


def test_an_unprotected_page_of_the_same_app_still_sets_its_cookies(ada: Visitor) -> None:
    """The control: it is the collector that is quiet, not the app."""
    assert ada.submit("/logout", {}).headers.getlist("Set-Cookie")


def test_a_server_side_session_is_not_written_by_the_collector(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    made = make_site(SESSION_FOLDER=str(tmp_path / "sessions"))
    server_side(made.app)
    meddling(made.app)
    ada = made.visitor().login()
    before = _contents(tmp_path)
    ada.move(3)
    assert _contents(tmp_path) == before
    ada.open("/")
    assert _contents(tmp_path) != before


def test_an_interface_installed_after_the_extension_is_quiet_too(make_site: Callable[..., Site]) -> None:
    """And it stays what it was to those who ask: Flask-Session's own methods are called by apps."""
    made = make_site(SESSION_FOLDER="unused")
    kind = type(made.app.session_interface)

    class Own(kind):  # type: ignore[misc, valid-type]
        def regenerate(self) -> str:
            return "kept"

    made.app.session_interface = Own()
    permanent(made.app)
    ada = made.visitor().login()
    assert ada.send(ada.body(1)).headers.getlist("Set-Cookie") == []
    assert isinstance(made.app.session_interface, Own)
    assert made.app.session_interface.regenerate() == "kept"


def test_other_apps_of_the_process_keep_their_session_interface(make_site: Callable[..., Site]) -> None:
    make_site().visitor().login()
    other = Flask("other")
    assert type(other.session_interface) is type(Flask("third").session_interface)
    assert "Quiet" not in type(other.session_interface).__name__


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


# Over HTTP, with real threads


@dataclass
class SlowScorer(FixedScorer):
    """Scores when it is told to, so that a batch can be overtaken."""

    entered: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def log_odds(self, features: Any) -> Any:
        self.entered.set()
        assert self.go_on.wait(20)
        return super().log_odds(features)


@pytest.fixture
def server(site: Site) -> Iterator[BaseWSGIServer]:
    made = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@dataclass
class Browser:
    """A cookie jar that takes every answer's cookies in the order in which the answers arrive."""

    origin: str
    jar: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = {"Sec-Fetch-Mode": "navigate", "Origin": self.origin, **kwargs.pop("headers", {})}
        return self.jar.request(method, self.origin + path, headers=headers, timeout=20, **kwargs)

    def race(self, site: Site, overtake: Callable[[], Any]) -> requests.Response:
        """Send a batch, and let something overtake it while it is being scored."""
        helper = Visitor(site, site.app.test_client())
        token = self.call("GET", f"/zerotrust/token?page={helper.nonce}").json()["token"]
        slow = SlowScorer()
        site.app.extensions["zerotrust"].scorer = slow
        body = helper.body(1, token=token)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(self.call, "POST", "/zerotrust/events", data=body)
            assert slow.entered.wait(20)
            overtake()
            slow.go_on.set()
            return late.result()


@pytest.fixture
def browser(site: Site, server: BaseWSGIServer) -> Browser:
    @site.app.get("/who")
    def who() -> str:
        return str(current_user.get_id())

    made = Browser(f"http://127.0.0.1:{server.server_port}")
    made.call("GET", "/")
    return made


def test_a_login_that_overtakes_a_slow_batch_stays_logged_in(site: Site, browser: Browser) -> None:
    late = browser.race(site, lambda: browser.call("POST", "/login", data={"username": "ada"}))
    assert "Set-Cookie" not in late.headers
    assert browser.call("GET", "/who").text == "ada"


def test_a_logout_that_overtakes_a_slow_batch_stays_logged_out(site: Site, browser: Browser) -> None:
    browser.call("POST", "/login", data={"username": "ada", "remember": "1"})
    browser.call("GET", "/")
    late = browser.race(site, lambda: browser.call("POST", "/logout"))
    assert "Set-Cookie" not in late.headers
    assert browser.call("GET", "/who").text == "None"


def test_a_batch_overtaken_by_a_login_counts_for_nobody(site: Site, browser: Browser) -> None:
    """Its session has moved on: the page is told to fetch a new token."""
    browser.call("GET", "/")
    helper = Visitor(site, site.app.test_client())
    token = browser.call("GET", f"/zerotrust/token?page={helper.nonce}").json()["token"]
    assert browser.call("POST", "/zerotrust/events", data=helper.body(1, token=token)).status_code == 204
    late = browser.race(site, lambda: browser.call("POST", "/login", data={"username": "ada"}))
    assert late.status_code == 401
