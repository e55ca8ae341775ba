"""The audit log: every signal of an app as one JSON line, without codes, secrets, numbers or movement."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Flask, has_request_context, session

from flask_zerotrust import signals
from flask_zerotrust.sessions.sessions import SESSION_KEY, Entry, short_id

#: Where the lines go, at level INFO.
log = logging.getLogger("flask_zerotrust.audit")

# Codes and phone numbers are digits in a row. Ids of factors and words for actions are the app's own.
_DIGITS = re.compile(r"\+?[0-9][0-9 .()/-]{4,}[0-9]", re.ASCII)


# Ids that are no numbers of a phone, whatever digits they hold.
_IDS = ("user", "session", "browser")


def connect(app: Flask) -> None:
    """Write a line for every signal of this app from now on.

    Where nobody has set up logging, lines go to standard error, as Flask's own log does.
    """
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)
    if not log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
    for signal in signals.every():
        # Strong: nothing else holds the receiver. Blinker lets go of it with the app.
        signal.connect(partial(_write, signal.name), app, weak=False)


def _write(event: str, app: Flask, **members: Any) -> None:
    row = {"event": event, "at": round(app.extensions["zerotrust"].clock(), 3), **_session()}
    row |= {name: _clean(name, value) for name, value in members.items()}
    log.info("%s", json.dumps(row, default=str))


def _session() -> Mapping[str, str]:
    """Return the short id of the session at hand, which `flask zerotrust sessions` shows, too."""
    entry = Entry.from_session(session.get(SESSION_KEY)) if has_request_context() else None
    return {} if entry is None else {"session": short_id(entry.id)}


def _clean(name: str, value: Any) -> Any:
    """Shorten ids that open something. Blot out rows of digits, but not in ids of users and browsers."""
    if name == "challenge_id":
        return short_id(str(value))
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, tuple | list):
        return [_clean(name, item) for item in value]
    return _DIGITS.sub("#", value) if isinstance(value, str) and name not in _IDS else value
