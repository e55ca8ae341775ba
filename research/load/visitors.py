"""People who are logged in and have passed a step-up, made by the thousand, for wrk to act for."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from flask import Flask

from flask_zerotrust import ZeroTrust
from flask_zerotrust.movement import wire
from research.benchmarks import sites
from research.load.app import create_app
from research.load.serving import Served
from tests.clock import Clock
from tests.integration.sites import FixedScorer, Site

# Movements that batches take turns with: 600 events in ten strokes each, as in `make bench`.
MOVEMENTS = 32


@contextmanager
def same_app(served: Served) -> Iterator[Flask]:
    """Lend the app that is being served, in this process: same keys, same store."""
    with mock.patch.dict(os.environ, served.environ):
        app = create_app()
    yield app
    guard = app.extensions.get("zerotrust")
    if guard is not None:
        guard.store.close()


def prepare(served: Served, file: Path, *, visitors: int, others: int) -> None:
    """Put visitors, and records of others who are away, into the store; write down what wrk needs.

    A line of the file is a visitor's cookie, page token and nonce; the app without the extension takes
    them too.
    """
    with same_app(served) as app:
        lines = [_visitor(app, f"visitor-{i}") for i in range(visitors)]
        if "zerotrust" in app.extensions:
            sites.fill_store(Site(app, ZeroTrust(), Clock(time.time()), FixedScorer()), others)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def _visitor(app: Flask, user: str) -> str:
    session: dict[str, Any] = {"_user_id": user}
    nonce, token = secrets.token_urlsafe(16), "x" * 80
    if "zerotrust" in app.extensions:
        guard = app.extensions["zerotrust"]
        entry = guard.sessions.start(session, user)
        entry = guard.sessions.grant(session, entry, user=user, factor_id="totp", now=time.time())
        # As after the first batch: the model takes this movement for a bot's, which goes into the user's
        # ledger once. Later batches, which are those measured, write nothing there.
        guard.sessions.change(entry, user, lambda record: replace(record, latched=True, noted=2))
        token = guard.visit.page_token(entry, nonce)
    signer: Any = app.session_interface
    return f"{signer.get_signing_serializer(app).dumps(session)} {token} {nonce}"


def write_movements(file: Path) -> None:
    """Write down bodies, one a line, without token, nonce, number and the brace they begin with."""
    lines = []
    for seed in range(MOVEMENTS):
        batch = sites.movement(600, 10, seed=seed)
        body = {
            "v": wire.WIRE_VERSION,
            "t0": 0,
            "sent": batch.sent_ms,
            "viewport": list(batch.viewport),
            "planes": wire.encode_planes(batch, t0_ms=0),
        }
        lines.append(json.dumps(body).removeprefix("{"))
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
