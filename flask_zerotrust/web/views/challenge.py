"""The challenge: choose a factor, send a code, answer it, and go back to the requested page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, make_response, request, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from flask_zerotrust import signals
from flask_zerotrust.challenge import MESSAGES, Pending
from flask_zerotrust.challenge.messages import sentence_for
from flask_zerotrust.errors import ChallengeError, PayloadError, SenderError, StoreError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.recovery import FEW_CODES
from flask_zerotrust.factors.recovery import KIND as RECOVERY
from flask_zerotrust.i18n import gettext, ngettext
from flask_zerotrust.web import browsers, responses
from flask_zerotrust.web.form_movement import PROOF_FIELD, form_proof
from flask_zerotrust.web.pairing import pair_tag, pair_thread
from flask_zerotrust.web.request import log, this_app
from flask_zerotrust.web.state import AppState, this_state
from flask_zerotrust.web.users import client_address
from flask_zerotrust.web.views import owner_notices
from flask_zerotrust.web.views.forms import app_csrf, check_form, field_label, form_token, shown_fields

View = Callable[..., ResponseReturnValue]

# HTTP statuses of wrong tries.
STATUS = {
    "gone": 404,
    "not_yours": 403,
    "too_many": 429,
    "factor_paused": 429,
    "slow_down": 429,
    "too_soon": 429,
    "budget": 429,
    "locked": 429,
    "unchecked": 503,
}


# After these no code is taken here any more, so the page offers no field for one.
_OVER = ("too_many", "locked")


def register(blueprint: Blueprint) -> None:
    """Add the challenge's routes."""
    path = "/challenge/<challenge_id>"
    blueprint.add_url_rule(path, "challenge", show, methods=["GET"])
    blueprint.add_url_rule(path, "answer", answer, methods=["POST"])
    blueprint.add_url_rule(path + "/prove", "prove", prove, methods=["POST"])
    blueprint.add_url_rule(path + "/send", "send", send, methods=["POST"])
    blueprint.add_url_rule(path + "/again", "begin_again", begin_again, methods=["POST"])
    blueprint.add_url_rule(path + "/confirm", "confirm", confirm, methods=["GET"])


def pending_view(inner: Callable[[AppState, Pending], ResponseReturnValue]) -> View:
    """Run a view with the pending challenge of its URL, if that is this person's."""

    @wraps(inner)
    def view(challenge_id: str) -> ResponseReturnValue:
        state = this_state()
        user = state.user()
        if user is None:
            return responses.unauthorized()
        try:
            return inner(state, _load(state, challenge_id, user))
        except ChallengeError as error:
            if error.reason == "not_yours":
                signals.challenge_failed.send(this_app(), user=user, factor_id=None, reason=error.reason)
            return _over(error)
        except StoreError:
            log.exception("the risk store did not answer; a challenge waits")
            return responses.unavailable()

    return view


@pending_view
def show(state: AppState, pending: Pending) -> ResponseReturnValue:
    """Show the challenge. Opening the page sends nothing: prefetchers get nothing."""
    if _is_answered(state, pending):
        return _onward(state, pending)
    return _page(state, pending, _chosen(state, pending, request.args.get("factor")))


@pending_view
def prove(state: AppState, pending: Pending) -> ResponseReturnValue:
    """Take a proof by the browser's key, for script: 200 with where to go on, or 403 problem JSON.

    Only a challenge of this session's own thread takes one, and only if a proof would open the view.
    """
    check_form(state, pending.id)
    own = pending.session_id == state.visit.thread(pending.user)
    text = request.form.get(PROOF_FIELD, "") or form_proof()
    if not _is_answered(state, pending):
        if not (own and pending.provable and browsers.prove(state, pending.user, text, page=pending.id)):
            detail = gettext("This browser could not be recognised. Confirm with a code.")
            return responses.problem(403, "Not proven", detail, passed=False)
        _passed(state, pending)
    return responses.data(passed=True, url=_next_url(pending))


@pending_view
def send(state: AppState, pending: Pending) -> ResponseReturnValue:
    """Send a code because the person pressed the button."""
    check_form(state, pending.id)
    if _is_answered(state, pending):
        return _onward(state, pending)
    factor = _chosen(state, pending, request.form.get("factor"))
    try:
        sent = state.challenges.send(
            pending,
            factor,
            known=state.visit.is_known(pending.user),
            now=state.clock(),
            host=host_name(),
        )
    except (ChallengeError, SenderError) as error:
        reason = error.reason if isinstance(error, ChallengeError) else "sender"
        _tell(signals.code_refused, pending, factor, kind=factor.kind, reason=reason)
        if isinstance(error, SenderError):
            log.warning("a code could not be sent: %s", error)
        return _page(state, pending, factor, error=error)
    _tell(signals.code_sent, pending, factor, kind=factor.kind)
    if responses.prefers_json():
        return _page(state, sent, factor)
    return responses.go(url_for(".challenge", challenge_id=pending.id, factor=factor.id))


@pending_view
def answer(state: AppState, pending: Pending) -> ResponseReturnValue:
    """Check a code. On success the session is granted and the person goes where they wanted."""
    check_form(state, pending.id)
    code = request.form.get("code", "")
    if state.challenges.repeats(pending, code, now=state.clock()):
        state.visit.resume(pending.user, pending.granted)
    if _is_answered(state, pending):  # a code for which there is nothing left to do is not called used
        return _onward(state, pending)
    factor = _answering(state, pending, _chosen(state, pending, request.form.get("factor")), code)
    new_key = _key_of(state, pending, factor)
    try:
        state.challenges.check(
            pending,
            factor,
            code,
            known=state.visit.is_known(pending.user),
            now=state.clock(),
            address=request.remote_addr or "",
        )
    except ChallengeError as error:
        _tell(signals.challenge_failed, pending, factor, reason=error.reason)
        if error.alarming:
            owner_notices.guessed(state, pending.user)
        return _page(state, pending, factor, error=error)
    except SenderError as error:
        log.warning("a code could not be checked: %s", error)
        _tell(signals.challenge_failed, pending, factor, reason="unchecked")
        return _page(state, pending, factor, error=ChallengeError("unchecked"))
    lone_code = factor.kind == RECOVERY and not state.visit.is_confirmed(pending.user)
    if factor.kind == RECOVERY:
        browsers.forget(state, pending.user)
        owner_notices.recovery_used(state, pending.user)
    result = partial(owner_notices.remembered, state, pending.user)
    proof = browsers.keep_key(state, pending, factor, new_key, tell=result)
    state.visit.grant(user=pending.user, factor_id=factor.id, proof=proof, lone_code=lone_code)
    state.enrolled.note_use(pending.user, factor.id, factor.kind)
    _tell(signals.challenge_passed, pending, factor, action=pending.action)
    pending = _passed(state, pending, answer=code, keep_form=not responses.prefers_json())
    response = make_response(_onward(state, pending))
    if factor.kind == RECOVERY:
        response = _say_few(state, pending, response)
    browsers.set_mark(state, pending.user, response)
    return response


def _say_few(state: AppState, pending: Pending, onward: Response) -> Response:
    """Put a page before the way onward if few recovery codes are left. Script has no such page."""
    left = state.enrolled.recovery_left(pending.user)
    if left > FEW_CODES or onward.location is None:
        return onward
    text = ngettext(
        "You have %(num)s recovery code left. Make new ones soon: that takes another way to confirm, or "
        "one more of them.",
        "You have %(num)s recovery codes left. Make new ones soon: that takes another way to confirm, or "
        "one more of them.",
        left,
    )
    links = (gettext("Continue"), onward.location), (gettext("Make new codes"), url_for(".recovery"))
    return responses.message(gettext("Thank you, that worked"), text, 200, *links)


def _key_of(state: AppState, pending: Pending, factor: Factor) -> browsers.NewKey | None:
    """Return the key that comes with an answer. A malformed one ends the request with 400."""
    try:
        return browsers.read_key(state, pending, factor)
    except PayloadError as error:
        text = gettext("This form is too old. Load the page again and repeat the last step.")
        if responses.prefers_json():
            return abort(responses.problem(400, "Bad key", str(error), field=error.field, passed=False))
        again = (gettext("Load the page again"), url_for(".challenge", challenge_id=pending.id))
        return abort(responses.message(gettext("Nothing was done"), text, 400, again))


def _next_url(pending: Pending) -> str:
    """Return where it goes on after a step-up: to the page that was asked for, or to confirm its form."""
    if pending.parked is not None:
        return url_for(".confirm", challenge_id=pending.id)
    return pending.return_path


def _passed(state: AppState, pending: Pending, *, answer: str = "", keep_form: bool = True) -> Pending:
    """Keep that a challenge was answered. The same answer gives the same session once more for a minute."""
    entry = state.visit.entry_of(pending.user) if answer else None
    return state.challenges.passed(
        pending,
        session_id=state.visit.thread(pending.user),
        now=state.clock(),
        answer=answer,
        granted=entry.id if entry is not None else "",
        keep_form=keep_form,
    )


@pending_view
def begin_again(state: AppState, pending: Pending) -> ResponseReturnValue:
    """Open the same challenge again, form and all: a used-up one takes no more codes. Counters live on."""
    check_form(state, pending.id)
    if _is_answered(state, pending):
        return _onward(state, pending)
    # The old one stays until it expires: after a second press of the button its form is still there.
    try:
        again = state.challenges.open(
            user=pending.user,
            session_id=pending.session_id,
            action=pending.action,
            return_path=pending.return_path,
            method=pending.method,
            parked=pending.parked,
            now=state.clock(),
            known=state.visit.is_known(pending.user),
            address=client_address(),
        )
    except ChallengeError as error:
        return responses.too_many(error)
    signals.challenge_opened.send(this_app(), user=pending.user, action=pending.action, challenge_id=again)
    return responses.go(url_for(".challenge", challenge_id=again))


@pending_view
def confirm(_: AppState, pending: Pending) -> ResponseReturnValue:
    """Show a parked form again. The person submits it themself, nothing is replayed."""
    parked = pending.parked
    if pending.passed_at is None or parked is None:
        return responses.go(url_for(".challenge", challenge_id=pending.id))
    if parked.too_large:
        text = gettext(
            "Thank you, that worked. Your form was too large to keep, so nothing of it was sent."
        )
        link = (gettext("Back to the form"), pending.return_path)
        return responses.message(gettext("Fill in the form again"), text, 200, link)
    return responses.page(
        "confirm",
        action=pending.action,
        target=parked.path,
        fields=shown_fields(parked),
        files=[{"name": name, "label": field_label(name)} for name in parked.files],
        form_url=pending.return_path,
        change_url=url_for(".confirm", challenge_id=pending.id, change=1),
        change="change" in request.args,
    )


def _load(state: AppState, challenge_id: str, user: str) -> Pending:
    """Return the pending challenge bound to this browser's session, or to its pair cookie alone."""
    now = state.clock()
    try:
        return state.challenges.load(
            challenge_id, user=user, session_id=state.visit.thread(user), now=now, browser=pair_tag()
        )
    except ChallengeError as error:
        if error.reason != "not_yours":
            raise
    return state.challenges.load(challenge_id, user=user, session_id=pair_thread(), now=now)


def _is_answered(state: AppState, pending: Pending) -> bool:
    """Say whether this challenge was passed, or a step-up in another tab has answered it too.

    An older one has not: the view knew of it and asked all the same.
    """
    if pending.passed_at is not None:
        return True
    standing = state.visit.standing(pending.user)
    if standing.grant_age_s is None:
        return False
    passed_at = state.clock() - standing.grant_age_s
    # After one recovery code alone, a change of factors opens the next challenge at once.
    return passed_at > pending.opened_at or (passed_at == pending.opened_at and not standing.lone_code)


def _onward(state: AppState, pending: Pending) -> ResponseReturnValue:
    """Go back to the request: straight for a page, over the confirm page for a form.

    Script has its request itself, and sends it again when the person says so.
    """
    if pending.passed_at is None:
        _passed(state, pending, keep_form=not responses.prefers_json())
    if responses.prefers_json():
        html = responses.inside("retry", action=pending.action, cancel_url=request.script_root + "/")
        return responses.data(passed=True, action=pending.action, html=html)
    return responses.go(_next_url(pending))


def _chosen(state: AppState, pending: Pending, wanted: str | None) -> Factor:
    """Return the factor that the person picked, that the last code went to, or the first."""
    factors = state.factors.of(pending.user)
    if not factors:
        raise ChallengeError("no_factor")
    by_id = {factor.id: factor for factor in factors}
    return by_id.get(wanted or pending.factor_id or "", factors[0])


def _answering(state: AppState, pending: Pending, factor: Factor, answer: str) -> Factor:
    """Return which of a user's passkeys has answered the question that went to all of them."""
    if not factor.asks:
        return factor
    alike = [item for item in state.factors.of(pending.user) if item.asks]
    return next((item for item in alike if item.kind == factor.kind and item.made(answer)), factor)


def _ways(factors: Sequence[Factor], chosen: Factor) -> list[dict[str, Any]]:
    """Return the choices: factors that answer one question are one way."""
    result: list[dict[str, Any]] = []
    kinds = {chosen.kind} if chosen.asks else set()
    for factor in factors:
        if not factor.asks or factor.id == chosen.id:
            result.append(_shown(factor))
        elif factor.kind not in kinds:
            kinds.add(factor.kind)
            result.append(_shown(factor))
    return result


def _page(
    state: AppState, pending: Pending, factor: Factor, *, error: ChallengeError | SenderError | None = None
) -> ResponseReturnValue:
    context = _context(state, pending, factor, error)
    if responses.prefers_json():
        answer = _data(context, error)
    else:
        answer = responses.page("challenge", status(error), onward=pending.return_path, **context)
    if context["retry_after_s"] is not None:
        answer.headers["Retry-After"] = str(context["retry_after_s"])
    return answer


def _context(
    state: AppState, pending: Pending, factor: Factor, error: ChallengeError | SenderError | None
) -> dict[str, Any]:
    """Return the context of the page, or of script in its place."""
    here = url_for(".challenge", challenge_id=pending.id)
    reason = None if error is None else _reason(error)
    factors = state.factors.of(pending.user)
    alone = not _others(factors, factor, reason)
    return {
        "action": pending.action,
        "factors": _ways(factors, factor),
        "factor": _shown(factor),
        "sent": pending.sent_at is not None and pending.factor_id == factor.id,
        "retry_after_s": wait(error),
        "tries_left": error.tries_left if isinstance(error, ChallengeError) else None,
        "error": _said(error, factor, alone=alone),
        "alone": alone,
        "support": state.settings.support,
        "question": state.challenges.question(pending, factor),
        "zerotrust_csrf": form_token(state, pending.id),
        "app_csrf": app_csrf(),
        "submit_url": here,
        "send_url": url_for(".send", challenge_id=pending.id),
        "choose_url": here,
        "cancel_url": request.script_root + "/",
        "field_name": "code",
        "over": reason in _OVER,
        "again_url": pending.return_path if reason == "too_many" else None,
        "browser": browsers.page_data(state, pending, factor),
        "second": state.visit.standing(pending.user).lone_code and state.visit.is_confirmed(pending.user),
        "renew_url": url_for(".begin_again", challenge_id=pending.id) if _loses(pending, reason) else None,
    }


def _loses(pending: Pending, reason: str | None) -> bool:
    """Say whether going back to where the person came from would lose a form. Script has it still."""
    stored = pending.parked is not None and not pending.parked.too_large
    return stored and reason == "too_many" and not responses.prefers_json()


# Parts of the page's context for script: enough for a dialog of the app's own.
_DATA = (
    *("action", "factors", "factor", "sent", "question"),
    *("zerotrust_csrf", "submit_url", "send_url", "retry_after_s", "tries_left", "browser"),
)


def _data(context: dict[str, Any], error: ChallengeError | SenderError | None) -> Response:
    members = {name: context[name] for name in _DATA}
    lost = gettext("That did not get through. Check your connection and try again.")
    html = responses.inside("challenge", **context)
    members |= {"passed": False, "html": html, "no_answer": lost}
    if error is None:
        return responses.data(**members)
    detail = str(context["error"])
    return responses.problem(status(error), "Not passed", detail, reason=_reason(error), **members)


def _shown(factor: Factor) -> dict[str, Any]:
    return {
        "id": factor.id,
        "kind": factor.kind,
        "label": gettext(factor.label),
        "sends": factor.sends,
        "digits": factor.digits,
    }


def _others(factors: Sequence[Factor], chosen: Factor, reason: str | None) -> list[Factor]:
    """Return the user's other factors. A locked account takes only those that nobody guesses."""
    asked_too = chosen.kind if chosen.asks else None
    rest = [factor for factor in factors if factor.id != chosen.id and factor.kind != asked_too]
    return [factor for factor in rest if reason != "locked" or not factor.guessable]


def _said(error: ChallengeError | SenderError | None, factor: Factor, *, alone: bool) -> str | None:
    """Return the sentence, which speaks of codes only where there are codes."""
    if factor.asks and getattr(error, "reason", None) in ("wrong", "shape"):
        text = sentence_for("key", alone=alone)
        return gettext(text)
    return sentence(error, alone=alone)


def sentence(error: ChallengeError | SenderError | None, *, alone: bool) -> str | None:
    """Return the sentence of an error. ``alone`` says that there is no other way to choose."""
    if error is None:
        return None
    text = sentence_for(_reason(error), alone=alone)
    return gettext(text)


def _reason(error: ChallengeError | SenderError) -> str:
    """Return which of the messages tells of an error."""
    if isinstance(error, SenderError):
        return "blocked" if error.blocked else "sender"
    return error.reason


def status(error: ChallengeError | SenderError | None) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, SenderError):
        return 503
    return 200 if error is None else STATUS.get(error.reason, 422)


def wait(error: ChallengeError | SenderError | None) -> int | None:
    """Return the whole seconds until another try makes sense."""
    seconds = error.retry_after_s if isinstance(error, ChallengeError) else None
    return None if seconds is None else max(1, round(seconds))


def _over(error: ChallengeError) -> ResponseReturnValue:
    """Say that there is nothing to answer here (any more)."""
    status, title = STATUS.get(error.reason, 403), gettext("This check has ended")
    text, back = gettext(MESSAGES[error.reason]), (gettext("Back"), request.script_root + "/")
    if responses.prefers_json():
        html = responses.inside("message", title=title, text=text, links=[back])
        members = {"reason": error.reason, "passed": False, "html": html}
        return responses.problem(status, "Challenge ended", text, **members)
    return responses.message(title, text, status, back)


def _tell(signal: Any, pending: Pending, factor: Factor, **members: Any) -> None:
    signal.send(this_app(), user=pending.user, factor_id=factor.id, **members)


def host_name() -> str:
    """Return the host without its port, as WebOTP wants it, or an empty text if nothing vouches for it.

    Phones offer a code to the host that the message names, and the Host header is the client's word. So the
    site has to name its host: by ``SERVER_NAME``, ``TRUSTED_HOSTS`` or ``ZEROTRUST_WEBAUTHN_ORIGINS``.
    """
    host = current_app.config["SERVER_NAME"]
    if host is None and _is_vouched_for(request.host):
        host = request.host
    return _without_port(host or "")


def _is_vouched_for(host: str) -> bool:
    """Return whether the host of a request is one that the site has named, or this machine itself."""
    origins = this_state().settings.webauthn_origins
    named = {urlsplit(origin).netloc for origin in origins} | {"localhost", "127.0.0.1", "[::1]"}
    # Werkzeug refuses every other host where trusted ones are set.
    return bool(request.trusted_hosts) or host in named or _without_port(host) in named


def _without_port(host: str) -> str:
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host
