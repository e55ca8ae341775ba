"""Who is logged in, as the app tells it: a loader of its own, or Flask-Login."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import current_app, has_request_context, request

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.recordings.recorder import Consent
from flask_zerotrust.web.protection import Protection
from flask_zerotrust.web.user_ids import check_user_model, stable_id

UserIdLoader = Callable[[], str | int | UUID | None]
FactorsLoader = Callable[[str], Iterable[Factor]]
#: Whether this user agrees to a profile of how they move.
IdentityConsent = Callable[[str], bool]


#: Tells a user what has happened: (user id, event, in words). The event is "factor-added",
#: "factor-removed", "factors-reset", "unlocked", "recovery-codes-made", "recovery-code-used",
#: "browser-remembered", "wrong-codes" or "latched".
Notify = Callable[[str, str, str], None]


#: Ends the app's own login in the current request.
LogoutHandler = Callable[[], object]
AccountName = Callable[[str], str]
#: Sends a text message: (number as + and digits, text).
SendText = Callable[[str, str], object]


# A number, a UUID or another long row of hexadecimal digits.
_MACHINE_ID = re.compile(r"[0-9]+|[0-9a-fA-F-]{16,}")


@dataclass(slots=True)
class Loaders:
    """Functions of the app, and the endpoints that it guards, named before or after ``init_app``."""

    user_id: UserIdLoader | None = None
    factors: FactorsLoader | None = None
    record_consent: Consent | None = None
    identity_consent: IdentityConsent | None = None
    notify: Notify | None = None
    logout: LogoutHandler | None = None
    account_name: AccountName | None = None
    send_text: SendText | None = None
    protections: list[Protection] = field(default_factory=list)


def current_user_id(loader: UserIdLoader | None) -> str | None:
    """Return the id of the person who is logged in, or None.

    Raises
    ------
    ConfigError
        When the loader returns something that is no id.
    """
    if loader is None:
        return _flask_login_id()
    result: object = loader()
    if result is None or result == "":
        return None
    if isinstance(result, bool) or not isinstance(result, str | int | UUID):
        raise ConfigError(
            "The function registered with @zt.user_id_loader must return the user's id as a string, "
            "an int or a UUID, or None when nobody is logged in. It returned "
            f"{type(result).__name__}: return str(user.id)."
        )
    return str(result)


def account_name(loader: AccountName | None, user: str) -> str:
    """Return the name of the account on the user's devices. Empty for an id that only machines read.

    >>> account_name(None, "ada"), account_name(None, "7"), account_name(str.upper, "ada")
    ('ada', '', 'ADA')
    """
    if loader is not None:
        return str(loader(user))
    return "" if _MACHINE_ID.fullmatch(user) else user


def check_source(loader: UserIdLoader | None) -> None:
    """Raise ConfigError where the current app does not tell who is logged in, by an id that stays."""
    if loader is not None:
        return
    check_user_model()
    if not hasattr(current_app, "login_manager"):
        raise ConfigError(
            "Flask-ZeroTrust cannot tell who is logged in: set up Flask-Login, or name a function "
            "with @zt.user_id_loader that returns the user's id as a string, or None."
        )


def _flask_login_id() -> str | None:
    user = flask_login_user()
    return stable_id(user) if user is not None else None


def flask_login_user() -> Any:
    """Return Flask-Login's user of this request. None where nobody is logged in, or without Flask-Login."""
    if not hasattr(current_app, "login_manager"):
        return None
    from flask_login import current_user  # noqa: PLC0415 - adapter of an optional package

    # The user once, and not through the proxy, which would look the user up for every attribute.
    user = current_user._get_current_object()
    return user if user is not None and user.is_authenticated else None


def client_address() -> str:
    """Return the address of the client that asks. Empty outside of a request, and where there is none."""
    return (request.remote_addr or "") if has_request_context() else ""
