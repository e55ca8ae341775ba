"""The extension's own pages and end points, as one blueprint."""

from __future__ import annotations

from flask import Blueprint, request
from flask.wrappers import Response
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader

from flask_zerotrust.web import responses
from flask_zerotrust.web.responses import TEMPLATES
from flask_zerotrust.web.session_interface import seals
from flask_zerotrust.web.views import (
    authenticator,
    browser_list,
    challenge,
    contacts,
    factors,
    movement,
    passkeys,
    recovery,
    session_list,
    static_files,
)

#: End points with a token of their own that cannot pass the app's own check: scripts post to the first, and
#: the form of the other stands on a page without a referrer.
CSRF_EXEMPT = (movement.take_events, authenticator.enrol)


def make_blueprint(url_prefix: str) -> Blueprint:
    """Return a fresh blueprint, so that several apps in a process do not share one."""
    blueprint = Blueprint(
        "zerotrust",
        "flask_zerotrust",
        url_prefix=url_prefix,
    )
    for module in (
        movement,
        challenge,
        authenticator,
        recovery,
        contacts,
        passkeys,
        factors,
        browser_list,
        session_list,
        static_files,
    ):
        module.register(blueprint)
    blueprint.jinja_loader = _templates()
    blueprint.after_request(_private)
    return blueprint


def _templates() -> BaseLoader:
    """Load the templates, and under a second name those of an app's own that only change a block.

    An app's ``zerotrust/challenge.html`` hides ours. It reaches ours as ``flask_zerotrust/challenge.html``.
    """
    ours = FileSystemLoader(TEMPLATES)
    return ChoiceLoader(
        [ours, PrefixLoader({"flask_zerotrust": FileSystemLoader(TEMPLATES / "zerotrust")})]
    )


def _private(response: Response) -> Response:
    """Keep caches away also from the app's own answers here: its error pages, its way to the login."""
    if request.endpoint == "zerotrust.static":
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
    if seals(request.environ):
        return response
    return responses.private(response)
