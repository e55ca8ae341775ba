"""``step_up_required``: the line above a view that makes it protected."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeGuard, TypeVar, overload

from flask import after_this_request, current_app, request

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.web import downloads, placement, responses
from flask_zerotrust.web.enforce import enforce
from flask_zerotrust.web.state import this_state

View = TypeVar("View", bound=Callable[..., Any])

# As for ZEROTRUST_GRANT_S: nobody is still the same person at the keyboard a day later.
MAX_AGE_S = 86_400
# Of RFC 9110, without CONNECT and TRACE, which no view answers.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@overload
def step_up_required(view: View) -> View: ...
@overload
def step_up_required(
    *,
    max_risk: float | None = None,
    max_age_s: float | None = None,
    always: bool = False,
    action: str | None = None,
    methods: Collection[str] | None = None,
) -> Callable[[View], View]: ...


def step_up_required(
    view: Any = None,
    *,
    max_risk: float | None = None,
    max_age_s: float | None = None,
    always: bool = False,
    action: str | None = None,
    methods: Collection[str] | None = None,
) -> Any:
    """Ask for a one-time code before the view in a new browser, and if movement looks like a machine's.

    Stands below ``@app.route``. Works on functions, coroutine functions, methods of a
    ``MethodView`` and in a view class's ``decorators``.

    Parameters
    ----------
    max_risk : float, optional
        Highest risk in [0, 1] with which the view runs. Default ``ZEROTRUST_MAX_RISK``. A view that names
        it also asks *unknown* sessions.
    max_age_s : float, optional
        Age in seconds up to which a passed code counts here. It implies ``always``.
    always : bool
        Let only a young code open the view, whatever the browser and the risk. For money and admin pages.
    action : str, optional
        Action that the user is about to take, for "before you ...", such as ``"send a transfer"``.
    methods : collection of str, optional
        HTTP methods that are guarded, such as ``["POST"]``. All of them if left out. ``"GET"`` includes
        HEAD.

    Raises
    ------
    ConfigError
        For limits out of range. At the first request when it stands above ``@app.route``.

    Examples
    --------
    >>> @app.post("/transfer")
    ... @step_up_required(action="send a transfer")
    ... def transfer():
    ...     return "sent"
    """
    _check(view, max_risk, max_age_s)
    guarded_methods = _methods(methods)

    def guard_view(inner: View) -> View:
        @wraps(inner)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if guarded_methods is not None and request.method not in guarded_methods:
                return current_app.ensure_sync(inner)(*args, **kwargs)
            state = this_state()
            terms = state.terms(max_risk=max_risk, max_age_s=max_age_s, always=always)
            answer = enforce(state, terms, action)
            if answer is not None:
                return answer
            if state.settings.mode == "enforce":
                responses.note_guarded()
                if downloads.follows_challenge():
                    after_this_request(downloads.with_page)
            return current_app.ensure_sync(inner)(*args, **kwargs)

        placement.note(guarded)
        # A view of the same signature, which functools.wraps cannot tell mypy.
        return guarded  # type: ignore[return-value]

    return guard_view if view is None else guard_view(view)


def _check(view: object, max_risk: object, max_age_s: object) -> None:
    if view is not None and not callable(view):
        raise ConfigError(
            f"@step_up_required takes keyword arguments only, such as max_risk=0.5, got {view!r}."
        )
    if inspect.isclass(view):
        raise ConfigError(
            f"@step_up_required cannot stand on the class {view.__qualname__}: put it on its methods, or "
            "into the class as decorators = [step_up_required]."
        )
    if max_risk is not None and not (_is_number(max_risk) and 0 <= max_risk <= 1):
        raise ConfigError(f"max_risk must be in [0, 1], got {max_risk!r}. A lower value challenges more.")
    if max_age_s is not None and not (_is_number(max_age_s) and 0 < max_age_s <= MAX_AGE_S):
        raise ConfigError(f"max_age_s must be above 0 and at most {MAX_AGE_S} seconds, got {max_age_s!r}.")


def _methods(methods: Collection[str] | None) -> frozenset[str] | None:
    """Return the methods that are guarded. None for all of them."""
    if methods is None:
        return None
    named = frozenset() if isinstance(methods, str) else frozenset(name.upper() for name in methods)
    if not named or not named <= METHODS:
        raise ConfigError(
            f"methods must be a list of HTTP methods, such as ['POST'], got {methods!r}. "
            "Leave it out to guard all of them."
        )
    return named | {"HEAD"} if "GET" in named else named


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
