"""The check of user ids: does a user keep the id by which factors and latches are kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from flask_zerotrust.cli.doctor.findings import Finding, Patient
from flask_zerotrust.web.user_ids import STAYS

_UNIQUIFIER = "fs_uniquifier"
_LOST = "a changed password would lose factors and latches"
_FIX = "Name a function with @zt.user_id_loader that returns an id which stays: str(current_user.id)."


def identities(patient: Patient) -> Iterator[Finding]:
    """Look for ids that change with the password: Flask-Security's, and alternative ids of Flask-Login."""
    loader = patient.state.loaders.user_id
    if loader is not None:
        if _UNIQUIFIER in _names(loader) or ("security" in patient.app.extensions and _gets_id(loader)):
            problem = f"@zt.user_id_loader returns {_UNIQUIFIER}: {_LOST}."
            yield Finding("error", "identities", problem, _FIX)
    elif "security" not in patient.app.extensions:
        for user_class in _user_classes(patient.app):
            problem = f"{user_class.__qualname__}.get_id() may return an id that changes: {_LOST}."
            yield Finding("warning", "identities", problem, _FIX)


def _user_classes(app: Any) -> Iterator[type[Any]]:
    """Yield classes beside Flask-Login's user loader whose ``get_id`` reads no key."""
    callback = getattr(getattr(app, "login_manager", None), "_user_callback", None)
    callback = inspect.unwrap(callback) if callback is not None else None
    cells = (cell.cell_contents for cell in getattr(callback, "__closure__", None) or ())
    for value in {*filter(inspect.isclass, [*getattr(callback, "__globals__", {}).values(), *cells])}:
        get_id = getattr(value, "get_id", None)
        if inspect.isfunction(get_id) and not any(map(STAYS.fullmatch, _names(get_id))):
            yield value


def _gets_id(loader: Callable[..., Any]) -> bool:
    return "get_id" in _names(loader)


def _names(function: Callable[..., Any]) -> set[str]:
    """Return the attributes and globals that a function reads."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return set(code.co_names) if code is not None else set()
