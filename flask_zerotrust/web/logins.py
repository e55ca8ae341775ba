"""Logins without Flask-Login: the session's change of user tells when somebody logged in."""

from __future__ import annotations

from flask import Flask, request

from flask_zerotrust.web.state import log, this_guard

# Where a request keeps that nobody was logged in when its view began.
_NOBODY = "flask_zerotrust.nobody"


def follow_changes(app: Flask) -> None:
    """Look who is logged in before each view, behind all that the app itself does there.

    Asked at the first request, after which no app can add functions of its own.
    """
    app.before_request_funcs.setdefault(None, [])
    for functions in app.before_request_funcs.values():
        functions.append(_look)


def came_without_user() -> bool:
    """Return whether nobody was logged in when the view of this request began."""
    return bool(request.environ.get(_NOBODY))


def _look() -> None:
    guard = this_guard()
    if not guard.follows_changes():
        return
    try:
        request.environ[_NOBODY] = guard.user() is None
    except Exception:  # the app's own loader: who was here is not known, so no login is
        log.exception("who is logged in could not be told at the beginning of a request")
        request.environ[_NOBODY] = False
