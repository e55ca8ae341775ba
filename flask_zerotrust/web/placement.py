"""Where guards stand: which views are behind one, and which guard stands above its route, in vain."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from flask_zerotrust.errors import ConfigError

# Guards that exist in this process.
_guards: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()


def note(guarded: Callable[..., Any]) -> None:
    """Keep in mind that this function, for as long as it exists, is a guard."""
    _guards.add(guarded)


def find_misplaced(
    views: Iterable[Callable[..., Any]], elsewhere: Iterable[Callable[..., Any]] = ()
) -> None:
    """Refuse functions whose guard stands above ``@app.route`` and the like, where it protects nothing.

    Parameters
    ----------
    views, elsewhere : iterable of callable
        What requests to this app, and to the other apps in this process, are led to.

    Raises
    ------
    ConfigError
        Naming the function.
    """
    guards = {id(guarded): guarded for guarded in list(_guards)}
    bare: set[int] = set()
    reached: set[int] = set()
    for way in (way for view in views for way in _ways(view)):
        ids = list(map(id, way))
        reached.update(ids)
        if guards.keys().isdisjoint(ids):
            bare.update(ids)
    reached.update(id(function) for view in elsewhere for way in _ways(view) for function in way)
    for guarded in (guards[i] for i in guards.keys() - reached):
        # Set by functools.wraps.
        inner: Callable[..., Any] = guarded.__wrapped__  # type: ignore[attr-defined]
        if not bare.isdisjoint(map(id, _chain(inner))):
            named = getattr(inner, "view_class", inner)
            raise ConfigError(
                f"@step_up_required on {named.__module__}.{named.__qualname__} guards nothing, because "
                "it stands above @app.route, or what else registers the function. Put @step_up_required "
                "below it, next to the function."
            )


def is_guarded(view: Callable[..., Any]) -> bool:
    """Say whether this view, or a method of this view class, stands behind a guard."""
    guards = {id(guarded) for guarded in list(_guards)}
    return any(not guards.isdisjoint(map(id, way)) for way in _ways(view))


def _ways(view: Callable[..., Any]) -> list[list[Callable[..., Any]]]:
    """Return the view with what it wraps; for a view class, that of each method, too."""
    found = [_chain(view)]
    view_class = getattr(view, "view_class", None)
    for _, method in inspect.getmembers(view_class, inspect.isfunction) if view_class else ():
        found.append(_chain(method))
    return found


def _chain(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return the function and everything it wraps, outermost first."""
    found = [function]
    while hasattr(found[-1], "__wrapped__"):
        found.append(found[-1].__wrapped__)
    return found
