"""The app's own defence against forged forms: Flask-WTF's CSRFProtect, or Flask-SeaSurf."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import current_app


def field() -> str:
    """Return the name of the field that holds the app's token."""
    seasurf = _seasurf()
    name = seasurf._csrf_name if seasurf is not None else None
    return str(name or current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))


def exempt(views: Iterable[Callable[..., Any]]) -> None:
    """Exempt views that have a token of their own from the app's defence."""
    guards = (current_app.extensions.get("csrf"), _seasurf())
    for state in (state for state in guards if state is not None):
        for view in views:
            state.exempt(view)


def _seasurf() -> Any:
    """Return the app's SeaSurf. It registers nowhere, but makes the tokens of templates."""
    owner = getattr(current_app.jinja_env.globals.get("csrf_token"), "__self__", None)
    return owner if (type(owner).__module__ or "").startswith("flask_seasurf") else None
