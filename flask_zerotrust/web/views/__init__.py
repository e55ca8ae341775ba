"""The extension's own pages and end points, as one blueprint."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, request
from flask.wrappers import Response
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader

from flask_zerotrust.web import responses
from flask_zerotrust.web.views import (
    authenticator,
    browser_list,
    challenge,
    contacts,
    factors,
    movement,
    passkeys,
    recovery,
    static_files,
)

TEMPLATES = Path(__file__).parents[2] / "templates"

#: End points that scripts post to with a token of their own, so that CSRF forms do not apply.
CSRF_EXEMPT = (movement.take_events,)


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
        static_files,
    ):
        module.register(blueprint)
    blueprint.jinja_loader = _templates()
    blueprint.after_request(_private)
    return blueprint


def _templates() -> BaseLoader:
    """Load the templates, and under a second name those of an app's own that only change a block.

    An app's ``zerotrust/challenge.html`` hides ours; it reaches ours as ``flask_zerotrust/challenge.html``.
    """
    ours = FileSystemLoader(TEMPLATES)
    return ChoiceLoader(
        [ours, PrefixLoader({"flask_zerotrust": FileSystemLoader(TEMPLATES / "zerotrust")})]
    )


def _private(response: Response) -> Response:
    """Keep caches away also from what the app answers here: its error pages, its way to the login."""
    if request.endpoint == "zerotrust.static" or movement.seals(request.environ):
        return response
    return responses.private(response)
