"""Adding a number or an address: type it, have a code sent to it, and type that."""

from __future__ import annotations

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue

from flask_zerotrust import signals
from flask_zerotrust.challenge import ADDING, Pending
from flask_zerotrust.errors import ChallengeError, ConfigError, SenderError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.email import EmailFactor
from flask_zerotrust.factors.twilio_verify import sms_factor
from flask_zerotrust.i18n import N_, gettext
from flask_zerotrust.web import browsers, responses
from flask_zerotrust.web.request import log, this_app
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.users import client_address
from flask_zerotrust.web.views import owner_notices
from flask_zerotrust.web.views.challenge import host_name, sentence, status, wait
from flask_zerotrust.web.views.forms import app_csrf, check_form, form_token
from flask_zerotrust.web.views.owner_check import owner_view

ACTION = N_("add a way to confirm")
# Names of typed contacts that are none.
_SHAPE = {"sms": "number", "email": "address"}


def register(blueprint: Blueprint) -> None:
    """Add the pages."""
    path = "/factors/add/<any(sms, email):kind>"
    blueprint.add_url_rule(path, "add_contact", add, methods=["GET", "POST"])
    blueprint.add_url_rule(path + "/send", "send_contact", send, methods=["POST"])
    blueprint.add_url_rule(path + "/code", "confirm_contact", confirm, methods=["POST"])


@owner_view(ACTION, adds=True)
def add(state: AppState, user: str, _: bool, kind: str) -> ResponseReturnValue:
    """Ask for the number or address. A POST keeps it and sends the first code."""
    if request.method == "GET":
        return _form(state, kind) if "new" in request.args else _waiting(state, user, kind)
    check_form(state, "add:" + kind)
    typed = request.form.get("contact", "")
    try:
        factor = _factor(state, kind, typed)
    except ConfigError:
        return _form(state, kind, typed=typed, error=ChallengeError(_SHAPE[kind]))
    if factor.recipient in [item.recipient for item in state.factors.of(user)]:
        return _form(state, kind, typed=typed, error=ChallengeError("known"))
    try:
        pending = state.challenges.contact_begin(
            user,
            state.visit.thread(user),
            kind,
            factor.recipient or "",
            action=gettext("add this to your account"),
            return_path=url_for(".add_contact", kind=kind),
            now=state.clock(),
            known=state.visit.is_known(user),
            address=client_address(),
        )
    except ChallengeError as error:
        return _form(state, kind, typed=typed, error=error)
    return _send(state, user, kind, factor, pending)


@owner_view(ACTION, adds=True)
def send(state: AppState, user: str, _: bool, kind: str) -> ResponseReturnValue:
    """Send another code to the contact that is being added."""
    check_form(state, "add:" + kind)
    try:
        factor, pending = _found(state, user, kind)
    except ChallengeError as error:
        return _form(state, kind, error=error)
    return _send(state, user, kind, factor, pending)


@owner_view(ACTION, adds=True)
def confirm(state: AppState, user: str, first: bool, kind: str) -> ResponseReturnValue:
    """Add the contact if the code is right."""
    check_form(state, "add:" + kind)
    now = state.clock()
    try:
        contact, pending = state.challenges.contact(user, state.visit.thread(user), kind, now=now)
        factor = _factor(state, kind, contact.recipient)
        code, address = request.form.get("code", ""), request.remote_addr or ""
        known = state.visit.is_known(user)
        state.challenges.check(pending, factor, code, known=known, now=now, address=address)
    except ChallengeError as error:
        signals.enrolment_failed.send(this_app(), user=user, kind=kind, reason=error.reason)
        again = _used_up if error.reason == "too_many" else _waiting
        return again(state, user, kind, error=error)
    except SenderError as error:
        log.warning("a code could not be checked: %s", error)
        signals.enrolment_failed.send(this_app(), user=user, kind=kind, reason="unchecked")
        return _waiting(state, user, kind, error=ChallengeError("unchecked"))
    state.challenges.contact_end(contact, pending)
    before = state.factors.of(user)
    taken = [item.id for item in before]
    keep = state.enrolled.add_sms if kind == "sms" else state.enrolled.add_email
    factor_id = keep(user, contact.recipient, avoid=taken, first=first)
    browsers.forget_others(state, user)
    state.visit.grant(user=user, factor_id=factor_id)  # it has just been used
    notified = owner_notices.added(state, user, kind, before)
    signals.factor_enrolled.send(this_app(), user=user, factor_id=factor_id, kind=kind)
    news = "added" if notified or before else "added_first"
    return responses.go(url_for(".factors", news=news))


def _send(state: AppState, user: str, kind: str, factor: Factor, pending: Pending) -> ResponseReturnValue:
    now, known = state.clock(), state.visit.is_known(user)
    try:
        state.challenges.send(pending, factor, known=known, now=now, host=host_name())
    except (ChallengeError, SenderError) as error:
        reason = error.reason if isinstance(error, ChallengeError) else "sender"
        signals.code_refused.send(this_app(), user=user, factor_id=factor.id, kind=kind, reason=reason)
        if isinstance(error, SenderError):
            log.warning("a code could not be sent: %s", error)
        return _waiting(state, user, kind, error=error)
    signals.code_sent.send(this_app(), user=user, factor_id=factor.id, kind=kind)
    return responses.go(url_for(".add_contact", kind=kind))


def _factor(state: AppState, kind: str, recipient: str) -> Factor:
    """Return the factor that would be added, under an id that none has: its codes open nothing else."""
    if kind == "sms":
        return sms_factor(recipient, state.sender or abort(404), id=ADDING + "sms")
    return EmailFactor(recipient, state.mailer or abort(404), id=ADDING + "email")


def _found(state: AppState, user: str, kind: str) -> tuple[Factor, Pending]:
    contact, pending = state.challenges.contact(user, state.visit.thread(user), kind, now=state.clock())
    return _factor(state, kind, contact.recipient), pending


def _waiting(
    state: AppState, user: str, kind: str, *, error: ChallengeError | SenderError | None = None
) -> ResponseReturnValue:
    """Ask for the code, or for the number or address where none is on its way."""
    try:
        factor, pending = _found(state, user, kind)
    except ChallengeError:
        return _form(state, kind, error=error)
    return _page(state, kind, error, recipient=factor.recipient, sent=pending.sent_at is not None)


def _used_up(state: AppState, user: str, kind: str, *, error: ChallengeError) -> ResponseReturnValue:
    """Forget a contact that takes no more codes, and ask for it again. Its counters live on."""
    try:
        contact, pending = state.challenges.contact(user, state.visit.thread(user), kind, now=state.clock())
    except ChallengeError:  # another request has forgotten it a moment ago
        return _form(state, kind, error=error)
    state.challenges.contact_end(contact, pending)
    return _form(state, kind, typed=contact.recipient, error=error)


def _form(
    state: AppState,
    kind: str,
    *,
    typed: str = "",
    error: ChallengeError | SenderError | None = None,
) -> ResponseReturnValue:
    if (state.sender if kind == "sms" else state.mailer) is None:
        abort(404)
    return _page(state, kind, error, typed=typed[:254])


def _page(
    state: AppState,
    kind: str,
    error: ChallengeError | SenderError | None,
    *,
    recipient: str | None = None,
    sent: bool = False,
    typed: str = "",
) -> ResponseReturnValue:
    retry_after_s = wait(error)
    page = responses.page(
        "contact",
        status(error),
        kind=kind,
        recipient=recipient,
        sent=sent,
        typed=typed,
        retry_after_s=retry_after_s,
        error=sentence(error, alone=True),
        field_error=error is not None,
        zerotrust_csrf=form_token(state, "add:" + kind),
        app_csrf=app_csrf(),
        submit_url=url_for(".add_contact", kind=kind),
        send_url=url_for(".send_contact", kind=kind),
        code_url=url_for(".confirm_contact", kind=kind),
        new_url=url_for(".add_contact", kind=kind, new=1),
        return_url=url_for(".factors"),
    )
    if retry_after_s is not None:
        page.headers["Retry-After"] = str(retry_after_s)
    return page
