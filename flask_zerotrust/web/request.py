"""The app of the current request, its log, and the records that the request has read."""

from __future__ import annotations

import logging
from typing import Any, cast

from flask import Flask, current_app, request

log = logging.getLogger("flask_zerotrust")


def this_app() -> Flask:
    """Return the app itself, as the sender of signals."""
    # A LocalProxy has it, the Flask that it is typed as has not.
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]


def records_read() -> dict[str, Any]:
    """Return the records this request has read.

    Not kept on ``g``, which outlives the request where a test or a script has pushed an app context.
    """
    return cast("dict[str, Any]", request.environ.setdefault("flask_zerotrust.records", {}))


def is_developed(app: Flask) -> bool:
    """Return whether an app is run by its developer, who reads the terminal."""
    return bool(app.debug or app.testing)
