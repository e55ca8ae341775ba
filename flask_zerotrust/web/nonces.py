"""The nonce that an app's Content-Security-Policy wants of scripts, for the extension's own pages."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import current_app, request
from flask.wrappers import Response
from markupsafe import Markup

# Stands in a page for a nonce that only the answer's header will tell. Nobody can guess it.
_STAND_IN = "flask_zerotrust.nonce"
# CSP 3, section 2.3.1: nonce-source. The first directive that is there decides about script elements.
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'")
_DIRECTIVES = ("script-src-elem", "script-src", "default-src")


def nonce_attribute() -> Markup:
    """Return the attribute of a script: with Flask-Talisman's nonce, or with what :func:`fill` replaces."""
    make: Any = current_app.jinja_env.globals.get("csp_nonce")
    if callable(make):
        return Markup(' nonce="{}"').format(make())
    return Markup(' nonce="{}"').format(request.environ.setdefault(_STAND_IN, secrets.token_urlsafe(16)))


def fill(response: Response) -> None:
    """Give the scripts of a page the nonce of its policy. Call it after all functions of the app."""
    stand_in = request.environ.get(_STAND_IN)
    if stand_in is None or response.is_streamed or response.content_encoding:
        return
    nonces = map(script_nonce, response.headers.getlist("Content-Security-Policy"))
    nonce = next(filter(None, nonces), None)
    attribute = f' nonce="{nonce}"' if nonce else ""
    page = response.get_data()
    response.set_data(page.replace(f' nonce="{stand_in}"'.encode(), attribute.encode()))


def script_nonce(policy: str) -> str | None:
    """Return the nonce that a policy wants of script elements. None without one."""
    split = (text.split(None, 1) for text in re.split("[;,]", policy) if text.strip())
    directives = {words[0].lower(): " ".join(words[1:]) for words in split}
    sources = next((directives[name] for name in _DIRECTIVES if name in directives), "")
    nonce = _NONCE.search(sources)
    return nonce[1] if nonce is not None else None
