"""Movement on demand: recorded visits and simulated ones, through all that real movement goes through."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from flask.testing import FlaskClient

from flask_zerotrust import config, simulate
from flask_zerotrust.errors import RecordingError
from flask_zerotrust.movement import wire
from flask_zerotrust.recordings import files as recordings
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.timeline import Timeline
from flask_zerotrust.sessions.sessions import Entry
from flask_zerotrust.testing.client import inside
from flask_zerotrust.testing.risks import change
from flask_zerotrust.web.ingest import ingest
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.visit import CurrentRisk


def move(client: FlaskClient, visit: Recording | str | Path, *, session: str | None = None) -> CurrentRisk:
    """Move the pointer as somebody once did, and return the risk that the app's model makes of it.

    The movement goes through all that real movement goes through, and counts as having ended just now.

    Parameters
    ----------
    visit : Recording, str or Path
        Result of :func:`person` or :func:`bot`, or a file of recordings (docs/recording-format.md).
    session : str, optional
        Which of the file's visits. Needed where it holds several.

    Raises
    ------
    RecordingError
        For a file that cannot be read, or that does not hold this visit.

    Examples
    --------
    >>> testing.move(client, testing.bot("linear", strokes=20)).level
    'high'
    """
    recording = visit if isinstance(visit, Recording) else _read(visit, session)

    def feed(state: AppState) -> CurrentRisk:
        user = state.user()
        # Earlier visits, which also ended just now, leave no time for this one on the server's clock.
        entry = change(state, user, lambda before: replace(before, timeline=Timeline()))
        _feed(state, entry, user, recording)
        return state.visit.current()

    return inside(client, feed)


def person(seed: int = 0, *, strokes: int | None = None) -> Recording:
    """Return a visit of a simulated person, always the same for a seed.

    The model that ships takes the person of seed 0 for one, and about two in three of the others:
    simulated people are no recorded ones.

    Parameters
    ----------
    seed : int
    strokes : int, optional
        Number of strokes. Drawn if left out.

    Examples
    --------
    >>> testing.person(strokes=5).source
    'simulated_people'
    """
    return next(simulate.people(1, rng=np.random.default_rng(seed), strokes=strokes))


def bot(family: str = "bezier", seed: int = 0, *, strokes: int | None = None) -> Recording:
    """Return a visit of a simulated bot, always the same for a family and a seed.

    Parameters
    ----------
    family : str
        One of docs/research/simulators.md, such as ``"linear"`` or ``"wind"``.
    seed : int
    strokes : int, optional
        Number of strokes. Drawn if left out.

    Examples
    --------
    >>> testing.bot("wind", strokes=5).label
    'bot'
    """
    return next(simulate.bots(1, rng=np.random.default_rng(seed), families=[family], strokes=strokes))


def _read(path: str | Path, session: str | None) -> Recording:
    result = [visit for visit in recordings.read(path) if session in (None, visit.session)]
    if len(result) != 1:
        which = "" if session is None else f" called {session!r}"
        raise RecordingError(str(path), f"holds {len(result)} visits{which}: name one with session=")
    return result[0]


def _feed(state: AppState, entry: Entry, user: str | None, recording: Recording) -> None:
    """Take the visit's batches as the collector would have sent them, the last of them now."""
    parts, nonce, clock = list(batches(recording)), secrets.token_urlsafe(16), state.clock
    token, now = state.visit.page_token(entry, nonce), clock()
    limit = config.MAX_BATCH_BYTES
    try:
        for seq, batch in enumerate(parts):
            at = now - (parts[-1].sent_ms - batch.sent_ms) / 1_000.0
            state.clock = partial(float, at)
            body = _body(batch, token=token, nonce=nonce, seq=seq)
            ingest(state, body, entry=entry, user=user, max_bytes=limit)
    finally:
        state.clock = clock


def _body(batch: wire.EventBatch, *, token: str, nonce: str, seq: int) -> str:
    t0_ms = float(batch.t_ms[0])
    data = {
        "v": wire.WIRE_VERSION,
        "token": token,
        "nonce": nonce,
        "seq": seq,
        "t0": t0_ms,
        "sent": batch.sent_ms,
        "viewport": list(batch.viewport),
        "planes": wire.encode_planes(batch, t0_ms=t0_ms),
    }
    return json.dumps(data)
