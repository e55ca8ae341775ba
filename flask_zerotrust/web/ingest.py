"""Take a batch of movement: check it, count it in its session, and send its signals."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature

from flask_zerotrust import config, movement, signals
from flask_zerotrust.errors import PayloadError, StoreError
from flask_zerotrust.movement import wire
from flask_zerotrust.replay.memory import Rows, rows_of
from flask_zerotrust.risk import assess, batch
from flask_zerotrust.sessions.bounds import ANONYMOUS_S
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.sessions.sessions import Entry, short_id
from flask_zerotrust.web import recognition
from flask_zerotrust.web.form_movement import MAX_FIELD_BYTES, form_batches
from flask_zerotrust.web.request import log, records_read, this_app
from flask_zerotrust.web.state import AppState


@dataclass(frozen=True, slots=True)
class _Counted:
    """A batch in its record: whether it latches the session, ends its grant (why), may be learnt from."""

    result: assess.Assessment
    latches: bool
    revoked: str | None
    teaches: bool


def ingest(
    state: AppState, body: bytes | str, *, entry: Entry | None, user: str | None, max_bytes: int
) -> None:
    """Check, score and store one batch of movement.

    Raises
    ------
    PayloadError
        400 or 413 for input that does not follow the format, 401 for a token of another session or
        page, 409 for a batch that was taken before, 429 for too many. Nothing is stored then.
    StoreError
    """
    if entry is None:
        raise no_session()
    envelope = wire.open_envelope(body, max_bytes=max_bytes)
    _check_token(state, envelope, entry)
    events = wire.decode(envelope, max_events=config.MAX_BATCH_EVENTS)
    state.sessions.bounds.admit_batch(user)
    # Without the session's id, so that a batch cannot count again after the id has changed.
    claim = f"batch:{envelope.nonce}:{envelope.seq}"
    # With a newer token it would be a batch that the client has made again, under any number.
    life_s = config.TOKEN_S if user is not None else min(config.TOKEN_S, ANONYMOUS_S)
    if not state.store.claim(claim, ttl_s=life_s):
        raise PayloadError("seq", "was used before; every batch has its own", status=409)
    try:
        _count(state, events, entry, user)
    except Exception:
        state.store.delete(claim)  # a batch that did not count may be sent again
        raise
    if state.recorder is not None:
        state.recorder.take(envelope, visit=entry.thread, user=user, consent=state.loaders.record_consent)


def ingest_form(state: AppState, *, entry: Entry | None, user: str | None) -> None:
    """Take the movement that rides in a form post. A bad or late one is only logged."""
    for body in form_batches():
        try:
            ingest(state, body, entry=entry, user=user, max_bytes=MAX_FIELD_BYTES)
        except PayloadError as error:
            log.info("movement in a form post was left out: %s", error)


def no_session() -> PayloadError:
    """Return the error for a batch that belongs to no session of this browser."""
    return PayloadError("token", "is not of this session and page, or too old", status=401)


def _check_token(state: AppState, envelope: wire.Envelope, entry: Entry) -> None:
    try:
        bound_to = state.page_tokens.fresh(envelope.token, max_age_s=int(config.TOKEN_S))
    except BadSignature:
        bound_to = None
    if bound_to != [entry.id, envelope.nonce]:
        raise no_session()


def _count(state: AppState, events: wire.EventBatch, entry: Entry, user: str | None) -> None:
    """Fold a batch into its session's record. Folding runs again after every lost race. Seeing does not."""
    now = state.clock()
    evidence = batch.see(events, scorer=state.scorer)
    profile_match = _look(state, user, evidence)
    shifted, hits = _look_up(state, evidence.strokes, entry, visitor=user is None, now=now)
    counted: _Counted | None = None  # of the last run of step, the one that won

    def step(before: Record) -> Record:
        nonlocal counted
        outcome = batch.fold(
            evidence,
            before.state,
            before.timeline,
            hits=hits,
            others=profile_match.said if profile_match is not None else (),
            scorer=state.scorer,
            now=now,
            half_life_s=state.settings.half_life_s,
        )
        after = before.moved(outcome)
        result, granted = outcome.result, before.grant is not None or before.proof is not None
        counted = _Counted(
            result=result,
            latches=result.level == "high" and not before.latched,
            revoked=outcome.against if granted else None,
            teaches=profile_match is not None
            and outcome.believed
            and recognition.may_teach(after, result, profile_match, now=now),
        )
        return after

    records_read().pop(entry.id, None)
    if state.sessions.change(entry, user, step) is None:
        raise PayloadError("token", "is of a session that has moved on", status=401)
    assert counted is not None
    _remember(state, shifted, visitor=user is None)
    if counted.teaches and profile_match is not None and state.background is not None:
        recognition.teach(state.profiles, profile_match, now=now, background=state.background)
    _announce(counted, entry, user)


def _look(state: AppState, user: str | None, known: batch.Seen) -> recognition.Sight | None:
    """Compare a batch with the profile of the user who is logged in, if that user agrees."""
    if state.background is None or user is None:
        return None
    if not recognition.agrees(state.loaders.identity_consent, user):
        return None
    return recognition.look(
        state.profiles, user, known.batch, known.strokes, known.features, background=state.background
    )


def _look_up(
    state: AppState, strokes: movement.Strokes, entry: Entry, *, visitor: bool, now: float
) -> tuple[Rows | None, assess.Hits]:
    """Return a batch's strokes as the memory keeps them, and its matches of each."""
    if state.replays is None:
        return None, ()
    result = rows_of(strokes, thread=entry.thread, now=now)
    return result, state.replays.look_up(result, now=now, visitor=visitor)


def _remember(state: AppState, rows: Rows | None, *, visitor: bool) -> None:
    """Keep the strokes of a batch that counted. Without them it counts all the same."""
    if state.replays is None or rows is None:
        return
    try:
        state.replays.remember(rows, visitor=visitor)
    except StoreError:
        log.exception("the memory of movement could not be written; these strokes are not in it")


def _announce(counted: _Counted, entry: Entry, user: str | None) -> None:
    """Send the signals of a batch that counted."""
    app, result = this_app(), counted.result
    signals.risk_assessed.send(
        app,
        user=user,
        level=result.level,
        risk=result.value,
        strokes=len(result.strokes),
        reasons=result.reasons,
    )
    if counted.latches:
        signals.session_latched.send(app, user=user, level=result.level, reasons=result.reasons)
    if counted.revoked is not None:
        signals.grant_revoked.send(
            app,
            user=user,
            session=short_id(entry.id),
            reason=counted.revoked,
            latch_lifted=False,
        )
