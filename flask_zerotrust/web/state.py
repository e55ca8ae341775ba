"""What one app needs at request time: who is here, what the store knows of them, what follows."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field, replace
from typing import cast

from flask import Flask, current_app, has_request_context, request, session

from flask_zerotrust.challenge import Challenges
from flask_zerotrust.delivery.senders import ConsoleMailer, ConsoleSender
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.factors.base import Factor, Mailer, Sender, Verifier, is_usable, leaving_out
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.webauthn import RelyingParty
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.sessions.browsers import Browsers
from flask_zerotrust.sessions.record import Proof, Record
from flask_zerotrust.sessions.sessions import CHANGE_S, SESSION_KEY, Entry
from flask_zerotrust.sessions.tokens import Tokens
from flask_zerotrust.web import renewal, responses
from flask_zerotrust.web.ingest import Intake, records_read, this_app
from flask_zerotrust.web.pairing import pair_tag, pair_thread
from flask_zerotrust.web.protection import Protection
from flask_zerotrust.web.user_ids import may_change, other_ids
from flask_zerotrust.web.users import account_name, current_user_id, flask_login_user

__all__ = ["CurrentRisk", "Guard", "browser_trust", "log", "this_app", "this_guard"]

log = logging.getLogger("flask_zerotrust")

#: Cookie that chooses the budget of wrong codes. It opens nothing.
MARK_COOKIE = "zerotrust_browser"
#: Values in it, with dots between them: one for each user of the browser.
MAX_MARKS = 5
# 128 random bits in base64url.
_MARK = re.compile(r"[A-Za-z0-9_-]{22}")

_IP = re.compile(r"[0-9.]+|\[.*\]")


@dataclass(frozen=True, slots=True)
class CurrentRisk:
    """What the app and its templates see of this session's risk.

    Attributes
    ----------
    value : float
        In [0, 1]; how likely it is a bot, or another person than the user.
    level : {"unknown", "low", "elevated", "high"}
    age_s : float or None
        Seconds since the newest movement; None where there was none.
    reasons : tuple of str
        Stable words such as ``"machine_like_movement"``; empty for *low*.
    strokes : int
        Strokes seen since the session began.
    latched : bool
        A challenge is required until it is passed.
    browser : {"new", "session", "known"}
        ``"new"``: nothing is proven. ``"session"``: proven until the logout. ``"known"``: remembered.
    """

    value: float = 0.5
    level: risk.Level = "unknown"
    age_s: float | None = None
    reasons: tuple[str, ...] = ("no_movement",)
    strokes: int = 0
    latched: bool = False
    browser: risk.Trust = "new"


@dataclass(slots=True, kw_only=True)
class Guard(Intake):
    """The parts that ``ZeroTrust.init_app`` puts together for one app."""

    keys: KeyRing
    challenges: Challenges
    enrolled: Enrolled
    browsers: Browsers
    sender: Sender | Verifier | None
    mailer: Mailer | None
    terminal_sender: ConsoleSender
    terminal_mailer: ConsoleMailer
    form_tokens: Tokens
    checked: bool = False
    protected: set[Protection] = field(default_factory=set)

    # Who is here

    def user(self) -> str | None:
        """Return the id of the person who is logged in, or None."""
        return current_user_id(self.loaders.user_id)

    def factors(self, user: str) -> list[Factor]:
        """Return the user's factors: the app's own first, then those enrolled here.

        Numbers, addresses and secrets that cannot be used are left out, with a warning in the log.
        """
        with leaving_out() as problems:
            own = list(self.loaders.factors(user) or ()) if self.loaders.factors is not None else []
            here = self.enrolled.factors(user, sender=self.sender, mailer=self.mailer, party=self.party())
        for problem in problems:
            log.warning("a factor of user %s is left out: %s", user, problem)
        if own and self.settings.enrol == "first-use":
            self.enrolled.note_had(user)
        own = [factor for factor in own if is_usable(factor)]
        taken = {factor.id for factor in own}
        return own + [factor for factor in here if is_usable(factor) and factor.id not in taken]

    def app_sender(self) -> Sender | Verifier | None:
        """Return the sender of text messages for factors that the app names.

        While developing, an app that has set up no sender reads its codes on the terminal.
        """
        return self.sender or (self.terminal_sender if is_developed(current_app) else None)

    def app_mailer(self) -> Mailer | None:
        """Return the sender of mail for factors that the app names. See :meth:`app_sender`."""
        return self.mailer or (self.terminal_mailer if is_developed(current_app) else None)

    def can_have_factors(self) -> bool:
        """Return whether any user can have a factor, named by the app or added here.

        A sender alone gives nobody a factor: adding a number takes another one, or a first use.
        """
        named = self.loaders.factors is not None or self.settings.enrol == "first-use"
        return named or bool(self.store.keys("factors:"))

    def party(self) -> RelyingParty | None:
        """Return this site as browsers know it; None without passkeys, and outside of a request.

        None, too, at a bare IP address: browsers make keys for domains only.

        A made-up Host header gains nothing: the browser writes the origin, and without named origins that
        has to be the one where the key was made.
        """
        s = self.settings
        if not s.passkeys or not has_request_context():
            return None
        domain = request.host.lower()
        domain = domain if domain.endswith("]") else domain.rsplit(":", 1)[0]
        origins = s.webauthn_origins or (f"{request.scheme}://{request.host.lower()}",)
        if s.webauthn_rp_id is None and _IP.fullmatch(domain):
            return None
        name, named = s.issuer or current_app.name, bool(s.webauthn_origins)
        return RelyingParty(s.webauthn_rp_id or domain, name, origins, named=named)

    def account_name(self, user: str) -> str:
        """Return what the user's devices call the account: without a name of its own, as the site."""
        return account_name(self.loaders.account_name, user) or self.settings.issuer or current_app.name

    def first_use(self, user: str) -> bool:
        """Return whether a login is enough to enrol, for a user for whom :meth:`factors` is empty.

        It is not if the user ever had a factor: the app's database may be away, a number may be without a
        sender. A thief of the password would otherwise replace it. While switched off, no login is seen.
        """
        allowed = self.settings.enrol == "first-use" and self.settings.mode != "off"
        return allowed and not self.enrolled.had(user) and self._keeps_id(user)

    def _keeps_id(self, user: str) -> bool:
        """Return whether this user's id stays, and no factor was ever kept under another id of theirs.

        After a change of password a user with a new id looks like one who never had a factor.
        """
        who = flask_login_user()
        if who is None:
            return True
        if may_change(who, user, chosen=self.loaders.user_id is not None):
            log.error(
                "%s.get_id() may change with the password, so a login alone adds no factor. Name a "
                "function with @zt.user_id_loader that returns an id which stays, such as the primary key.",
                type(who).__qualname__,
            )
            return False
        return not any(map(self.enrolled.had, other_ids(who, user)))

    def is_fresh_login(self, user: str) -> bool:
        """Return whether this session's user logged in within the last minutes; False if unknown."""
        entry = self.opened(user)
        return entry is not None and self.sessions.is_fresh_login(entry, now=self.clock())

    def follows_changes(self) -> bool:
        """Return whether logins are seen by the session's change of user: Flask-Login tells of its own."""
        return self.settings.enrol == "first-use" and self.loaders.user_id is not None

    def has_choice(self) -> bool:
        """Say whether people can enrol more here than an authenticator app."""
        return any(way is not None for way in (self.sender, self.mailer, self.party()))

    # The session and its record

    def entry(self) -> Entry | None:
        """Return this session's entry, without changing the session."""
        return self.entry_of(self.user())

    def entry_of(self, user: str | None) -> Entry | None:
        """Return the same, where it is known already who is logged in."""
        return self.sessions.entry(session, user, pair=pair_tag())

    def opened(self, user: str | None) -> Entry | None:
        """Return the entry of who is logged in; a top-level navigation makes it where it is missing."""
        found = self.entry_of(user)
        if found is not None or not _may_begin(user):
            return found
        if SESSION_KEY not in session:
            # Never there, or cleared by the app a moment ago: then a copy of the cookie has it still.
            _recover_entry()
            self.sessions.drop(session, pair=pair_tag())
        entry = self.start(user)
        self._note_factors(user)
        return entry

    def start(self, user: str | None, *, rotate: bool = False) -> Entry:
        """Return this browser's entry, made or rotated where it has to be. The answer sets its cookies."""
        return self.sessions.start(session, user, pair=pair_tag(make=True), rotate=rotate)

    def record(self, entry: Entry, user: str | None) -> Record | None:
        """Return the store's record of this session, read once a request."""
        seen = records_read()
        if entry.id not in seen:
            seen[entry.id] = self.sessions.record(entry.id, user=user)
        return cast("Record | None", seen[entry.id])

    def current(self) -> CurrentRisk:
        """Return the risk of this session now; the first page of a browser begins its session.

        Unprotected pages keep working when the store does not answer: the session is unknown then.
        """
        if self.settings.mode == "off":
            return CurrentRisk()
        user = self.user()
        try:
            entry = self.opened(user)
            record = self.record(entry, user) if entry is not None else None
        except StoreError:
            log.exception("the risk store did not answer; this session counts as unknown")
            return CurrentRisk()
        if entry is None or record is None:
            return CurrentRisk()
        return self._shown(record, assess.describe(self._faded(record), policy=self.scorer.policy))

    def _shown(self, record: Record, found: assess.Assessment) -> CurrentRisk:
        return CurrentRisk(
            value=found.value,
            level=found.level,
            age_s=max(0.0, self.clock() - record.state.at) if record.strokes else None,
            reasons=found.reasons,
            strokes=record.strokes,
            latched=record.latched,
            browser=browser_trust(record),
        )

    def is_ended(self) -> bool:
        """Return whether this session was ended before its time: one store read a request, at most."""
        seen = records_read()
        if "ended" not in seen:
            seen["ended"] = self.sessions.is_ended(session)
        return bool(seen["ended"])

    def standing(self, user: str) -> risk.Standing:
        """Return what the store says of the session of this user, who is logged in, now."""
        entry = self.opened(user) if not self.is_ended() else None
        record = self.record(entry, user) if entry is not None else None
        if record is None:
            return risk.Standing()
        state, policy = self._faded(record), self.scorer.policy
        level, value = risk.judge(state, policy)
        return risk.Standing(
            level=level,
            value=value,
            latched=record.latched,
            grant_age_s=record.grant_age_s(user=user, now=self.clock()),
            proof_age_s=record.proof_age_s(user=user, now=self.clock()),
            keyless=record.keyless,
            lone_code=record.grant is not None and record.grant.lone_code,
        )

    def _faded(self, record: Record) -> risk.RiskState:
        return risk.decay(record.state, now=self.clock(), half_life_s=self.settings.half_life_s)

    def page_token(self, entry: Entry, nonce: str) -> str:
        """Return a token that binds one document to this session."""
        return str(self.page_tokens.dumps([entry.id, nonce]))

    # Step-up

    def terms(self, *, max_risk: float | None, max_age_s: float | None, always: bool) -> risk.Terms:
        """Fill a view's terms with the site's defaults."""
        fallback = self.settings.max_risk
        limit = fallback if fallback is not None else self.scorer.policy.high_at
        grant_s = self.settings.grant_s if max_age_s is None else max_age_s
        return risk.Terms(
            max_risk=limit if max_risk is None else max_risk,
            grant_s=grant_s,
            keyless_s=self.settings.keyless_s,
            # A view that names an age wants a code of that age.
            always=always or max_age_s is not None,
            wants_movement=max_risk is not None,
            movement_earns=self.settings.new_browser == "movement",
        )

    def change_terms(self) -> risk.Terms:
        """Return what a change of factors takes: a step-up of the last minutes, whatever the risk.

        One recovery code alone is not enough. A second one is, or another factor.
        """
        age_s = min(self.settings.grant_s, CHANGE_S)
        return replace(self.terms(max_risk=None, max_age_s=age_s, always=True), changes_factors=True)

    def thread(self, user: str) -> str:
        """Return what a challenge is bound to: this browser's session, or its pair cookie without one."""
        entry = self.opened(user)
        return entry.thread if entry is not None else pair_thread(make=True)

    def part(self, user: str) -> None:
        """Part this browser from whoever holds a copy of its cookie."""
        self.sessions.part(session, user, pair=pair_tag(make=True))

    def is_confirmed(self, user: str) -> bool:
        """Return whether this session has passed any factor of the user in the last minutes."""
        age_s = self.standing(user).grant_age_s
        return age_s is not None and age_s <= self.change_terms().grant_s

    def grant(
        self, *, user: str, factor_id: str, proof: Proof | None = None, lone_code: bool = False
    ) -> None:
        """Let this user's session through protected views for a while, under a new id."""
        entry = self.start(user)
        fresh = self.sessions.grant(
            session,
            entry,
            user=user,
            factor_id=factor_id,
            now=self.clock(),
            proof=proof,
            lone_code=lone_code,
        )
        records_read().pop(fresh.id, None)
        self._renewed(entry, fresh)

    def prove(self, user: str, proof: Proof) -> bool:
        """Record a proof by the browser's key under a new id. Return False if the session has moved on."""
        entry = self.start(user)
        fresh = self.sessions.prove(session, entry, proof)
        if fresh is None:
            return False
        self._renewed(entry, fresh)
        return True

    def resume(self, user: str, session_id: str) -> None:
        """Give this session the id again that the same step-up gave it a moment ago."""
        entry = self.entry_of(user)
        fresh = self.sessions.resume(session, entry, session_id) if entry is not None else None
        if entry is not None and fresh is not None:
            self._renewed(entry, fresh)

    def follow_renewal(self) -> None:
        """Put the newest id into a session that an older answer has brought back."""
        try:
            renewal.follow(self.store, keep=_navigating())
        except StoreError:
            log.exception("the risk store did not answer; a renewed session is not followed")

    def _renewed(self, former: Entry, fresh: Entry) -> None:
        renewal.note(self.store, former.id, fresh.id)
        _regenerate()

    def note_ages(self, user: str) -> None:
        """Keep how old a step-up or proof was that opened nothing: it stays so if the clock is set back."""
        entry = self.entry_of(user)
        record = self.record(entry, user) if entry is not None else None
        if entry is None or record is None or (record.grant is None and record.proof is None):
            return
        self.sessions.note_ages(entry.id, now=self.clock())
        records_read().pop(entry.id, None)

    def is_known(self, user: str) -> bool:
        """Return whether this browser has passed a factor of the user before.

        It chooses which budget wrong codes and messages are counted in, and opens nothing.
        """
        proof_age_s = self.standing(user).proof_age_s
        if proof_age_s is not None and proof_age_s <= self.settings.grant_s:
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
        now = self.clock()
        return next((v for v in sent_marks() if self.browsers.is_marked(user, v, now=now)), None)

    def end_grants(self, user: str) -> list[str]:
        """End the grants of all sessions of a user, also for the rest of this request; return their ids."""
        ended = self.sessions.end_grants(user)
        for session_id in ended if has_request_context() else ():
            records_read().pop(session_id, None)
        return ended

    def logged_in(self) -> None:
        """Bind the session to the person who has just logged in, keeping how they moved."""
        if self.settings.mode == "off":
            return
        _recover_entry()
        before = self.entry_of(None)
        try:
            if before is not None:
                self.ingest_form(entry=before, user=None)
            user = self.user()
            entry = self.start(user, rotate=True)
            if user is not None:
                self.sessions.begin(entry, user, now=self.clock())
            self._note_login(entry, user)
        except StoreError:
            log.exception("the risk store did not answer at login; this session starts unknown")
            session.pop(SESSION_KEY, None)

    def _note_login(self, entry: Entry, user: str | None) -> None:
        """Keep when the user logged in, where a login may add a first factor."""
        if self.settings.enrol == "first-use" and user is not None:
            self.sessions.note_login(entry, user, at=self.clock())
            self._note_factors(user)

    def _note_factors(self, user: str | None) -> None:
        """Keep whether the user has a factor when a session begins: the app may forget it later."""
        if self.settings.enrol != "first-use" or user is None:
            return
        try:
            self.factors(user)
        except StoreError:
            raise
        except Exception:  # the app's own loader: a login stays what it is
            log.exception("the factors of a user could not be loaded at login")

    def note_change(self) -> None:
        """Note the login, or the visitor, of a request that began without a user and wrote the session."""
        user = self.user()
        try:
            if user is not None:
                self._note_login(self.start(user), user)
            else:
                self.sessions.note_visitor(session, pair=pair_tag(make=True), now=self.clock())
        except StoreError:
            log.exception("the risk store did not answer; this login counts for no first factor")

    def logged_out(self) -> None:
        """Forget the session of the person who has just logged out; a latch stays with the user."""
        _recover_entry()
        try:
            self.sessions.drop(session, pair=pair_tag())
        except StoreError:
            log.exception("the risk store did not answer at logout")
            session.pop(SESSION_KEY, None)

    def settle(self) -> None:
        """Follow a login or a logout that the app has made in its own way.

        Nothing tells of that but what is left at the end of a request. A grant would wait in the browser
        for the next login, and in every copy of its cookie. A login without an entry could not be ended.
        """
        kept = Entry.from_session(session.get(SESSION_KEY))
        user = self.user()
        if kept is None or (kept.user_tag and self.entry_of(user) is None):
            self.logged_out()
        if user is not None and self.entry_of(user) is None and self.settings.mode != "off":
            self.sessions.begin(self.start(user), user, now=self.clock())


def this_guard() -> Guard:
    """Return the guard of the current app.

    Raises
    ------
    ConfigError
        When the extension was not added to this app.
    """
    found = current_app.extensions.get("zerotrust")
    if not isinstance(found, Guard):
        raise ConfigError(
            f"Flask-ZeroTrust is not set up for {current_app.name!r}: call ZeroTrust(app), or "
            "init_app(app) in the factory, before the first request."
        )
    return found


def sent_marks() -> list[str]:
    """Return the values in this browser's cookie that are in shape, at most MAX_MARKS."""
    values = ".".join(request.cookies.getlist(MARK_COOKIE)).split(".")
    return [value for value in values if _MARK.fullmatch(value)][:MAX_MARKS]


def browser_trust(record: Record) -> risk.Trust:
    """Return what is known of the browser of a session."""
    if record.proof is not None:
        return "known" if record.proof.remembered else "session"
    return "session" if record.grant is not None else "new"


def is_developed(app: Flask) -> bool:
    """Return whether an app is run by its developer, who reads the terminal."""
    return bool(app.debug or app.testing)


def _regenerate() -> None:
    """Give a session that is kept on the server a new id of its own, too, as Flask-Session offers."""
    regenerate = getattr(current_app.session_interface, "regenerate", None)
    if callable(regenerate):
        regenerate(session)


def _navigating() -> bool:
    """Say whether this is a top-level navigation: only those may write the session.

    Late answers to background requests would put back an older session (see the architecture page). A site
    that lets pages be framed may live in frames, so that navigations there count as well.
    """
    headers = request.headers
    # Left out on plain http, where the Accept header tells.
    mode = headers.get("Sec-Fetch-Mode", "" if responses.wants_json() else "navigate")
    places = ("document", "iframe") if this_guard().settings.frame_ancestors else ("document",)
    return (
        mode == "navigate"
        and headers.get("Sec-Fetch-Dest", "document") in places
        and not headers.get("Sec-Purpose", "").startswith("prefetch")
    )


def _may_begin(user: str | None) -> bool:
    """Say whether a session may begin here: in a navigation that would bring the app's session.

    Browsers leave a ``SameSite`` cookie out on the way back from another site. A new visitor may be a user
    who is logged in, and whom a new session cookie would log out.
    """
    if not _navigating():
        return False
    if user is not None or current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
        return True
    return request.method in ("GET", "HEAD") and responses.same_site() is not False


def _recover_entry() -> None:
    """Put back the entry that the request came with, where the app has cleared its session since.

    Apps do so before a login or a logout; the id has to be followed, or buried, all the same.
    """
    if SESSION_KEY in session:
        return
    sent = current_app.session_interface.open_session(current_app, request)
    if sent and SESSION_KEY in sent:
        session[SESSION_KEY] = sent[SESSION_KEY]
