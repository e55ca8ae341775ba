"""From a guarded request to an answer: nothing (the view runs), a challenge, or a clear refusal."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from flask import abort, request, url_for
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from flask_zerotrust import config, signals
from flask_zerotrust.challenge import Parked, park
from flask_zerotrust.challenge.parking import MAX_NAMES_CHARS
from flask_zerotrust.errors import ChallengeError, StoreError
from flask_zerotrust.i18n import gettext
from flask_zerotrust.risk import level as risk
from flask_zerotrust.web import browsers, first_run, observe, responses
from flask_zerotrust.web.form_movement import is_readable, masked_fields, pressed_button
from flask_zerotrust.web.ingest import ingest_form
from flask_zerotrust.web.pairing import has_session, pair_tag
from flask_zerotrust.web.paths import front_path, host_part, own_path, path_before
from flask_zerotrust.web.request import log, this_app
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.users import client_address


def enforce(state: AppState, terms: risk.Terms, action: str | None) -> ResponseReturnValue | None:
    """Return None if the view may run, otherwise the answer for the client.

    Parameters
    ----------
    guard : Guard
    terms : Terms
    action : str or None
        Action that the user is about to take, for "before you ...". None: to open this endpoint.
    """
    if state.settings.mode == "off":
        return None
    if state.settings.mode == "observe":
        _observe(state, terms)
        return None
    return demand(state, terms, action)


def demand(state: AppState, terms: risk.Terms, action: str | None) -> ResponseReturnValue | None:
    """Do the same as :func:`enforce` in every mode: the guard of factors is never off."""
    user = state.user()
    if user is None:
        _refused(None, "no_login")
        return responses.unauthorized()
    try:
        if _decide(state, terms, user).allowed:
            return None
        provable = risk.would_prove(state.visit.standing(user), terms)
        # Put into words only here: most requests pass, and to look up a translation takes its time.
        return _challenge(state, terms, user, str(action or _readable(request.endpoint)), provable)
    except StoreError:
        log.exception("the risk store did not answer; a protected view stays shut")
        _refused(user, "store")
        return responses.unavailable()


def _refused(user: str | None, reason: str) -> None:
    signals.request_refused.send(this_app(), user=user, endpoint=request.endpoint, reason=reason)


def _observe(state: AppState, terms: risk.Terms) -> None:
    """Decide, tell and count, but change nothing for anyone."""
    user = state.user()
    try:
        if user is None:
            observe.count_anonymous(state.store, now=state.clock())
            return
        decision = _decide(state, terms, user)
        observe.count(state.store, _seen(state, terms, user, decision), now=state.clock())
    except StoreError:
        log.exception("the risk store did not answer; nothing was observed")


def _seen(state: AppState, terms: risk.Terms, user: str, decision: risk.Decision) -> observe.Seen:
    """Return the counts of a request: under both policies, and who made it, as digests."""
    agent = request.headers.get("User-Agent", "")
    by_movement = risk.decide(state.visit.standing(user), replace(terms, movement_earns=True))
    return observe.Seen(
        decision=decision,
        by_movement=by_movement,
        person=state.keys.digest("observed", user)[:32],
        browser=state.keys.digest("observed-browser", user, agent)[:32],
        session=state.keys.digest("observed-session", state.visit.thread(user), agent)[:32],
        has_factor=partial(_has_factor, state, user),
    )


def _has_factor(state: AppState, user: str) -> bool:
    try:
        return bool(state.factors.of(user))
    except Exception:  # the app's own loader: observing stops nobody
        log.exception("the factors of a user could not be loaded; the user counts as one with a factor")
        return True


def _decide(state: AppState, terms: risk.Terms, user: str) -> risk.Decision:
    if request.method == "POST":
        ingest_form(state, entry=state.visit.entry_of(user), user=user)
    standing = state.visit.standing(user)
    decision = risk.decide(standing, terms)
    # A proof is looked at only if the view would otherwise ask: it changes the session's id.
    if not decision.allowed and risk.would_prove(standing, terms) and _proves(state, user):
        standing = state.visit.standing(user)
        decision = risk.decide(standing, terms)
    if not decision.allowed:
        state.visit.note_ages(user)
    signals.decision_made.send(
        this_app(),
        user=user,
        endpoint=request.endpoint,
        allowed=decision.allowed,
        reason=decision.reason,
        level=standing.level,
        risk=standing.value,
        mode=state.settings.mode,
    )
    return decision


def _proves(state: AppState, user: str) -> bool:
    return state.settings.mode == "enforce" and browsers.prove_form(state, user)


def _readable(endpoint: str | None) -> str:
    name = (endpoint or "this page").rpartition(".")[2]
    return gettext("continue to “%(page)s”", page=name.replace("_", " "))


def _challenge(
    state: AppState, terms: risk.Terms, user: str, action: str, provable: bool
) -> ResponseReturnValue:
    factors = state.factors.of(user)
    if not factors:
        _refused(user, "no_factor")
        may_enrol = state.factors.first_use(user)
        hints = () if may_enrol else first_run.hints()
        support = state.settings.support
        return responses.no_factor(
            action, may_enrol=may_enrol, choice=state.factors.has_choice(), hints=hints, support=support
        )
    challenge_id = open_challenge(state, user, action, provable=provable)
    url = url_for("zerotrust.challenge", challenge_id=challenge_id)
    if responses.wants_json():
        return responses.insufficient(url, terms, [factor.kind for factor in factors])
    return responses.go(url)


def open_challenge(state: AppState, user: str, action: str, *, provable: bool = False) -> str:
    """Keep the request of the user, and return the id of the challenge that leads back there."""
    thread = state.visit.thread(user)
    # A client without a session is script, which has its request itself and cannot prove.
    bound = has_session(thread)
    try:
        challenge_id = state.challenges.open(
            user=user,
            session_id=thread,
            action=action,
            return_path=_return_path(),
            method=request.method,
            parked=_parked(state) if bound else None,
            provable=provable and bound,
            now=state.clock(),
            known=state.visit.is_known(user) or state.visit.is_proven(user),
            address=client_address(),
            browser=pair_tag(),
        )
    except ChallengeError as error:
        abort(responses.too_many(error))
    signals.challenge_opened.send(this_app(), user=user, action=action, challenge_id=challenge_id)
    return challenge_id


def _return_path() -> str:
    """Return the page where the person goes afterwards, always on this site.

    That is the page that was asked for. Where it cannot be opened by a link (a form target, a call
    from script, a part of a page), the page it was asked from.
    """
    adapter = request_ctx.url_adapter
    # A link that htmx follows in the browser's place (hx-boost) is still a link.
    whole = not (responses.wants_json() or responses.is_turbo_frame()) or "HX-Boosted" in request.headers
    if whole and adapter is not None and adapter.test(method="GET"):
        return own_path()
    return host_part() + (path_before() or front_path())


def _parked(state: AppState) -> Parked | None:
    """Keep the values of a form that was posted from this site's own pages."""
    is_form = request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")
    if request.method != "POST" or not is_form or not responses.same_origin():
        return None
    try:
        if is_readable(most_bytes=config.PARK_BYTES + MAX_NAMES_CHARS):
            items = list(MultiDict(request.form).items(multi=True))  # the app's own class may give a dict
            chosen = [name for name, file in request.files.items(multi=True) if file.filename]
            parked = park(own_path(), items, chosen, masked=masked_fields(), settings=state.settings)
            pressed = pressed_button()
            return replace(parked, button=pressed if pressed in dict(parked.fields) else "")
    except RequestEntityTooLarge:  # over the app's limit, which the view itself may raise
        pass
    return Parked(own_path(), too_large=True)
