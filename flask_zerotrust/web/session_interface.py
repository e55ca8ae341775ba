"""Replaces the app's session interface and the class of some responses: the collector's save no session.

Neither do they set any cookie, whatever the app does to them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Flask, current_app, request
from flask.blueprints import BlueprintSetupState
from flask.sessions import SessionInterface
from flask.wrappers import Response
from werkzeug.datastructures import Headers

from flask_zerotrust.web import responses
from flask_zerotrust.web.paths import app_path

#: Last parts of the paths whose answers save no session.
COLLECTOR_NAMES = ("events", "token", "status")

# Set in the WSGI environment of a request to one of these paths, whatever becomes of it.
_MARK = "flask_zerotrust.collector"


def keep_cookieless(state: BlueprintSetupState) -> None:
    """Hook into the app before and after everything else that it does with a request.

    The routes' own wrapper would not do: it sees neither a 405 nor a 500, and the app's after_request
    functions run later.
    """
    paths = frozenset(f"{state.url_prefix or ''}/{name}" for name in COLLECTOR_NAMES)

    def begin() -> None:
        _quieten(current_app)
        parts = [part for part in app_path().split("/") if part]
        if parts and parts[-1] in COLLECTOR_NAMES and "/" + "/".join(parts) in paths:
            request.environ[_MARK] = True

    def end(response: Response) -> Response:
        return _sealed(response) if _MARK in request.environ else response

    # Flask calls the first of these first, and the first of those last.
    state.app.before_request_funcs.setdefault(None, []).insert(0, begin)
    state.app.after_request_funcs.setdefault(None, []).insert(0, end)


def _quieten(app: Flask) -> None:
    """Make the app's session interface, whichever it is by now, save nothing for the collector."""
    result = app.session_interface
    if isinstance(result, _Quiet):
        return
    quiet = copy.copy(result)
    quiet.__class__ = _quiet(type(result))
    app.session_interface = quiet


class _Quiet(SessionInterface):
    """Goes before a session interface: the session can be read and written here, but is not saved."""

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Save the session unless the request was the collector's."""
        if _MARK not in request.environ:
            super().save_session(app, session, response)


class _Cookieless(Response):
    """Goes before a response class: drops cookies that were set, even by functions that run after this."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers without any Set-Cookie."""
        headers = super().get_wsgi_headers(environ)
        headers.remove("Set-Cookie")
        return headers


def seals(environ: Mapping[str, Any]) -> bool:
    """Say whether the answer to a request is sealed last of all, whatever is done to it before."""
    return _MARK in environ


def _sealed(response: Response) -> Response:
    kind: Any = type(response)
    response.__class__ = _cookieless(kind)
    return responses.private(response)


def _quiet(kind: type[SessionInterface]) -> type[SessionInterface]:
    return type(f"Quiet{kind.__name__}", (_Quiet, kind), {})


@cache
def _cookieless(kind: Any) -> Any:
    return type(f"Cookieless{kind.__name__}", (_Cookieless, kind), {})
