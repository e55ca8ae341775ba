"""The pair cookie: without its random value, a copied or planted session counts for nothing."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from typing import Any

from flask import Flask, current_app, request, session
from flask.wrappers import Response

#: Random value of one browser. A session's entry names its digest.
PAIR_COOKIE = "zerotrust_pair"
# 128 random bits, in base64url.
_BYTES = 16
_VALUE = re.compile(r"[A-Za-z0-9_-]{22}")
# 128 bits of a digest, in hexadecimal.
_TAG_CHARS = 32
# Ids hold no colon, so no session has such a thread.
_THREAD = "pair:"
# Where a request keeps the value that its answer sets.
_SET = "flask_zerotrust.pair"


def pair_tag(*, make: bool = False) -> str:
    """Return the digest of this browser's value, or an empty text without one.

    Parameters
    ----------
    make : bool
        An entry is written with the digest, so the answer sets the cookie.
    """
    value = request.environ.get(_SET) or _sent()
    if make:
        value = value or secrets.token_urlsafe(_BYTES)
        request.environ[_SET] = value
    return hashlib.sha256(value.encode()).hexdigest()[:_TAG_CHARS] if value else ""


def pair_thread(*, make: bool = False) -> str:
    """Return the thread of challenges for a client whose session must not be written now."""
    return _THREAD + pair_tag(make=make)


def has_session(thread: str) -> bool:
    """Return whether challenges of a thread are bound to a session's entry."""
    return not thread.startswith(_THREAD)


def set_pair(response: Response) -> None:
    """Set the cookie if this request has written an entry, for as long as the app's session lives."""
    value = request.environ.get(_SET)
    if value is not None:
        expires = current_app.session_interface.get_expiration_time(_app(), session)
        set_cookie(response, PAIR_COOKIE, value, expires=expires)


def set_cookie(
    response: Response,
    name: str,
    value: str,
    *,
    expires: datetime | None = None,
    max_age: int | None = None,
) -> None:
    """Set a cookie that goes where the app's session cookie goes, and that no script reads."""
    app = _app()
    interface = app.session_interface
    partitioned = getattr(interface, "get_cookie_partitioned", lambda _: False)(app)  # from Flask 3.1 on
    response.set_cookie(
        cookie_name(name),
        value,
        expires=expires,
        max_age=max_age,
        domain=interface.get_cookie_domain(app),
        path=interface.get_cookie_path(app),
        secure=_is_secure(),
        httponly=True,
        samesite=interface.get_cookie_samesite(app) or "Lax",
        **({"partitioned": True} if partitioned else {}),
    )


def _sent() -> str | None:
    value = request.cookies.get(cookie_name(PAIR_COOKIE), "")
    return value if _VALUE.fullmatch(value) else None


def cookie_name(name: str) -> str:
    """Return a cookie's name, with the prefix that keeps other hosts from setting it if that can be."""
    app = _app()
    interface = app.session_interface
    alone = interface.get_cookie_domain(app) is None and interface.get_cookie_path(app) == "/"
    return "__Host-" + name if alone and _is_secure() else name


def _app() -> Flask:
    proxy: Any = current_app
    app: Flask = proxy._get_current_object()
    return app


def _is_secure() -> bool:
    return request.is_secure or bool(current_app.config["SESSION_COOKIE_SECURE"])
