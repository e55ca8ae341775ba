"""The one session key and the store record behind it. Works on any MutableMapping.

The session holds ids only. The record in the store decides.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from flask_zerotrust import config
from flask_zerotrust.config import CLOCK_SLACK_S, Settings
from flask_zerotrust.errors import PayloadError
from flask_zerotrust.keys import KeyRing, is_among
from flask_zerotrust.risk.level import RiskState
from flask_zerotrust.sessions.bounds import Bounds
from flask_zerotrust.sessions.endings import EPOCH_KEY, Endings, epoch_of
from flask_zerotrust.sessions.record import Grant, Ledger, Proof, Record
from flask_zerotrust.stores.base import Store, reading, update

SESSION_KEY = "_zerotrust"

# 128 bits, as OWASP's session management cheat sheet asks of session ids (at least 64).
ID_BYTES = 16

# So many elevated sessions of one user, none of them stepped up, latch the next: opening new
# sessions that each stay just below *high* does not help.
MAX_STRIKES = 3

# A step-up or a login this old changes no factors, however long the site lets one count elsewhere: who sits
# down at a browser left open would add their own. As long as a challenge may take (ZEROTRUST_CHALLENGE_S).
CHANGE_S = 900.0

# 128 bits in hexadecimal, of a keyed digest.
_TAG_CHARS = 32

# People whose tags a process need not make again, 200 bytes each: those at work at one time.
_KNOWN = 1_024


@dataclass(frozen=True, slots=True)
class Entry:
    """Ids that the signed session holds, under 300 bytes encoded. They say nothing of the risk.

    ``id`` names the store record and changes at login, logout and step-up. ``thread`` ties
    pending challenges to this browser. It changes at login and logout and before a first factor
    is made, but not at a step-up, so that a second tab's parked form survives the first tab's.
    ``user_tag`` is a digest of the user id, and ``pair`` one of the browser's pair cookie. ``at`` says when
    the app last wrote the session of a visitor, in wall-clock seconds: no login in it is younger.
    ``epoch`` is the user's when the session began.
    """

    id: str
    thread: str
    user_tag: str
    pair: str = ""
    at: float | None = None
    epoch: str = ""

    def to_session(self) -> dict[str, Any]:
        """Return the JSON form that :meth:`from_session` reads."""
        members: dict[str, Any] = {"id": self.id, "c": self.thread, "u": self.user_tag, "p": self.pair}
        members |= {"e": self.epoch} if self.epoch else {}
        return members if self.at is None else {**members, "t": round(self.at, 1)}

    @classmethod
    def from_session(cls, data: Any) -> Entry | None:
        """Read the session's entry. None where there is none or it is not ours."""
        try:
            return cls(data["id"], data["c"], data["u"], data["p"], data.get("t"), data.get("e", ""))
        except (TypeError, KeyError):
            return None


class Sessions:
    """Sessions and their records, over a store.

    Parameters
    ----------
    store : Store
    keys : KeyRing
        Makes the user tags.
    settings : Settings
    address : callable, optional
        Returns the address of the client that asks, or an empty text.
    """

    def __init__(
        self, store: Store, keys: KeyRing, settings: Settings, *, address: Callable[[], str] = str
    ) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings
        self._tags = lru_cache(_KNOWN)(
            lambda user: tuple(tag[:_TAG_CHARS] for tag in keys.digests("user-tag", user))
        )
        self.endings = Endings(store)
        self.bounds = Bounds(store, keys, settings, address=address)

    def entry(self, session: MutableMapping[str, Any], user: str | None, *, pair: str = "") -> Entry | None:
        """Return this session's entry if it belongs to this user and browser.

        ``pair`` is the digest of the pair cookie. A copied or planted session comes without the cookie.
        """
        result = _paired(session, pair)
        return result if result is not None and self._is_of(result, user) else None

    def start(
        self, session: MutableMapping[str, Any], user: str | None, *, pair: str = "", rotate: bool = False
    ) -> Entry:
        """Return this session's entry, making or rotating it where the user has changed.

        Movement before a login is the same hand's, so it is carried over. A logout, or another
        user, starts from nothing. ``rotate`` asks for a new id also where the user stays the same.
        An entry of another browser is replaced, and its record stays as it is. A login that nobody told of
        counts from the time of the visitor's entry, once.
        """
        result = _paired(session, pair)
        if result is None:
            fresh = self._new_entry(user, pair)
        elif not self._is_of(result, user):
            fresh = self._new_entry(user, pair)
            was_visitor = user is not None and self._is_of(result, None)
            self._move(result.id, fresh, user=user, keep=was_visitor)
            if was_visitor and result.at is not None:
                self._date_login(result, fresh, user, at=result.at)
        elif rotate:
            fresh = replace(result, id=_new_id(), epoch=self._epoch(user))
            self._move(result.id, fresh, user=user, keep=True)
            self._store.delete(_login_key(result.id))
        else:
            return result
        session[SESSION_KEY] = fresh.to_session()
        return fresh

    def part(self, session: MutableMapping[str, Any], user: str | None, *, pair: str = "") -> Entry:
        """Give this session an id and a thread that no copy of its cookie has. Its record goes along."""
        result = self.start(session, user, pair=pair)
        fresh = replace(result, id=_new_id(), thread=_new_id(), epoch=self._epoch(user))
        self._move(result.id, fresh, user=user, keep=True)
        at = self._login_at(result)
        if at is not None:
            self.note_login(fresh, user, at=at)
        session[SESSION_KEY] = fresh.to_session()
        return fresh

    def note_visitor(self, session: MutableMapping[str, Any], *, pair: str = "", now: float) -> None:
        """Keep in a visitor's session when the app wrote it: its user may be another from then on."""
        result = self.start(session, None, pair=pair)
        session[SESSION_KEY] = replace(result, at=now).to_session()

    def begin(self, entry: Entry, user: str, *, now: float) -> None:
        """Note a login in the session's record, so that its user sees the session among theirs.

        Nothing is noted of one that is over the bounds. The login itself goes on.
        """
        with suppress(PayloadError):
            self.change(entry, user, lambda record: replace(record, begun_at=now))

    def note_login(self, entry: Entry, user: str | None, *, at: float) -> None:
        """Keep when this session's user logged in, for as long as that may count."""
        self._store.put(_login_key(entry.id), repr(at).encode(), ttl_s=CHANGE_S, owner=_owner(user))

    def is_fresh_login(self, entry: Entry, *, now: float) -> bool:
        """Return whether this session's user logged in within the last CHANGE_S seconds.

        A login that is too old, or of the future, is forgotten: it stays so if the clock is set back.
        """
        at = self._login_at(entry)
        if at is not None and -CLOCK_SLACK_S <= now - at < CHANGE_S:
            return True
        self._store.delete(_login_key(entry.id))
        return False

    def _login_at(self, entry: Entry) -> float | None:
        raw = self._store.get(_login_key(entry.id))
        with reading("login:"):
            return None if raw is None else float(raw)

    def drop(self, session: MutableMapping[str, Any], *, pair: str = "") -> None:
        """Forget this session's entry and, if it is this browser's, bury its record (at logout)."""
        result = _paired(session, pair)
        if result is not None:
            self._bury(result.id)
            self._store.delete(_login_key(result.id))
        session.pop(SESSION_KEY, None)

    def record(self, session_id: str, *, user: str | None) -> Record | None:
        """Return the live record of a session, or None: unknown.

        A tombstone, or a record that belongs to another user, counts as none.
        """
        keys = (_key(session_id), _ledger_key(user or ""), EPOCH_KEY)
        raw, ledger, epoch = self._store.get_many(keys)
        result = Record.load(raw) if raw is not None else None
        if result is None or result.gone or (result.user is not None and result.user != user):
            return None
        return _as_now(result, Ledger.load(ledger), epoch_of(epoch))

    def is_ended(self, session: MutableMapping[str, Any]) -> bool:
        """Return whether this session was ended before its time, by its user or an operator.

        It asks nobody who is logged in, so that it can be asked before the app knows.
        """
        result = Entry.from_session(session.get(SESSION_KEY))
        if result is None or not result.user_tag:
            return False
        return self.endings.of(result.user_tag).reaches(epoch=result.epoch, thread=result.thread)

    def of(self, user: str) -> list[tuple[str, Record]]:
        """Return the ids and records of a user's live sessions."""
        prefix = _key("")
        keys = [key for key in self._store.owned("user:" + user) if key.startswith(prefix)]
        ids = [key.removeprefix(prefix) for key in keys]
        read = [(session_id, self.record(session_id, user=user)) for session_id in ids]
        return [(session_id, record) for session_id, record in read if record is not None]

    def end_one(self, user: str, session_id: str, record: Record) -> None:
        """End a session, with every copy of its cookie since the login."""
        self.endings.end_one(self._tags(user), "user:" + user, record.thread)
        self._bury(session_id)

    def end_all(self, user: str, *, keep: MutableMapping[str, Any] | None = None, pair: str = "") -> None:
        """End all sessions of a user, also those that have no record.

        ``keep`` is one that goes on, under an id that no copy of its cookie has.
        """
        self.endings.end_all(self._tags(user), "user:" + user)
        stored = self.part(keep, user, pair=pair).id if keep is not None else None
        for session_id, _ in self.of(user):
            if session_id != stored:
                self._bury(session_id)

    def change(self, entry: Entry, user: str | None, make: Callable[[Record], Record]) -> Record | None:
        """Apply a change to a session's record, atomically. A missing one starts with the user's ledger.

        Returns None, and changes nothing, where the id was rotated away.

        Raises
        ------
        PayloadError
            429 when too many new sessions come at once.
        """
        began = False

        after = Record()  # written by the last run of step, the one that won

        def step(raw: bytes | None) -> bytes:
            nonlocal after, began
            if raw is None and not began:
                self.bounds.admit(user)
                began = True
            before = self._as_now(Record.load(raw)) if raw is not None else self._first(user)
            if before.gone:
                after = before
                return before.dump()
            version = before.version + 1
            made = replace(make(before), user=user, version=version, thread=entry.thread)
            after = self._note(entry.id, replace(made, begun_at=made.begun_at or made.state.at))
            return after.dump()

        update(self._store, _key(entry.id), step, ttl_s=self.bounds.life_s(user), owner=_owner(user))
        if began:
            self._enlist(entry.id, after)
        return None if after.gone else after

    def grant(
        self,
        session: MutableMapping[str, Any],
        entry: Entry,
        *,
        user: str,
        factor_id: str,
        now: float,
        proof: Proof | None = None,
        lone_code: bool = False,
    ) -> Entry:
        """Record a passed step-up: rotate the id, answer the user's latch, restart the evidence.

        ``proof`` names the browser if it made a key with this step-up, and ``lone_code`` says that one
        recovery code alone was used.
        """
        before = self._bury(entry.id)
        fresh = replace(entry, id=_new_id())
        latch = self.ledger(user).latch
        record = Record(
            version=before.version + 1 if before else 1,
            user=user,
            state=RiskState(at=now),
            grant=Grant(user, now, factor_id, lone_code),
            proof=proof,
            proven=True,
            answered=latch,
            thread=entry.thread,
            begun_at=(before.begun_at if before else 0.0) or now,
            epoch=self.endings.epoch(),
        )
        self._put(fresh.id, record, instead_of=entry.id)
        self._answer(user, latch)
        session[SESSION_KEY] = fresh.to_session()
        return fresh

    def resume(self, session: MutableMapping[str, Any], entry: Entry, session_id: str) -> Entry | None:
        """Give a session the id again that its step-up gave it, where that answer was lost.

        Returns None, and changes nothing, if that id has ended or is of another thread.
        """
        raw = self._store.get(_key(session_id))
        result = Record.load(raw) if raw is not None else Record(gone=True)
        if result.gone or result.thread != entry.thread or session_id == entry.id:
            return None
        fresh = replace(entry, id=session_id)
        session[SESSION_KEY] = fresh.to_session()
        return fresh

    def prove(self, session: MutableMapping[str, Any], entry: Entry, proof: Proof) -> Entry | None:
        """Record a proof by the browser's key and rotate the id. The evidence stays.

        The proof counts for the new id only, so a copy of the former cookie gains nothing. Returns None,
        and changes nothing, if the id was rotated away before.
        """
        before = self._bury(entry.id)
        if before is None and self._store.get(_key(entry.id)) is not None:
            return None
        record = before if before is not None else self._first(proof.user)
        record = self._taken_over(record, proof.user)
        renewed = replace(record, proof=proof, proven=True, version=record.version + 1)
        begun_at, epoch = record.begun_at or proof.at, self.endings.epoch()
        renewed = replace(renewed, thread=entry.thread, begun_at=begun_at, epoch=epoch)
        fresh = replace(entry, id=_new_id())
        self._put(fresh.id, self._note(fresh.id, renewed), instead_of=entry.id)
        session[SESSION_KEY] = fresh.to_session()
        return fresh

    def ledger(self, user: str) -> Ledger:
        """Return the ledger of a user."""
        return Ledger.load(self._store.get(_ledger_key(user)))

    def live(self) -> list[tuple[str, Record]]:
        """Return the ids and records of all sessions: reads every one, so for commands only."""
        raws = ((key, self._store.get(key)) for key in self._store.keys(_key("")))
        result = [(key.removeprefix(_key("")), Record.load(raw)) for key, raw in raws if raw is not None]
        return [(session_id, self._as_now(record)) for session_id, record in result if not record.gone]

    def revoke(self, session_id: str, *, latches: bool) -> None:
        """End a session's grant. With ``latches`` also its latch, and the evidence behind it."""

        def step(record: Record) -> Record:
            ended = replace(record, grant=None, proof=None)
            if not latches:
                return ended
            state = RiskState(at=record.state.at)
            answered = self._first(record.user).answered
            return replace(ended, latched=False, suspect=False, noted=0, state=state, answered=answered)

        self._change(_key(session_id), step)

    def note_ages(self, session_id: str, *, now: float) -> None:
        """Keep how old a session's grant and proof are: a clock that is set back makes them no younger."""
        self._change(_key(session_id), lambda record: record.aged(now=now))

    def end_grants(
        self, user: str, *, factor_id: str | None = None, except_id: str | None = None
    ) -> list[str]:
        """End the grants and proofs of a user's sessions and return the ids of those sessions.

        Parameters
        ----------
        user : str
        factor_id : str, optional
            End only grants of this factor.
        except_id : str, optional
            Id of a session that keeps its grant.
        """
        ended = []
        for key in self._store.owned("user:" + user):
            session_id = key.removeprefix(_key(""))
            if session_id in (key, except_id):
                continue
            raw = self._store.get(key)
            record = Record.load(raw) if raw is not None else Record()
            by_factor = record.grant is not None and factor_id in (None, record.grant.factor_id)
            by_proof = record.proof is not None and factor_id is None
            if by_factor or by_proof:
                self.revoke(session_id, latches=False)
                ended.append(session_id)
        return ended

    def end_proofs(self, user: str, browsers: Collection[str]) -> None:
        """End the grants and proofs of a user's sessions in browsers that were forgotten."""
        for key in self._store.owned("user:" + user):
            session_id = key.removeprefix(_key(""))
            raw = self._store.get(key) if session_id != key else None
            proof = Record.load(raw).proof if raw is not None else None
            if proof is not None and proof.browser in browsers:
                self.revoke(session_id, latches=False)

    def forgive(self, user: str) -> None:
        """Empty the ledger of a user."""
        self._store.delete(_ledger_key(user))

    def _first(self, user: str | None) -> Record:
        """Return the record that a session starts with: the user's latch goes with the user."""
        held = self.ledger(user) if user is not None else Ledger()
        latched = held.latched or held.strikes >= MAX_STRIKES
        return Record(user=user, latched=latched, noted=2 if latched else 0, answered=held.latch)

    def _as_now(self, record: Record) -> Record:
        """Return a record as it counts now."""
        ledger, epoch = self._store.get_many((_ledger_key(record.user or ""), EPOCH_KEY))
        return _as_now(record, Ledger.load(ledger), epoch_of(epoch))

    def _taken_over(self, record: Record, user: str | None) -> Record:
        """Return a record as it goes on under a new id of a user, with the user's ledger applied."""
        first = self._first(user)
        if record.user != user:
            record = replace(record, user=user, answered=first.answered)
        if record.latched or not (first.latched or record.answered != first.answered != ""):
            return record
        return replace(record, latched=True, noted=2)

    def _trusted(self, record: Record) -> Record:
        """Return a record without grants and proofs that were ended for all users since."""
        if record.grant is None and record.proof is None:
            return record
        return record.trusted_in(self.endings.epoch())

    def _note(self, session_id: str, record: Record) -> Record:
        """Bring the user's ledger up to date with the record. Call it before storing the record.

        Safe to repeat after a lost race: one session is one latch and one strike.
        """
        wanted = 2 if record.latched else int(record.suspect)
        if record.user is None or wanted <= record.noted or not self._counts(record):
            return record

        def step(raw: bytes | None) -> bytes:
            held = Ledger.load(raw)
            struck = held.struck if session_id in held.struck else (*held.struck, session_id)[:MAX_STRIKES]
            latch = session_id if record.latched else held.latch
            return Ledger(held.latched or record.latched, latch, struck).dump()

        update(
            self._store,
            _ledger_key(record.user),
            step,
            ttl_s=config.LATCH_S,
            owner=_owner(record.user),
        )
        return replace(record, noted=wanted)

    def _answer(self, user: str, latch: str) -> None:
        """Close the ledger of a user, unless another session has raised a latch meanwhile."""
        key = _ledger_key(user)
        if self._store.get(key) is None:
            return

        def step(raw: bytes | None) -> bytes:
            held = Ledger.load(raw)
            return (Ledger(latch=latch) if held.latch == latch else held).dump()

        update(self._store, key, step, ttl_s=config.LATCH_S, owner=_owner(user))

    def _counts(self, record: Record) -> bool:
        """Return whether a session may be held against other sessions of its user.

        A session that has proven nothing may be a thief's, and has to pass a factor anyway.
        """
        return record.proven or self._settings.new_browser == "movement"

    def _change(self, key: str, make: Callable[[Record], Record]) -> None:
        """Apply a change to a live record that is there."""
        raw = self._store.get(key)
        while raw is not None and not (before := Record.load(raw)).gone:
            after = replace(make(before), version=before.version + 1).dump()
            owner = _owner(before.user)
            if self._store.swap(
                key, old=raw, new=after, ttl_s=self.bounds.life_s(before.user), owner=owner
            ):
                return
            raw = self._store.get(key)

    def _date_login(self, visitor: Entry, fresh: Entry, user: str | None, *, at: float) -> None:
        """Note a login by the visitor's entry, once: a copy of the cookie dates no second one."""
        if self._store.claim("login-of:" + visitor.id, ttl_s=2 * CHANGE_S):
            self.note_login(fresh, user, at=at)

    def _move(self, old_id: str, fresh: Entry, *, user: str | None, keep: bool) -> None:
        """Bury the old id's record. Where it is to be kept, it goes on under the new one."""
        before = self._bury(old_id)
        if not keep or before is None:
            return
        taken = self._taken_over(before, user)
        renewed = replace(taken, version=before.version + 1, thread=fresh.thread)
        self._put(fresh.id, self._note(fresh.id, renewed), instead_of=old_id)

    def _put(self, session_id: str, record: Record, *, instead_of: str) -> None:
        self._store.put(
            _key(session_id),
            record.dump(),
            ttl_s=self.bounds.life_s(record.user),
            owner=_owner(record.user),
        )
        self._enlist(session_id, record, instead_of=instead_of)

    def _enlist(self, session_id: str, record: Record, *, instead_of: str | None = None) -> None:
        """Count a record against its bound, and delete those that no longer fit."""
        self._delete(self.bounds.enlist(session_id, record, instead_of=instead_of))

    def _delete(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            self._store.delete(_key(session_id))

    def _bury(self, session_id: str) -> Record | None:
        """Put a tombstone where the record was, in one step, and return the record.

        None where there was none: without a record there is nothing that could be revived.
        """
        if self._store.get(_key(session_id)) is None:
            return None
        result: list[Record] = []

        def step(raw: bytes | None) -> bytes:
            before = Record.load(raw) if raw is not None else Record()
            result[:] = [before]
            return Record(version=before.version + 1, gone=True).dump()

        # Longer than any page token of this id is good for.
        life_s = max(self._settings.session_s, config.TOKEN_S)
        update(self._store, _key(session_id), step, ttl_s=life_s)
        if result[0].gone:
            return None
        if result[0].user is not None:
            self._delete(self.bounds.enlist_buried(session_id, result[0].user))
        return self._trusted(result[0])

    def _epoch(self, user: str | None) -> str:
        return "" if user is None else self.endings.of(self._tag(user)).epoch

    def _new_entry(self, user: str | None, pair: str) -> Entry:
        return Entry(_new_id(), _new_id(), self._tag(user), pair, epoch=self._epoch(user))

    def _tag(self, user: str | None) -> str:
        return "" if user is None else self._keys.digest("user-tag", user)[:_TAG_CHARS]

    def _is_of(self, entry: Entry, user: str | None) -> bool:
        if user is None or not entry.user_tag:
            return (user is None) == (not entry.user_tag)
        return is_among(entry.user_tag, self._tags(user))


def short_id(session_id: str) -> str:
    """Return the short id of a session for commands and logs: enough to find it, too little to be it."""
    return session_id[:8]


def _as_now(record: Record, ledger: Ledger, epoch: str) -> Record:
    """Return a record as it counts now.

    It has the latch that another session of its user has raised since, and no grant or proof of another
    epoch.
    """
    record = record.trusted_in(epoch)
    if record.latched or record.user is None or not ledger.reaches(record):
        return record
    return replace(record, latched=True, noted=2)


def _paired(session: MutableMapping[str, Any], pair: str) -> Entry | None:
    result = Entry.from_session(session.get(SESSION_KEY))
    return result if result is not None and result.pair == pair else None


def _new_id() -> str:
    return secrets.token_urlsafe(ID_BYTES)


def _key(session_id: str) -> str:
    return "session:" + session_id


def _login_key(session_id: str) -> str:
    return "login:" + session_id


def _ledger_key(user: str) -> str:
    return "ledger:" + user


def _owner(user: str | None) -> str | None:
    return None if user is None else "user:" + user
