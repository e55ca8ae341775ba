"""Where pages send movement, fetch their token and, in demos, see the risk.

None of these answers saves the app's session or sets a cookie, errors included: they come late, and
would put back an older session, or a remember-me cookie of someone who has logged out.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request
from flask.wrappers import Response
from werkzeug.exceptions import HTTPException

from flask_zerotrust import config
from flask_zerotrust.errors import PayloadError, StoreError
from flask_zerotrust.movement import wire
from flask_zerotrust.web import responses
from flask_zerotrust.web.browsers import offers_key, user_names
from flask_zerotrust.web.ingest import ingest, no_session
from flask_zerotrust.web.request import log
from flask_zerotrust.web.session_interface import keep_cookieless
from flask_zerotrust.web.state import AppState, this_state
from flask_zerotrust.web.visit import CurrentRisk


def register(blueprint: Blueprint) -> None:
    """Add the collector's routes, and keep their answers from setting cookies."""
    blueprint.add_url_rule("/events", "events", take_events, methods=["POST"])
    blueprint.add_url_rule("/token", "token", give_token)
    blueprint.add_url_rule("/status", "status", show_status)
    blueprint.record_once(keep_cookieless)


def take_events() -> Response:
    """Take one batch of movement: 204, or 4xx problem JSON that names the field."""
    return _answered(_take_events)


def give_token() -> Response:
    """Give a document the token that binds it to this session."""
    return _answered(_give_token)


def show_status() -> Response:
    """Show the risk of this session, if the site has switched that on."""
    return _answered(_show_status)


def _answered(view: Callable[[AppState], Response]) -> Response:
    try:
        return view(this_state())
    except PayloadError as error:
        return responses.problem(error.status, "Bad batch", str(error), field=error.field)
    except StoreError:
        log.exception("the risk store did not answer; a batch was not taken")
        return responses.problem(503, "Store unavailable", "Keep the batch and try again later.")


def _take_events(state: AppState) -> Response:
    if responses.same_origin() is False:
        return responses.problem(403, "Other origin", "Batches are taken from this site's own pages only.")
    limit, user = config.MAX_BATCH_BYTES, state.user()
    _check_length(limit)
    entry = state.visit.entry_of(user)
    if entry is None:  # before its body, which may come a byte at a time
        raise no_session()
    ingest(state, _body(limit), entry=entry, user=user, max_bytes=limit)
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


def _give_token(state: AppState) -> Response:
    if responses.same_origin() is False:
        return responses.problem(403, "Other origin", "Tokens are for this site's own pages only.")
    nonce = request.args.get("page", "")
    if wire.NONCE.fullmatch(nonce) is None:
        raise PayloadError("page", "must be 16 to 64 characters of A-Z a-z 0-9 - _")
    user = state.user()
    entry = state.visit.entry_of(user)
    if entry is None:
        return responses.problem(
            409, "No session yet", "Load a page with zerotrust_script() first; it starts the session."
        )
    names = user_names(state, user) if user is not None and offers_key(state) else None
    return responses.data(
        token=state.visit.page_token(entry, nonce), expires_in=int(config.TOKEN_S), browser=names
    )


def _show_status(state: AppState) -> Response:
    if not state.settings.expose_risk:
        return responses.problem(404, "Not found", "ZEROTRUST_EXPOSE_RISK is off.")
    user = state.user()
    entry = state.visit.entry_of(user)
    # Without an entry, asking would make one, and a session's id that nobody learns.
    result = CurrentRisk() if entry is None else state.visit.current()
    standing = state.visit.standing(user) if user is not None and entry is not None else None
    return responses.data(
        level=result.level,
        risk=round(result.value, 4),
        strokes=result.strokes,
        age_s=None if result.age_s is None else round(result.age_s, 1),
        reasons=list(result.reasons),
        latched=result.latched,
        granted=standing is not None and standing.grant_age_s is not None,
        browser=result.browser,
    )
