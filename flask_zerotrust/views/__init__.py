"""The extension's own pages and end points, as one blueprint."""

from __future__ import annotations

from flask import Blueprint, request
from flask.wrappers import Response

from .. import answers
from . import challenge, collector, contacts, enrol, manage, passkeys, recovery

#: End points that scripts post to with a token of their own, so that CSRF forms do not apply.
CSRF_EXEMPT = (collector.take_events,)


def make_blueprint(url_prefix: str) -> Blueprint:
    """Return a fresh blueprint, so that several apps in a process do not share one."""
    blueprint = Blueprint(
        "zerotrust",
        "flask_zerotrust",
        url_prefix=url_prefix,
        template_folder="templates",
        static_folder="static",
    )
    for module in (collector, challenge, enrol, recovery, contacts, passkeys, manage):
        module.register(blueprint)
    blueprint.after_request(_private)
    return blueprint


def _private(response: Response) -> Response:
    """Keep caches away also from what the app answers here: its error pages, its way to the login."""
    if request.endpoint == "zerotrust.static" or collector.seals(request.environ):
        return response
    return answers.private(response)
