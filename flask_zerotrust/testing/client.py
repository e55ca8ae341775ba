"""How the kit gets into an app: within a request of the test's own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask.testing import FlaskClient

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.web.state import AppState, this_state

Found = TypeVar("Found")

#: Headers of a browser that opens a page.
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


def guard_of(client: FlaskClient) -> AppState:
    """Return the guard of the client's app, which has to be a test's."""
    app = client.application
    if not app.testing:
        raise ConfigError(
            f"flask_zerotrust.testing works only with TESTING, and {app.name!r} is not: set "
            'app.config["TESTING"] = True in your tests, and only there.'
        )
    with app.app_context():
        return this_state()


def inside(client: FlaskClient, do: Callable[[AppState], Found]) -> Found:
    """Run within a request of this client, behind all that the app does before its views.

    A real request, so that whoever the app takes the client for is who is logged in here too, and so
    that the session is saved as the app saves it, wherever that is.
    """
    state = guard_of(client)
    results: list[Callable[[], Found]] = []

    def run() -> Any:
        results.append(_outcome(do, state))
        return client.application.response_class(status=204)

    functions = client.application.before_request_funcs.setdefault(None, [])
    functions.append(run)
    try:
        answer = client.get("/", headers=BROWSER)
    finally:
        functions.remove(run)
    if not results:
        raise ConfigError(
            f"A before_request function answered {answer.status} before the kit came to its turn. "
            "Let the client log in first, or set what that function asks for in client.environ_base."
        )
    return results[0]()


def _outcome(do: Callable[[AppState], Found], state: AppState) -> Callable[[], Found]:
    """Run it now. Return a function that gives the result or raises the error later."""
    try:
        result = do(state)
    except Exception as error:
        failure = error

        def fail() -> Found:
            raise failure

        return fail
    return lambda: result


def user_of(state: AppState) -> str:
    user = state.user()
    if user is None:
        raise ConfigError("Nobody is logged in to this client. Log in first, as your users do.")
    return user
