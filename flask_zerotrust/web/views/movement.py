"""Where pages send movement, fetch their token and, in demos, see the risk.

None of these answers saves the app's session or sets a cookie, errors included: they come late, and
would put back an older session, or a remember-me cookie of someone who has logged out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from flask import Blueprint, Flask, current_app, request
from flask.blueprints import BlueprintSetupState
from flask.sessions import SessionInterface
from flask.wrappers import Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from flask_zerotrust import config
from flask_zerotrust.errors import PayloadError, StoreError
from flask_zerotrust.movement import wire
from flask_zerotrust.web import responses
from flask_zerotrust.web.browsers import offers_key, user_names
from flask_zerotrust.web.ingest import no_session
from flask_zerotrust.web.paths import app_path
from flask_zerotrust.web.state import CurrentRisk, Guard, log, this_guard

_NAMES = ("events", "token", "status")

# Set in the WSGI environment of a request to one of these paths, whatever becomes of it.
_MARK = "flask_zerotrust.collector"


def register(blueprint: Blueprint) -> None:
    """Add the collector's routes, and to its app what keeps their answers from setting cookies."""
    blueprint.add_url_rule("/events", "events", take_events, methods=["POST"])
    blueprint.add_url_rule("/token", "token", give_token)
    blueprint.add_url_rule("/status", "status", show_status)
    blueprint.record_once(_keep_cookieless)


def take_events() -> Response:
    """Take one batch of movement: 204, or 4xx problem JSON that names the field."""
    return _answered(_take_events)


def give_token() -> Response:
    """Give a document the token that binds it to this session."""
    return _answered(_give_token)


def show_status() -> Response:
    """Show the risk of this session, if the site has switched that on."""
    return _answered(_show_status)


def _answered(view: Callable[[Guard], Response]) -> Response:
    try:
        return view(this_guard())
    except PayloadError as error:
        return responses.problem(error.status, "Bad batch", str(error), field=error.field)
    except StoreError:
        log.exception("the risk store did not answer; a batch was not taken")
        return responses.problem(503, "Store unavailable", "Keep the batch and try again later.")


def _take_events(guard: Guard) -> Response:
    if responses.same_origin() is False:
        return responses.problem(403, "Other origin", "Batches are taken from this site's own pages only.")
    limit, user = config.MAX_BATCH_BYTES, guard.user()
    _check_length(limit)
    entry = guard.entry_of(user)
    if entry is None:  # before its body, which may come a byte at a time
        raise no_session()
    guard.ingest(_body(limit), entry=entry, user=user, max_bytes=limit)
    return Response(status=204)


def _check_length(limit: int) -> None:
    """Refuse a body by the length that its sender declares, unread."""
    if request.content_length is not None and request.content_length > limit:
        raise PayloadError("body", f"must be at most {limit} bytes", status=413)


def _body(limit: int) -> bytes:
    """Read at most limit + 1 bytes, whatever the Content-Length says.

    A compressed body is not unpacked: it fails as JSON.
    """
    parts, left = [], limit + 1
    try:
        while left > 0 and (part := request.stream.read(left)):
            parts.append(part)
            left -= len(part)
    except HTTPException as error:  # shorter than its Content-Length, or over the app's own limit
        raise PayloadError("body", "must be complete", status=error.code or 400) from error
    return b"".join(parts)


def _give_token(guard: Guard) -> Response:
    if responses.same_origin() is False:
        return responses.problem(403, "Other origin", "Tokens are for this site's own pages only.")
    nonce = request.args.get("page", "")
    if wire.NONCE.fullmatch(nonce) is None:
        raise PayloadError("page", "must be 16 to 64 characters of A-Z a-z 0-9 - _")
    user = guard.user()
    entry = guard.entry_of(user)
    if entry is None:
        return responses.problem(
            409, "No session yet", "Load a page with zerotrust_script() first; it starts the session."
        )
    names = user_names(guard, user) if user is not None and offers_key(guard) else None
    return responses.data(
        token=guard.page_token(entry, nonce), expires_in=int(config.TOKEN_S), browser=names
    )


def _show_status(guard: Guard) -> Response:
    if not guard.settings.expose_risk:
        return responses.problem(404, "Not found", "ZEROTRUST_EXPOSE_RISK is off.")
    user = guard.user()
    entry = guard.entry_of(user)
    # Without an entry, asking would make one, and a session's id that nobody learns.
    found = CurrentRisk() if entry is None else guard.current()
    standing = guard.standing(user) if user is not None and entry is not None else None
    return responses.data(
        level=found.level,
        risk=round(found.value, 4),
        strokes=found.strokes,
        age_s=None if found.age_s is None else round(found.age_s, 1),
        reasons=list(found.reasons),
        latched=found.latched,
        granted=standing is not None and standing.grant_age_s is not None,
        browser=found.browser,
    )


# Keeping the session and every cookie out of these answers


def _keep_cookieless(state: BlueprintSetupState) -> None:
    """Hook into the app before and after everything else that it does with a request.

    The routes' own wrapper would not do: it sees neither a 405 nor a 500, and the app's after_request
    functions run later.
    """
    paths = frozenset(f"{state.url_prefix or ''}/{name}" for name in _NAMES)

    def begin() -> None:
        _quieten(current_app)
        parts = [part for part in app_path().split("/") if part]
        if parts and parts[-1] in _NAMES and "/" + "/".join(parts) in paths:
            request.environ[_MARK] = True

    def end(response: Response) -> Response:
        return _sealed(response) if _MARK in request.environ else response

    # Flask calls the first of these first, and the first of those last.
    state.app.before_request_funcs.setdefault(None, []).insert(0, begin)
    state.app.after_request_funcs.setdefault(None, []).insert(0, end)


def _quieten(app: Flask) -> None:
    """Make the app's session interface, whichever it is by now, save nothing for the collector."""
    found = app.session_interface
    if isinstance(found, _Quiet):
        return
    quiet = copy.copy(found)
    quiet.__class__ = _quiet(type(found))
    app.session_interface = quiet


class _Quiet(SessionInterface):
    """Goes before a session interface: the session can be read and written here, but is not saved."""

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Save the session unless the request was the collector's."""
        if _MARK not in request.environ:
            super().save_session(app, session, response)


class _Cookieless(Response):
    """Goes before a response class: drops cookies that were set, even by what runs after us."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers without any Set-Cookie."""
        headers = super().get_wsgi_headers(environ)
        headers.remove("Set-Cookie")
        return headers


def seals(environ: Mapping[str, Any]) -> bool:
    """Say whether the answer to a request is sealed last of all, whatever is done to it before."""
    return _MARK in environ


def _sealed(response: Response) -> Response:
    kind: Any = type(response)
    response.__class__ = _cookieless(kind)
    return responses.private(response)


def _quiet(kind: type[SessionInterface]) -> type[SessionInterface]:
    return type(f"Quiet{kind.__name__}", (_Quiet, kind), {})


@cache
def _cookieless(kind: Any) -> Any:
    return type(f"Cookieless{kind.__name__}", (_Cookieless, kind), {})
