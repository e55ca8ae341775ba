"""Movement on its way in: checked, scored, and folded into the record of its session."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from flask import Flask, current_app, request
from itsdangerous import BadSignature
from numpy.typing import NDArray

from flask_zerotrust import config, identity, movement, signals
from flask_zerotrust.config import Settings
from flask_zerotrust.errors import PayloadError, StoreError
from flask_zerotrust.identity.profile_store import Profiles
from flask_zerotrust.movement import wire
from flask_zerotrust.recordings.recorder import Recorder
from flask_zerotrust.replay.memory import ReplayMemory, Rows, rows_of
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk.timeline import Timeline
from flask_zerotrust.sessions.bounds import ANONYMOUS_S
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.sessions.sessions import Entry, Sessions, short_id
from flask_zerotrust.sessions.tokens import Tokens
from flask_zerotrust.stores.base import Store
from flask_zerotrust.web import recognition
from flask_zerotrust.web.form_movement import MAX_FIELD_BYTES, form_batches
from flask_zerotrust.web.users import Loaders

log = logging.getLogger("flask_zerotrust")

# Strokes of a batch that are scored, the first ones. A hand makes five in the 2 s between two batches.
MAX_STROKES = 40


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a batch shows, worked out once: folding it in runs again after every lost race."""

    batch: wire.EventBatch
    integrity: movement.Integrity
    heard: assess.Heard
    sight: recognition.Sight | None
    moved: Rows | None
    hits: assess.Hits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came of a batch: whether it latches the session, ends its grant (why), may be learnt from."""

    result: assess.Assessment
    latches: bool
    revoked: str | None
    teaches: bool


@dataclass(slots=True, kw_only=True)
class Intake:
    """What it takes to turn a batch into evidence; the guard is one."""

    settings: Settings
    store: Store
    scorer: assess.Scorer
    sessions: Sessions
    page_tokens: Tokens
    clock: Callable[[], float]
    loaders: Loaders
    profiles: Profiles
    background: identity.Background | None = None
    recorder: Recorder | None = None
    replays: ReplayMemory | None = None

    def ingest(self, body: bytes | str, *, entry: Entry | None, user: str | None, max_bytes: int) -> None:
        """Check, score and store one batch of movement.

        Raises
        ------
        PayloadError
            400 or 413 for what does not follow the format, 401 for a token of another session or
            page, 409 for a batch that was taken before, 429 for too many. Nothing is stored then.
        StoreError
        """
        if entry is None:
            raise no_session()
        envelope = wire.open_envelope(body, max_bytes=max_bytes)
        self._check_token(envelope, entry)
        batch = wire.decode(envelope, max_events=config.MAX_BATCH_EVENTS)
        self.sessions.bounds.admit_batch(user)
        # Without the session's id, so that a batch cannot count again after the id has changed.
        claim = f"batch:{envelope.nonce}:{envelope.seq}"
        # With a newer token it would be a batch that the client has made again, under any number.
        life_s = config.TOKEN_S if user is not None else min(config.TOKEN_S, ANONYMOUS_S)
        if not self.store.claim(claim, ttl_s=life_s):
            raise PayloadError("seq", "was used before; every batch has its own", status=409)
        try:
            self._count(batch, entry, user)
        except Exception:
            self.store.delete(claim)  # what did not count may be sent again
            raise
        if self.recorder is not None:
            consent = self.loaders.record_consent
            self.recorder.take(envelope, visit=entry.thread, user=user, consent=consent)

    def ingest_form(self, *, entry: Entry | None, user: str | None) -> None:
        """Take the movement that rides in a form post; a bad or late one is only logged."""
        for body in form_batches():
            try:
                self.ingest(body, entry=entry, user=user, max_bytes=MAX_FIELD_BYTES)
            except PayloadError as error:
                log.info("movement in a form post was left out: %s", error)

    def _check_token(self, envelope: wire.Envelope, entry: Entry) -> None:
        try:
            said = self.page_tokens.fresh(envelope.token, max_age_s=int(config.TOKEN_S))
        except BadSignature:
            said = None
        if said != [entry.id, envelope.nonce]:
            raise no_session()

    def _count(self, batch: wire.EventBatch, entry: Entry, user: str | None) -> None:
        now = self.clock()
        seen = self._see(batch, entry, user, now=now)
        outcome: _Outcome | None = None  # of the last run of step, the one that won

        def step(before: Record) -> Record:
            nonlocal outcome
            after, outcome = self._fold(before, seen, now=now)
            return after

        records_read().pop(entry.id, None)
        if self.sessions.change(entry, user, step) is None:
            raise PayloadError("token", "is of a session that has moved on", status=401)
        assert outcome is not None
        self._remember(seen.moved, visitor=user is None)
        if outcome.teaches and seen.sight is not None and self.background is not None:
            recognition.teach(self.profiles, seen.sight, now=now, background=self.background)
        _announce(outcome, entry, user)

    def _see(self, batch: wire.EventBatch, entry: Entry, user: str | None, *, now: float) -> _Seen:
        strokes, integrity = movement.split(batch).first(MAX_STROKES), movement.inspect(batch)
        features = movement.extract(strokes)
        heard = assess.rate(features, scorer=self.scorer)
        sight = self._look(user, batch, strokes, features)
        moved, hits = self._look_up(strokes, entry, visitor=user is None, now=now)
        return _Seen(batch, integrity, heard, sight, moved, hits)

    def _fold(self, before: Record, seen: _Seen, *, now: float) -> tuple[Record, _Outcome]:
        """Return the record with a batch in it, and what came of that."""
        timeline = before.timeline.add(seen.batch, now=now)
        believed = timeline.believable(seen.batch, now=now)
        result = assess.fold(
            seen.heard,
            before.state,
            seen=seen.integrity,
            hits=seen.hits,
            others=seen.sight.said if seen.sight is not None else (),
            scorer=self.scorer,
            now=now,
            half_life_s=self.settings.half_life_s,
            believed=believed,
        )
        against = _revokes(result.state)
        after = _after(before, result, timeline, against)
        teaches = False
        if seen.sight is not None:
            teaches = believed and recognition.may_teach(after, result, seen.sight, now=now)
        outcome = _Outcome(
            result=result,
            latches=result.level == "high" and not before.latched,
            revoked=against if before.grant is not None or before.proof is not None else None,
            teaches=teaches,
        )
        return after, outcome

    def _look(
        self,
        user: str | None,
        batch: wire.EventBatch,
        strokes: movement.Strokes,
        features: NDArray[np.float64],
    ) -> recognition.Sight | None:
        """Compare a batch with the profile of the user who is logged in, if that user agrees."""
        if self.background is None or user is None:
            return None
        if not recognition.agrees(self.loaders.identity_consent, user):
            return None
        return recognition.look(self.profiles, user, batch, strokes, features, background=self.background)

    def _look_up(
        self, strokes: movement.Strokes, entry: Entry, *, visitor: bool, now: float
    ) -> tuple[Rows | None, assess.Hits]:
        """Return a batch's strokes as the memory keeps them, and what it knows of each."""
        if self.replays is None:
            return None, ()
        moved = rows_of(strokes, thread=entry.thread, now=now)
        return moved, self.replays.look_up(moved, now=now, visitor=visitor)

    def _remember(self, moved: Rows | None, *, visitor: bool) -> None:
        """Keep the strokes of a batch that counted; without them it counts all the same."""
        if self.replays is None or moved is None:
            return
        try:
            self.replays.remember(moved, visitor=visitor)
        except StoreError:
            log.exception("the memory of movement could not be written; these strokes are not in it")


def no_session() -> PayloadError:
    """Return what a batch gets that belongs to no session of this browser."""
    return PayloadError("token", "is not of this session and page, or too old", status=401)


def _after(before: Record, result: assess.Assessment, timeline: Timeline, against: str | None) -> Record:
    """Return the record as a batch leaves it."""
    return replace(
        before,
        state=result.state,
        timeline=timeline,
        strokes=before.strokes + len(result.strokes),
        latched=before.latched or result.level == "high",
        suspect=before.suspect or result.level in ("elevated", "high"),
        # A code that was passed before another person, or a recording, began answers nothing.
        grant=None if against else before.grant,
        proof=None if against else before.proof,
    )


def _announce(outcome: _Outcome, entry: Entry, user: str | None) -> None:
    """Send the signals of a batch that counted."""
    app, result = this_app(), outcome.result
    signals.risk_assessed.send(
        app,
        user=user,
        level=result.level,
        risk=result.value,
        strokes=len(result.strokes),
        reasons=result.reasons,
    )
    if outcome.latches:
        signals.session_latched.send(app, user=user, level=result.level, reasons=result.reasons)
    if outcome.revoked is not None:
        signals.grant_revoked.send(
            app,
            user=user,
            session=short_id(entry.id),
            reason=outcome.revoked,
            latch_lifted=False,
        )


def _revokes(state: risk.RiskState) -> str | None:
    """Return the reason for which a code that was passed before answers nothing any more, or None."""
    if risk.is_other(state):
        return "different_person"
    return "replayed_movement" if risk.is_replayed(state) else None


def this_app() -> Flask:
    """Return the app itself, as the sender of signals."""
    # A LocalProxy has it, the Flask that it is typed as has not.
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]


def records_read() -> dict[str, Any]:
    """Return the records this request has read.

    Not kept on ``g``, which outlives the request where a test or a script has pushed an app context.
    """
    return cast("dict[str, Any]", request.environ.setdefault("flask_zerotrust.records", {}))
