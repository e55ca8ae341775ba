"""The script tag of the collector, for templates."""

from __future__ import annotations

from flask import url_for
from markupsafe import Markup

from flask_zerotrust.web.state import this_state


def zerotrust_script(nonce: str | None = None) -> Markup:
    """Return the script tag of the collector, for the base template.

    It holds no token, so pages that carry it can be cached. The script fetches its own.

    Parameters
    ----------
    nonce : str, optional
        The page's Content-Security-Policy nonce, if scripts need one.

    Examples
    --------
    >>> from flask_zerotrust import zerotrust_script
    >>> with app.test_request_context():
    ...     zerotrust_script(nonce="r4nd0m")
    Markup('<script type="module" src="..." data-zerotrust="/zerotrust" nonce="r4nd0m"></script>')
    """
    state = this_state()
    if state.settings.mode == "off":
        return Markup("")
    state.visit.current()
    source = url_for("zerotrust.static", filename="collector.js")
    prefix = url_for("zerotrust.events").removesuffix("/events")
    extra = Markup(' nonce="{}"').format(nonce) if nonce else Markup("")
    return Markup('<script type="module" src="{}" data-zerotrust="{}"{}></script>').format(
        source, prefix, extra
    )
