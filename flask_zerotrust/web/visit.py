"""This browser's session in the current request: its record, its risk, and the step-ups that it passes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app, has_request_context, request, session

from flask_zerotrust.errors import StoreError
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.sessions.record import Proof, Record
from flask_zerotrust.sessions.sessions import SESSION_KEY, Entry
from flask_zerotrust.web import renewal, responses
from flask_zerotrust.web.pairing import pair_tag, pair_thread
from flask_zerotrust.web.request import log, records_read

if TYPE_CHECKING:
    from flask_zerotrust.web.state import AppState

#: Cookie that chooses the budget of wrong codes. It opens nothing.
MARK_COOKIE = "zerotrust_browser"
#: Values in it, with dots between them: one for each user of the browser.
MAX_MARKS = 5
# 128 random bits in base64url.
_MARK = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class CurrentRisk:
    """The risk of this session, as the app and its templates see it.

    Attributes
    ----------
    value : float
        In [0, 1]. How likely it is a bot, or another person than the user.
    level : {"unknown", "low", "elevated", "high"}
    age_s : float or None
        Seconds since the newest movement. None where there was none.
    reasons : tuple of str
        Stable words such as ``"machine_like_movement"``. Empty for *low*.
    strokes : int
        Strokes seen since the session began.
    latched : bool
        A challenge is required until it is passed.
    browser : {"new", "session", "known"}
        ``"new"``: nothing is proven. ``"session"``: proven until the logout. ``"known"``: remembered.

    Examples
    --------
    >>> with app.test_request_context():
    ...     current_risk.level, current_risk.browser
    ('unknown', 'new')
    """

    value: float = 0.5
    level: risk.Level = "unknown"
    age_s: float | None = None
    reasons: tuple[str, ...] = ("no_movement",)
    strokes: int = 0
    latched: bool = False
    browser: risk.Trust = "new"


class Visit:
    """The session of the request that is being answered.

    Parameters
    ----------
    state : AppState
    """

    def __init__(self, state: AppState) -> None:
        self._state = state

    def entry(self) -> Entry | None:
        """Return this session's entry, without changing the session."""
        return self.entry_of(self._state.user())

    def entry_of(self, user: str | None) -> Entry | None:
        """Return the same, where it is known already who is logged in."""
        return self._state.sessions.entry(session, user, pair=pair_tag())

    def opened(self, user: str | None) -> Entry | None:
        """Return the entry of who is logged in. A top-level navigation makes it where it is missing."""
        result = self.entry_of(user)
        if result is not None or not self._may_begin(user):
            return result
        if SESSION_KEY not in session:
            # Never there, or cleared by the app a moment ago: then a copy of the cookie has it still.
            recover_entry()
            self._state.sessions.drop(session, pair=pair_tag())
        entry = self.start(user)
        self._state.factors.note(user)
        return entry

    def start(self, user: str | None, *, rotate: bool = False) -> Entry:
        """Return this browser's entry, made or rotated where it has to be. The answer sets its cookies."""
        return self._state.sessions.start(session, user, pair=pair_tag(make=True), rotate=rotate)

    def record(self, entry: Entry, user: str | None) -> Record | None:
        """Return the store's record of this session, read once a request."""
        result = records_read()
        if entry.id not in result:
            result[entry.id] = self._state.sessions.record(entry.id, user=user)
        return cast("Record | None", result[entry.id])

    def current(self) -> CurrentRisk:
        """Return the risk of this session now. The first page of a browser begins its session.

        Unprotected pages keep working when the store does not answer: the session is unknown then.
        """
        if self._state.settings.mode == "off":
            return CurrentRisk()
        user = self._state.user()
        try:
            entry = self.opened(user)
            record = self.record(entry, user) if entry is not None else None
        except StoreError:
            log.exception("the risk store did not answer; this session counts as unknown")
            return CurrentRisk()
        if entry is None or record is None:
            return CurrentRisk()
        return self._shown(record, assess.describe(self._faded(record), policy=self._state.scorer.policy))

    def _shown(self, record: Record, assessment: assess.Assessment) -> CurrentRisk:
        return CurrentRisk(
            value=assessment.value,
            level=assessment.level,
            age_s=max(0.0, self._state.clock() - record.state.at) if record.strokes else None,
            reasons=assessment.reasons,
            strokes=record.strokes,
            latched=record.latched,
            browser=browser_trust(record),
        )

    def is_ended(self) -> bool:
        """Return whether this session was ended before its time: one store read a request, at most."""
        result = records_read()
        if "ended" not in result:
            result["ended"] = self._state.sessions.is_ended(session)
        return bool(result["ended"])

    def standing(self, user: str) -> risk.Standing:
        """Return the standing of this user's session now, by the store."""
        entry = self.opened(user) if not self.is_ended() else None
        record = self.record(entry, user) if entry is not None else None
        if record is None:
            return risk.Standing()
        state, policy = self._faded(record), self._state.scorer.policy
        level, value = risk.judge(state, policy)
        return risk.Standing(
            level=level,
            value=value,
            latched=record.latched,
            grant_age_s=record.grant_age_s(user=user, now=self._state.clock()),
            proof_age_s=record.proof_age_s(user=user, now=self._state.clock()),
            keyless=record.keyless,
            lone_code=record.grant is not None and record.grant.lone_code,
        )

    def _faded(self, record: Record) -> risk.RiskState:
        return risk.decay(
            record.state, now=self._state.clock(), half_life_s=self._state.settings.half_life_s
        )

    def page_token(self, entry: Entry, nonce: str) -> str:
        """Return a token that binds one document to this session."""
        return str(self._state.page_tokens.dumps([entry.id, nonce]))

    def thread(self, user: str) -> str:
        """Return the thread of challenges: this browser's session, or its pair cookie without one."""
        entry = self.opened(user)
        return entry.thread if entry is not None else pair_thread(make=True)

    def part(self, user: str) -> None:
        """Part this browser from whoever holds a copy of its cookie."""
        self._state.sessions.part(session, user, pair=pair_tag(make=True))

    def is_confirmed(self, user: str) -> bool:
        """Return whether this session has passed any factor of the user in the last minutes."""
        age_s = self.standing(user).grant_age_s
        return age_s is not None and age_s <= self._state.change_terms().grant_s

    def is_fresh_login(self, user: str) -> bool:
        """Return whether this session's user logged in within the last minutes. False if unknown."""
        entry = self.opened(user)
        return entry is not None and self._state.sessions.is_fresh_login(entry, now=self._state.clock())

    def grant(
        self, *, user: str, factor_id: str, proof: Proof | None = None, lone_code: bool = False
    ) -> None:
        """Let this user's session through protected views for a while, under a new id."""
        entry = self.start(user)
        fresh = self._state.sessions.grant(
            session,
            entry,
            user=user,
            factor_id=factor_id,
            now=self._state.clock(),
            proof=proof,
            lone_code=lone_code,
        )
        records_read().pop(fresh.id, None)
        self._renewed(entry, fresh)

    def prove(self, user: str, proof: Proof) -> bool:
        """Record a proof by the browser's key under a new id. Return False if the session has moved on."""
        entry = self.start(user)
        fresh = self._state.sessions.prove(session, entry, proof)
        if fresh is None:
            return False
        self._renewed(entry, fresh)
        return True

    def resume(self, user: str, session_id: str) -> None:
        """Give this session the id again that the same step-up gave it a moment ago."""
        entry = self.entry_of(user)
        fresh = self._state.sessions.resume(session, entry, session_id) if entry is not None else None
        if entry is not None and fresh is not None:
            self._renewed(entry, fresh)

    def follow_renewal(self) -> None:
        """Put the newest id into a session that an older answer has brought back."""
        try:
            renewal.follow(self._state.store, keep=self._navigating())
        except StoreError:
            log.exception("the risk store did not answer; a renewed session is not followed")

    def _renewed(self, former: Entry, fresh: Entry) -> None:
        renewal.note(self._state.store, former.id, fresh.id)
        _regenerate()

    def note_ages(self, user: str) -> None:
        """Keep how old a step-up or proof was that opened nothing: it stays so if the clock is set back."""
        entry = self.entry_of(user)
        record = self.record(entry, user) if entry is not None else None
        if entry is None or record is None or (record.grant is None and record.proof is None):
            return
        self._state.sessions.note_ages(entry.id, now=self._state.clock())
        records_read().pop(entry.id, None)

    def is_known(self, user: str) -> bool:
        """Return whether this browser has passed a factor of the user before.

        It chooses which budget wrong codes and messages are counted in, and opens nothing.
        """
        proof_age_s = self.standing(user).proof_age_s
        if proof_age_s is not None and proof_age_s <= self._state.settings.grant_s:
            return True
        return self.mark_of(user) is not None

    def is_proven(self, user: str) -> bool:
        """Return whether a factor was passed, or the browser proven, since the login.

        The cookie of known browsers is not sent to guarded views.
        """
        entry = self.opened(user)
        record = self.record(entry, user) if entry is not None else None
        return record is not None and record.proven

    def mark_of(self, user: str) -> str | None:
        """Return the value in this browser's cookie that was made for the user, or None."""
        now = self._state.clock()
        return next((v for v in sent_marks() if self._state.browsers.is_marked(user, v, now=now)), None)

    def end_grants(self, user: str) -> list[str]:
        """End the grants of all sessions of a user, also for the rest of this request. Return their ids."""
        ended = self._state.sessions.end_grants(user)
        for session_id in ended if has_request_context() else ():
            records_read().pop(session_id, None)
        return ended

    def _navigating(self) -> bool:
        """Say whether this is a top-level navigation: only those may write the session.

        Late answers to background requests would put back an older session (see the architecture page). A
        site that lets pages be framed may live in frames, so that navigations there count as well.
        """
        headers = request.headers
        # Left out on plain http, where the Accept header tells.
        mode = headers.get("Sec-Fetch-Mode", "" if responses.wants_json() else "navigate")
        places = ("document", "iframe") if self._state.settings.frame_ancestors else ("document",)
        return (
            mode == "navigate"
            and headers.get("Sec-Fetch-Dest", "document") in places
            and not headers.get("Sec-Purpose", "").startswith("prefetch")
        )

    def _may_begin(self, user: str | None) -> bool:
        """Say whether a session may begin here: in a navigation that would bring the app's session.

        Browsers leave a ``SameSite`` cookie out on the way back from another site. A new visitor may be a
        user who is logged in, and whom a new session cookie would log out.
        """
        if not self._navigating():
            return False
        if user is not None or current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
            return True
        return request.method in ("GET", "HEAD") and responses.same_site() is not False


def sent_marks() -> list[str]:
    """Return the values in this browser's cookie that are in shape, at most MAX_MARKS."""
    values = ".".join(request.cookies.getlist(MARK_COOKIE)).split(".")
    return [value for value in values if _MARK.fullmatch(value)][:MAX_MARKS]


def browser_trust(record: Record) -> risk.Trust:
    """Return the trust in the browser of a session."""
    if record.proof is not None:
        return "known" if record.proof.remembered else "session"
    return "session" if record.grant is not None else "new"


def recover_entry() -> None:
    """Put back the entry that the request came with, where the app has cleared its session since.

    Apps do so before a login or a logout. The id has to be followed, or buried, all the same.
    """
    if SESSION_KEY in session:
        return
    sent = current_app.session_interface.open_session(current_app, request)
    if sent and SESSION_KEY in sent:
        session[SESSION_KEY] = sent[SESSION_KEY]


def _regenerate() -> None:
    """Give a session that is kept on the server a new id of its own, too, as Flask-Session offers."""
    regenerate = getattr(current_app.session_interface, "regenerate", None)
    if callable(regenerate):
        regenerate(session)
