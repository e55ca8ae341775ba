"""Where guards stand: which views are behind one, and which stands above a route or below a cache."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from flask_zerotrust.errors import ConfigError

# Attributes of the functions that Flask-Caching, and functools or cachetools, make of a view.
_CACHE_MARKS = ("uncached", "cache_clear")

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
        Functions of requests to this app and to the other apps in this process.

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


def find_cached(views: Iterable[Callable[..., Any]]) -> None:
    """Refuse views whose guard stands below a cache, which would hand one user's answer to the next.

    Parameters
    ----------
    views : iterable of callable
        Functions of requests to this app.

    Raises
    ------
    ConfigError
        Naming the view.
    """
    guards = {id(guarded): guarded for guarded in list(_guards)}
    for way in (way for view in views for way in _ways(view)):
        caches = [index for index, function in enumerate(way) if _is_cache(function)]
        if caches and not guards.keys().isdisjoint(map(id, way[caches[0] :])):
            named = way[-1]
            raise ConfigError(
                f"@step_up_required on {named.__module__}.{named.__qualname__} stands below a cache, which "
                "would answer users whom nobody has asked. Put @step_up_required above the cache's "
                "decorator, and have the cache keep answers apart by user."
            )


def _is_cache(function: Callable[..., Any]) -> bool:
    """Return whether a decorator keeps answers: one of Flask-Caching, functools or cachetools.

    ``functools.wraps`` copies the mark to decorators further out, so that a copy does not count.
    """
    inner = getattr(function, "__wrapped__", None)
    own = ((getattr(function, mark, None), getattr(inner, mark, None)) for mark in _CACHE_MARKS)
    return any(mark is not None and mark is not copied for mark, copied in own)


def is_guarded(view: Callable[..., Any]) -> bool:
    """Say whether this view, or a method of this view class, stands behind a guard."""
    guards = {id(guarded) for guarded in list(_guards)}
    return any(not guards.isdisjoint(map(id, way)) for way in _ways(view))


def _ways(view: Callable[..., Any]) -> list[list[Callable[..., Any]]]:
    """Return the view with the functions that it wraps. For a view class, that of each method, too."""
    result = [_chain(view)]
    view_class = getattr(view, "view_class", None)
    for _, method in inspect.getmembers(view_class, inspect.isfunction) if view_class else ():
        result.append(_chain(method))
    return result


def _chain(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return the function and everything it wraps, outermost first."""
    result = [function]
    while hasattr(result[-1], "__wrapped__"):
        result.append(result[-1].__wrapped__)
    return result
