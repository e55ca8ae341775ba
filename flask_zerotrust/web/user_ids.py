"""Ids of Flask-Login's users: which of them stay when a password changes, as factors and latches need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from flask import current_app

from flask_zerotrust.errors import ConfigError

#: Names of attributes that hold an id which stays as it is.
STAYS = re.compile(r"_*(id|pk|u?uid|sub|dn|login|.*user_?id|(account|member|public)_id|.*name|.*mail.*)")
# The other parts of ids such as "admin-7".
_KIND = re.compile(r"[A-Z]?[a-z]+([A-Z][a-z]+)*[-_:|/.]|[-_:|/.][a-z]+")


def stable_id(user: Any) -> str:
    """Return the id by which the extension knows a user of Flask-Login.

    Flask-Security gives Flask-Login a random id, ``fs_uniquifier``, and a new one with every changed
    password. Its users are known by their primary key instead.
    """
    return str(user.id if hasattr(user, "fs_uniquifier") else user.get_id())


def check_user_model() -> None:
    """Raise ConfigError if the app's users of Flask-Security have no primary key named ``id``."""
    security: Any = current_app.extensions.get("security")
    model = getattr(getattr(security, "datastore", None), "user_model", None)
    if model is not None and not hasattr(model, "id"):
        raise ConfigError(
            f"{model.__name__} has no attribute id, and Flask-Security's fs_uniquifier changes with the "
            "password. Name a function with @zt.user_id_loader that returns an id which stays."
        )


def other_ids(user: Any, user_id: str) -> set[str]:
    """Return the further ids under which factors of a user may have been kept."""
    get_id = getattr(user, "get_id", None)  # which users of an API may lack
    ids = (get_id() if get_id is not None else None, getattr(user, "id", None))
    return {str(item) for item in ids if item is not None} - {user_id}


def may_change(user: Any, user_id: str, *, chosen: bool) -> bool:
    """Return whether an id of a user of Flask-Login may be another one after the next change of password.

    Parameters
    ----------
    user : object
        Flask-Login's user.
    user_id : str
        The id by which the extension knows this user.
    chosen : bool
        Whether the app's ``@zt.user_id_loader`` has returned it, and vouches for all but Flask-Security's.
    """
    if chosen or hasattr(user, "fs_uniquifier"):
        return user_id == str(getattr(user, "fs_uniquifier", None))
    return not any(_is_key(user_id, key) for key in _keys(user))


def _keys(user: Any) -> Iterator[str]:
    """Yield the values of a user's attributes that stay."""
    mapper = getattr(type(user), "__mapper__", None)
    columns = [column.key for column in mapper.primary_key] if mapper is not None else []
    for name in [*columns, *filter(STAYS.fullmatch, dir(user))]:
        with suppress(Exception):  # a property of the app's own, which is no id then
            value = getattr(user, name)
            if isinstance(value, str | int | UUID):
                yield str(value)


def _is_key(user_id: str, key: str) -> bool:
    """Return whether an id is a key, or a key beside the name of a kind of account, as in "admin-7"."""
    beside = [user_id.removeprefix(key), user_id.removesuffix(key)]
    return user_id == key or (key != "" and any(map(_KIND.fullmatch, beside)))
