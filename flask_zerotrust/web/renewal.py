"""A session's former id leads on to its new one for a minute, in the browser that was given the new one.

An answer to a request of before the step-up can come after it, and put the older session back into the
browser. Every answer does where ``session.permanent`` is set. A cookie of its own came with the new id and
says that this is that browser. A copy of its cookies from before lacks it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import replace

from flask import request, session
from flask.wrappers import Response

from flask_zerotrust.sessions.sessions import SESSION_KEY, Entry
from flask_zerotrust.stores.base import Store, reading
from flask_zerotrust.web import pairing

#: Random value of one renewal. The store knows which ids it leads on, and where to.
RENEWED_COOKIE = "zerotrust_renewed"
#: For so long, in seconds.
RENEWED_S = 60
# Former ids that one value leads on: of several renewals within a minute.
_MAX_FORMER = 4
# 128 random bits, in base64url.
_BYTES = 16
_VALUE = re.compile(r"[A-Za-z0-9_-]{22}")
# Where a request keeps the value that its answer sets.
_SET = "flask_zerotrust.renewed"


def note(store: Store, former: str, fresh: str) -> None:
    """Keep where a session's former id leads. The answer to this request sets the cookie."""
    ids, _ = _of_this_browser(store)
    value = secrets.token_urlsafe(_BYTES)
    row = json.dumps([[*ids, former][-_MAX_FORMER:], fresh]).encode()
    store.put(_key(value), row, ttl_s=RENEWED_S)
    request.environ[_SET] = value


def follow(store: Store, *, keep: bool) -> None:
    """Put the new id into this request's session if an older answer has brought a former one back.

    ``keep`` says that the answer may write the session.
    """
    entry = Entry.from_session(session.get(SESSION_KEY)) if _sent() else None
    if entry is None:
        return
    former, fresh = _of_this_browser(store)
    if entry.id not in former:
        return
    modified = session.modified
    session[SESSION_KEY] = replace(entry, id=fresh).to_session()
    session.modified = keep or modified


def set_renewed(response: Response) -> None:
    """Set the cookie if this request has renewed the session's id."""
    value = request.environ.get(_SET)
    if value is not None:
        pairing.set_cookie(response, RENEWED_COOKIE, value, max_age=RENEWED_S)


def _of_this_browser(store: Store) -> tuple[list[str], str]:
    """Return the ids that this browser's cookie leads on, and where to."""
    value = _sent()
    raw = store.get(_key(value)) if value else None
    if raw is None:
        return [], ""
    with reading("renewed:"):
        former, fresh = json.loads(raw)
        return [str(item) for item in former], str(fresh)


def _sent() -> str:
    value = request.cookies.get(pairing.cookie_name(RENEWED_COOKIE), "")
    return value if _VALUE.fullmatch(value) else ""


def _key(value: str) -> str:
    return "renewed:" + hashlib.sha256(value.encode()).hexdigest()
