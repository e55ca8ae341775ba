"""Known browsers at request time: keys that come with a passed factor, and proofs by them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, request, url_for
from flask.wrappers import Response
from itsdangerous import BadSignature

from flask_zerotrust import config, signals
from flask_zerotrust.challenge import Pending
from flask_zerotrust.errors import PayloadError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.recovery import KIND as RECOVERY
from flask_zerotrust.i18n import gettext
from flask_zerotrust.sessions import browsers
from flask_zerotrust.sessions.browsers import Browser
from flask_zerotrust.sessions.record import Proof
from flask_zerotrust.web.form_movement import form_proof
from flask_zerotrust.web.request import log, this_app
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.visit import MARK_COOKIE, MAX_MARKS, sent_marks

#: Fields of the form with which a factor is passed.
KEY_FIELD = "zerotrust_key"
SIGNATURE_FIELD = "zerotrust_key_signature"
REMEMBER_FIELD = "zerotrust_remember"

# A proof holds a page token, a public key and a signature, with spaces between them.
_MAX_PROOF_CHARS = 1_024

# Words in a User-Agent, and the usual names of programs and systems. The first that fits counts.
_PROGRAMS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A public key that came with an answer, and whether its user wants the browser remembered."""

    key: str
    remember: bool


def offers_key(state: AppState) -> bool:
    """Return whether pages ask the browser for a key: not while a site only observes."""
    return state.settings.mode == "enforce"


def offers_memory(state: AppState, pending: Pending, factor: Factor) -> bool:
    """Return whether the browser can be remembered with this challenge and factor."""
    may = state.settings.browser_days > 0 and factor.kind != RECOVERY
    return may and state.visit.standing(pending.user).level != "high"


def user_names(state: AppState, user: str) -> str:
    """Return the names under which a browser looks for its key for this user, with spaces between them."""
    return " ".join(state.browsers.user_tags(user))


def page_data(state: AppState, pending: Pending, factor: Factor) -> dict[str, object] | None:
    """Return the data of a challenge page for its script. None while a site only observes.

    ``user`` holds the names of the key in the browser, ``challenge`` is signed with a new key, ``token`` is
    signed with a proof, and ``remember`` says whether the browser may be remembered.
    """
    entry = state.visit.entry_of(pending.user)
    if not offers_key(state) or entry is None:
        return None
    provable = pending.provable and pending.session_id == entry.thread
    return {
        "user": user_names(state, pending.user),
        "challenge": pending.id,
        "token": state.visit.page_token(entry, pending.id) if provable else None,
        "prove_url": url_for("zerotrust.prove", challenge_id=pending.id) if provable else None,
        "remember": offers_memory(state, pending, factor),
    }


def read_key(state: AppState, pending: Pending, factor: Factor) -> NewKey | None:
    """Return the key that came with an answer, or None. Call it before the answer is judged.

    Raises
    ------
    PayloadError
        For a key or a signature that is malformed or does not fit. Nothing is counted then.
    """
    key = request.form.get(KEY_FIELD, "")
    if not key or not offers_key(state):
        return None
    signature, tags = request.form.get(SIGNATURE_FIELD, ""), state.browsers.user_tags(pending.user)
    browsers.check_made(key, signature, challenge_id=pending.id, user_tags=tags)
    wanted = bool(request.form.get(REMEMBER_FIELD))
    return NewKey(key, wanted and offers_memory(state, pending, factor))


def keep_key(
    state: AppState, pending: Pending, factor: Factor, new: NewKey | None, *, tell: Callable[[str], None]
) -> Proof | None:
    """Keep a key after its factor was passed, and return the proof that the session begins with.

    ``tell`` is called with the name of a browser that is remembered for the first time, before the signal
    ``browser_remembered`` is sent.
    """
    if new is None:
        return None
    now, user = state.clock(), pending.user
    before = {browser.id for browser in state.browsers.all(user, now=now) if browser.remembered}
    browser = state.browsers.add(
        user,
        new.key,
        name=display_name(request.headers.get("User-Agent", "")),
        factor_id=factor.id,
        factor_tag=state.browsers.factor_tag(factor.kind, factor.id, _secret(factor)),
        thread=None if new.remember else state.visit.thread(user),
        now=now,
    )
    if browser.remembered and browser.id not in before:
        tell(browser.name)
        signals.browser_remembered.send(this_app(), user=user, browser=browser.id, name=browser.name)
    return Proof(user, now, browser.id, browser.remembered)


def prove_form(state: AppState, user: str) -> bool:
    """Take the proof that rides in a form post. Return whether the session is proven now."""
    text = form_proof()
    return bool(text) and prove(state, user, text)


def prove(state: AppState, user: str, text: str, *, page: str | None = None) -> bool:
    """Check a proof by the browser's key and rotate the session's id if it is right.

    Parameters
    ----------
    guard : Guard
    user : str
        Who is logged in. Keys of other users are not looked at.
    text : str
        Page token, public key and signature, with spaces between them.
    page : str, optional
        Nonce of the one page whose token counts.

    Returns
    -------
    bool
        Whether the session is proven now. A refusal is sent as ``proof_refused``.
    """
    try:
        proof = _checked(state, user, text, page)
    except PayloadError as error:
        log.info("a browser's proof was refused: %s", error)
        signals.proof_refused.send(this_app(), user=user, reason=error.problem)
        return False
    if not state.visit.prove(user, proof):
        signals.proof_refused.send(this_app(), user=user, reason="the session has moved on")
        return False
    signals.browser_proven.send(this_app(), user=user, browser=proof.browser)
    return True


def _checked(state: AppState, user: str, text: str, page: str | None) -> Proof:
    token, key, signature = _split(text)
    entry, now = state.visit.entry_of(user), state.clock()
    try:
        session_id, nonce = state.page_tokens.fresh(token, max_age_s=int(config.TOKEN_S))
    except (BadSignature, ValueError, TypeError) as error:
        raise PayloadError("zerotrust_proof", "the token is too old or not ours") from error
    if entry is None or session_id != entry.id or page not in (None, nonce):
        raise PayloadError("zerotrust_proof", "the token is of another session or page")
    browsers.check_proof(key, signature, token=token)
    browser = state.browsers.find(user, key, thread=entry.thread, now=now)
    if browser is None or not _has_factor(state, user, browser):
        raise PayloadError("zerotrust_proof", "the browser is not known")
    # Claimed by the token: a signature can be changed and still verify.
    claim = "proof:" + hashlib.sha256(token.encode()).hexdigest()
    if not state.store.claim(claim, ttl_s=2 * config.TOKEN_S):
        raise PayloadError("zerotrust_proof", "the token was used before")
    state.browsers.used(user, browser, now=now)
    return Proof(user, now, browser.id, browser.remembered)


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(" ") if len(text) <= _MAX_PROOF_CHARS else []
    if len(parts) != 3:
        raise PayloadError("zerotrust_proof", "must hold a page token, a key and a signature")
    return parts[0], parts[1], parts[2]


def _has_factor(state: AppState, user: str, browser: Browser) -> bool:
    """Return whether the factor with which a browser was proven is still the user's."""
    try:
        factors = state.factors.of(user)
    except Exception:  # the app's own loader: without an answer a code is asked, and nothing forgotten
        log.exception("the factors of a user could not be loaded; the browser's proof does not count")
        return False
    same = (factor for factor in factors if factor.id == browser.factor_id)
    return any(state.browsers.is_of_factor(browser, factor.kind, _secret(factor)) for factor in same)


def _secret(factor: Factor) -> str:
    """Return a digest that tells this factor from another under the same id."""
    credential = getattr(factor, "credential", None)
    return str(factor.recipient or getattr(factor, "secret", "") or getattr(credential, "id", ""))


def forget(
    state: AppState,
    user: str,
    ids: set[str] | None = None,
    *,
    keep: str | None = None,
    keep_mark: str | None = None,
) -> int:
    """Forget browsers of a user, end their proofs, and return how many there were.

    Their cookies are forgotten with them, except the one named by ``keep_mark``. A cookie does not say
    which browser it is of, so whichever is forgotten, all others have to pass a factor again to be counted
    apart.
    """
    gone = state.browsers.forget(user, ids, except_id=keep, now=state.clock())
    if gone or ids is None:
        state.browsers.unmark(user, except_value=keep_mark)
    state.sessions.end_proofs(user, {browser.id for browser in gone})
    for browser in gone:
        signals.browser_forgotten.send(this_app(), user=user, browser=browser.id, name=browser.name)
    return len(gone)


def forget_others(state: AppState, user: str) -> int:
    """Forget a user's browsers, except the one that has proven itself in this session."""
    return forget(state, user, keep=this_browser(state, user), keep_mark=state.visit.mark_of(user))


def forget_one(state: AppState, user: str, browser_id: str) -> int:
    """Forget one browser of a user, which may be the one of this session."""
    mark = None if browser_id == this_browser(state, user) else state.visit.mark_of(user)
    return forget(state, user, {browser_id}, keep_mark=mark)


def this_browser(state: AppState, user: str) -> str | None:
    """Return the id of the browser that has proven itself in this session, or None."""
    entry = state.visit.entry_of(user)
    record = state.visit.record(entry, user) if entry is not None else None
    return None if record is None or record.proof is None else record.proof.browser


def set_mark(state: AppState, user: str, response: Response) -> None:
    """Set the cookie by which later wrong codes of this browser are counted apart. It opens nothing.

    A value that was not made for this user counts for nothing: another host of the domain may have planted
    it. It stays, because it may belong to another user of the browser.
    """
    value = state.visit.mark_of(user) or secrets.token_urlsafe(browsers.MARK_BYTES)
    rest = [other for other in sent_marks() if other != value]
    state.browsers.mark(user, value, now=state.clock())
    response.set_cookie(
        MARK_COOKIE,
        ".".join([value, *rest][:MAX_MARKS]),
        max_age=int(browsers.MARK_S),
        path=url_for("zerotrust.events").removesuffix("/events"),
        secure=request.is_secure or bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
    )


def translated_name(name: str) -> str:
    """Return a name that :func:`display_name` made in the language of the request."""
    program, on, system = name.partition(" on ")
    return gettext("%(program)s on %(system)s", program=program, system=system) if on else name


def display_name(user_agent: str) -> str:
    """Return the usual name of a browser.

    >>> display_name("Mozilla/5.0 (Windows NT 10.0; rv:153.0) Gecko/20100101 Firefox/153.0")
    'Firefox on Windows'
    """
    program = next((name for word, name in _PROGRAMS.items() if word in user_agent), "Browser")
    system = next((name for word, name in _SYSTEMS.items() if word in user_agent), None)
    return program if system is None else f"{program} on {system}"
