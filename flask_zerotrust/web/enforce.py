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
from flask_zerotrust.web.pairing import has_session, pair_tag
from flask_zerotrust.web.paths import front_path, host_part, own_path, path_before
from flask_zerotrust.web.state import Guard, log, this_app
from flask_zerotrust.web.users import client_address


def enforce(guard: Guard, terms: risk.Terms, action: str | None) -> ResponseReturnValue | None:
    """Return None when the view may run, else what the client gets instead.

    Parameters
    ----------
    guard : Guard
    terms : Terms
    action : str or None
        What the person is about to do, for "before you ..."; None: to open this endpoint.
    """
    if guard.settings.mode == "off":
        return None
    if guard.settings.mode == "observe":
        _observe(guard, terms)
        return None
    return demand(guard, terms, action)


def demand(guard: Guard, terms: risk.Terms, action: str | None) -> ResponseReturnValue | None:
    """Do what :func:`enforce` does, whatever the mode: what guards the factors themselves is never off."""
    user = guard.user()
    if user is None:
        _refused(None, "no_login")
        return responses.unauthorized()
    try:
        if _decide(guard, terms, user).allowed:
            return None
        provable = risk.would_prove(guard.standing(user), terms)
        # Put into words only here: most requests pass, and to look up a translation takes its time.
        return _challenge(guard, terms, user, str(action or _readable(request.endpoint)), provable)
    except StoreError:
        log.exception("the risk store did not answer; a protected view stays shut")
        _refused(user, "store")
        return responses.unavailable()


def _refused(user: str | None, reason: str) -> None:
    signals.request_refused.send(this_app(), user=user, endpoint=request.endpoint, reason=reason)


def _observe(guard: Guard, terms: risk.Terms) -> None:
    """Decide, tell and count, but change nothing for anyone."""
    user = guard.user()
    try:
        if user is None:
            observe.count_anonymous(guard.store, now=guard.clock())
            return
        decision = _decide(guard, terms, user)
        observe.count(guard.store, _seen(guard, terms, user, decision), now=guard.clock())
    except StoreError:
        log.exception("the risk store did not answer; nothing was observed")


def _seen(guard: Guard, terms: risk.Terms, user: str, decision: risk.Decision) -> observe.Seen:
    """Return what is counted of a request: under both policies, and who made it, as digests."""
    agent = request.headers.get("User-Agent", "")
    by_movement = risk.decide(guard.standing(user), replace(terms, movement_earns=True))
    return observe.Seen(
        decision=decision,
        by_movement=by_movement,
        person=guard.keys.digest("observed", user)[:32],
        browser=guard.keys.digest("observed-browser", user, agent)[:32],
        session=guard.keys.digest("observed-session", guard.thread(user), agent)[:32],
        has_factor=partial(_has_factor, guard, user),
    )


def _has_factor(guard: Guard, user: str) -> bool:
    try:
        return bool(guard.factors(user))
    except Exception:  # the app's own loader: observing stops nobody
        log.exception("the factors of a user could not be loaded; the user counts as one with a factor")
        return True


def _decide(guard: Guard, terms: risk.Terms, user: str) -> risk.Decision:
    if request.method == "POST":
        guard.ingest_form(entry=guard.entry_of(user), user=user)
    standing = guard.standing(user)
    decision = risk.decide(standing, terms)
    # A proof is looked at only if the view would otherwise ask: it changes the session's id.
    if not decision.allowed and risk.would_prove(standing, terms) and _proves(guard, user):
        standing = guard.standing(user)
        decision = risk.decide(standing, terms)
    if not decision.allowed:
        guard.note_ages(user)
    signals.decision_made.send(
        this_app(),
        user=user,
        endpoint=request.endpoint,
        allowed=decision.allowed,
        reason=decision.reason,
        level=standing.level,
        risk=standing.value,
        mode=guard.settings.mode,
    )
    return decision


def _proves(guard: Guard, user: str) -> bool:
    return guard.settings.mode == "enforce" and browsers.prove_form(guard, user)


def _readable(endpoint: str | None) -> str:
    name = (endpoint or "this page").rpartition(".")[2]
    return gettext("continue to “%(page)s”", page=name.replace("_", " "))


def _challenge(
    guard: Guard, terms: risk.Terms, user: str, action: str, provable: bool
) -> ResponseReturnValue:
    factors = guard.factors(user)
    if not factors:
        _refused(user, "no_factor")
        may_enrol = guard.first_use(user)
        hints = () if may_enrol else first_run.hints()
        support = guard.settings.support
        return responses.no_factor(
            action, may_enrol=may_enrol, choice=guard.has_choice(), hints=hints, support=support
        )
    challenge_id = open_challenge(guard, user, action, provable=provable)
    url = url_for("zerotrust.challenge", challenge_id=challenge_id)
    if responses.wants_json():
        return responses.insufficient(url, terms, [factor.kind for factor in factors])
    return responses.go(url)


def open_challenge(guard: Guard, user: str, action: str, *, provable: bool = False) -> str:
    """Remember what the person wanted, and return the id of the challenge that leads back there."""
    thread = guard.thread(user)
    # A client without a session is script, which has its request itself and cannot prove.
    bound = has_session(thread)
    try:
        challenge_id = guard.challenges.open(
            user=user,
            session_id=thread,
            action=action,
            return_path=_return_path(),
            method=request.method,
            parked=_parked(guard) if bound else None,
            provable=provable and bound,
            now=guard.clock(),
            known=guard.is_known(user) or guard.is_proven(user),
            address=client_address(),
            browser=pair_tag(),
        )
    except ChallengeError as error:
        abort(responses.too_many(error))
    signals.challenge_opened.send(this_app(), user=user, action=action, challenge_id=challenge_id)
    return challenge_id


def _return_path() -> str:
    """Return the page where the person goes afterwards, always on this site.

    That is the page that was asked for; where it cannot be opened by a link (a form target, a call
    from script, a part of a page), the page it was asked from.
    """
    adapter = request_ctx.url_adapter
    # A link that htmx follows in the browser's place (hx-boost) is still a link.
    whole = not (responses.wants_json() or responses.is_turbo_frame()) or "HX-Boosted" in request.headers
    if whole and adapter is not None and adapter.test(method="GET"):
        return own_path()
    return host_part() + (path_before() or front_path())


def _parked(guard: Guard) -> Parked | None:
    """Keep the values of a form that was posted from this site's own pages."""
    is_form = request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")
    if request.method != "POST" or not is_form or not responses.same_origin():
        return None
    try:
        if is_readable(most_bytes=config.PARK_BYTES + MAX_NAMES_CHARS):
            items = list(MultiDict(request.form).items(multi=True))  # the app's own class may give a dict
            chosen = [name for name, file in request.files.items(multi=True) if file.filename]
            parked = park(own_path(), items, chosen, masked=masked_fields(), settings=guard.settings)
            pressed = pressed_button()
            return replace(parked, button=pressed if pressed in dict(parked.fields) else "")
    except RequestEntityTooLarge:  # over the app's limit, which the view itself may raise
        pass
    return Parked(own_path(), too_large=True)
