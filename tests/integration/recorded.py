"""Recorded sessions, lived again over HTTP at their own times."""

from __future__ import annotations

import json

from flask_zerotrust.movement.wire import EventBatch, encode_planes
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.files import Recording

from .sites import Visitor


def envelope(visitor: Visitor, token: str, batch: EventBatch) -> str:
    """Return the batch as the collector would post it."""
    t0_ms = float(batch.t_ms[0])
    data = {
        "v": 1,
        "token": token,
        "nonce": visitor.nonce,
        "seq": visitor.seq,
        "t0": t0_ms,
        "sent": batch.sent_ms,
        "viewport": list(batch.viewport),
        "planes": encode_planes(batch, t0_ms=t0_ms),
    }
    visitor.seq += 1
    return json.dumps(data)


def live(visitor: Visitor, recording: Recording) -> Visitor:
    """Live a recorded session, at its own times."""
    began, token, first_ms = visitor.site.clock.now, visitor.token(), float(recording.t[0])
    for batch in batches(recording):
        visitor.site.clock.now = began + (batch.sent_ms - first_ms) / 1_000.0
        assert visitor.send(envelope(visitor, token, batch)).status_code == 204
    return visitor
