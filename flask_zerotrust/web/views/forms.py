"""The extension's own forms: their CSRF tokens, and the parked form shown again."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import abort, current_app, request
from itsdangerous import BadSignature

from flask_zerotrust import config
from flask_zerotrust.challenge import Parked
from flask_zerotrust.i18n import gettext
from flask_zerotrust.web import responses
from flask_zerotrust.web.form_movement import is_readable
from flask_zerotrust.web.paths import path_before
from flask_zerotrust.web.state import AppState

CSRF_FIELD = "_zerotrust_csrf"

# Bytes of a form of the extension itself. The largest one brings a batch of 16 KiB along.
MAX_BYTES = 65_536

# Fields that a site's own forms carry against forgery. Shown to nobody, returned as they were. Every
# other value is shown, hidden ones too: what the person confirms must be what is sent.
MACHINE_FIELDS = ("csrf", "xsrf", "authenticity_token", "requestverificationtoken")


def form_token(state: AppState, purpose: str) -> str:
    """Return a CSRF token for one form of this person."""
    return str(state.form_tokens.dumps([state.user(), purpose]))


def check_form(state: AppState, purpose: str, *, without_referrer: bool = False) -> None:
    """Refuse a form that another site has posted, with 400 or 403.

    ``without_referrer`` says that the form stands on a page that sends none. Its origin is "null" in
    browsers that send no Sec-Fetch-Site, and then the token alone decides.
    """
    unknown = "Sec-Fetch-Site" not in request.headers and request.headers.get("Origin") == "null"
    unnamed = without_referrer and unknown
    if responses.same_origin() is False and not unnamed:
        back = (gettext("Back"), request.script_root + "/")
        _refuse(403, gettext("This form was posted from another site."), back)
    check_size()
    try:
        data = state.form_tokens.loads(request.form.get(CSRF_FIELD, ""), max_age=int(config.CHALLENGE_S))
    except BadSignature:
        data = None
    if data != [state.user(), purpose]:
        again = (gettext("Load the page again"), path_before() or request.script_root + "/")
        _refuse(400, gettext("This form is too old. Load the page again and repeat the last step."), again)


def check_size() -> None:
    """Refuse a form that is larger than any of the extension's, with 413, before it is parsed."""
    if (request.content_length or 0) > MAX_BYTES or not is_readable():
        back = (gettext("Back"), request.script_root + "/")
        _refuse(413, gettext("This form is too large."), back)


def _refuse(status: int, text: str, link: tuple[str, str]) -> NoReturn:
    """End the request with a page that names the next step, or with problem JSON for programs."""
    if responses.prefers_json():
        abort(responses.problem(status, "Nothing was done", text))
    abort(responses.message(gettext("Nothing was done"), text, status, link))


def app_csrf() -> str | None:
    """Return the token of Flask-WTF's CSRFProtect, or of Flask-SeaSurf, where the app uses one."""
    make = current_app.jinja_env.globals.get("csrf_token")
    return str(make()) if callable(make) else None


def shown_fields(parked: Parked) -> list[dict[str, str]]:
    """Return a parked form's fields for the confirm page, secrets as empty fields to fill again.

    The button that sent the form is no field. A name that it shares with a field is shown.
    """
    names = [name for name, _ in parked.fields]
    hidden = parked.button if names.count(parked.button) == 1 else None
    stored = [
        {
            "name": name,
            "label": field_label(name),
            "value": value,
            "kind": "hidden" if name == hidden else _kind(name, value),
        }
        for name, value in parked.fields
    ]
    question = [
        {"name": n, "label": field_label(n), "value": "", "kind": "secret"} for n in parked.left_out
    ]
    return stored + question


def _kind(name: str, value: str) -> str:
    if any(part in name.lower() for part in MACHINE_FIELDS):
        return "hidden"
    return "multiline" if "\n" in value else "text"


def field_label(name: str) -> str:
    """Return the label of a form's field, from its name."""
    words: Any = name.replace("_", " ").replace("-", " ").replace(".", " ").strip()
    # A site can give its fields other names in its own catalogue.
    return gettext(words[:1].upper() + words[1:] if words else name)
