"""The script tag of the collector, for templates."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import url_for
from markupsafe import Markup

from flask_zerotrust.web.state import this_guard

_SCRIPT = Path(__file__).parents[1] / "static" / "collector.js"


def zerotrust_script(nonce: str | None = None) -> Markup:
    """Return the script tag of the collector, for the base template.

    It holds no token, so pages that carry it can be cached; the script fetches its own.

    Parameters
    ----------
    nonce : str, optional
        The page's Content-Security-Policy nonce, where scripts need one.
    """
    guard = this_guard()
    if guard.settings.mode == "off":
        return Markup("")
    guard.current()
    source = url_for("zerotrust.static", filename=_SCRIPT.name, v=_script_version())
    prefix = url_for("zerotrust.events").removesuffix("/events")
    extra = Markup(' nonce="{}"').format(nonce) if nonce else Markup("")
    return Markup('<script type="module" src="{}" data-zerotrust="{}"{}></script>').format(
        source, prefix, extra
    )


@cache
def _script_version() -> str:
    return hashlib.sha256(_SCRIPT.read_bytes()).hexdigest()[:12]
