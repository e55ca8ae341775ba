"""Where state lives that an attacker must not rewind: one protocol, several backends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.stores import redis_url
from flask_zerotrust.stores.base import Store, update
from flask_zerotrust.stores.in_memory import MemoryStore
from flask_zerotrust.stores.sqlite import SQLiteStore

__all__ = ["MemoryStore", "SQLiteStore", "Store", "from_url", "update"]

_SQLITE = "sqlite:///"


def from_url(
    url: str, *, instance_path: str | Path, testing: bool = False, clock: Callable[[], float] = time.time
) -> Store:
    """Return the store that ``ZEROTRUST_STORE`` names.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` (a relative file lives in the instance folder, which is made when it is
        missing, four slashes for an absolute one), ``redis://HOST:PORT/DB``, ``rediss://`` (the same
        over TLS), ``unix:///SOCKET``, or ``memory://``. A Redis is not connected to until it is used.
    instance_path : path
        The app's instance folder.
    testing : bool
        The app is run by its developer or a test. Elsewhere ``memory://`` is refused: nobody can tell how
        many workers there are, and each would have its own.
    clock : callable
        Seconds since the epoch. A Redis has a clock of its own.

    Raises
    ------
    ConfigError
        For ``memory://`` in production, for any other URL, for a folder that cannot be written, and for a
        Redis without its client.
    """
    if url == "memory://":
        if not testing:
            raise ConfigError(
                "ZEROTRUST_STORE = 'memory://' works only with DEBUG or TESTING: every worker has its own, "
                "so a code would count once in each, and all is forgotten at a restart. Use 'sqlite:///FILE'."
            )
        return MemoryStore(clock=clock)
    if url.startswith(_SQLITE) and url != _SQLITE:
        return SQLiteStore(_file(url.removeprefix(_SQLITE), Path(instance_path)), clock=clock)
    if url.startswith(redis_url.SCHEMES):
        return _redis(url)
    raise ConfigError(
        "ZEROTRUST_STORE must be 'sqlite:///FILE', 'redis://HOST:PORT/DB' or 'memory://', got "
        f"{_without_password(url)!r}. A relative FILE lives in the app's instance folder."
    )


def _redis(url: str) -> Store:
    try:
        from flask_zerotrust.stores.redis import RedisStore  # noqa: PLC0415 - optional package
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ConfigError(
            "ZEROTRUST_STORE names a Redis, whose client is not installed: "
            "pip install 'Flask-ZeroTrust[redis]'."
        ) from error
    return RedisStore.from_url(url)


def _file(name: str, instance: Path) -> Path:
    """Return where the file goes, having made the instance folder (and no other) when missing."""
    file = instance / name
    if not file.is_relative_to(instance):
        return file
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The instance folder {str(instance)!r} cannot be made ({error.strerror}). Make it and let the "
            "server's user write there, or give ZEROTRUST_STORE an absolute path: 'sqlite:////var/lib/...'."
        ) from error
    return file


def _without_password(url: str) -> str:
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}...@{rest.rpartition('@')[2]}" if "@" in rest else url
