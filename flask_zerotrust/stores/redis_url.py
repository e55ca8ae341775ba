"""What a ``redis://``, ``rediss://`` or ``unix://`` URL says, checked; knows no client library."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from flask_zerotrust.errors import ConfigError

SCHEMES = ("redis://", "rediss://", "unix://")
#: What every key begins with, unless the URL names a prefix.
PREFIX = "zerotrust:"
# A command takes 0.2 ms over a local network (203 us measured over TCP), so this is
# a server that is stuck; a person waits for a page no longer, and the answer is 503.
TIMEOUT_S = 2.0

_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OPTIONS = ("prefix", "timeout_s", "db")
_PORT = 6379


@dataclass(frozen=True, slots=True)
class Target:
    """Where a Redis is and how to speak to it.

    Attributes
    ----------
    scheme : {"redis", "rediss", "unix"}
    shown : str
        The URL without user, password and options, for messages.
    prefix : str
    timeout_s : float
        For connecting and for every answer.
    place : dict
        ``host`` and ``port``, or ``path``.
    more : dict
        Database, user, password, and files for TLS.
    """

    scheme: str
    shown: str
    prefix: str = PREFIX
    timeout_s: float = TIMEOUT_S
    place: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict, repr=False)


def parse(url: str) -> Target:
    """Return what a URL says; a password is never part of a message.

    Raises
    ------
    ConfigError
        For what is missing, unknown or out of range.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad("its host or port cannot be read; quote /, ?, #, @ and : in a password") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    _check_names(options, parts.scheme)
    place = _place(parts, port)
    more: dict[str, Any] = {"db": _database(parts, options)}
    more |= {name: unquote(said) for name in ("username", "password") if (said := getattr(parts, name))}
    more |= {name: options[name] for name in _TLS if name in options}
    where = place.get("path") or f"{place['host']}:{place['port']}"
    return Target(
        scheme=parts.scheme,
        shown=f"{parts.scheme}://{where}" + (f"/{more['db']}" if "host" in place else ""),
        prefix=options.get("prefix", PREFIX),
        timeout_s=_seconds(options.get("timeout_s", str(TIMEOUT_S))),
        place=place,
        more=more,
    )


def _check_names(options: dict[str, str], scheme: str) -> None:
    known = (*_OPTIONS, *_TLS) if scheme == "rediss" else _OPTIONS
    for name in options:
        if name not in known:
            raise _bad(f"its option {name!r} is not one of {', '.join(known)}")
    if options.get("prefix") == "":
        raise _bad("its prefix must not be empty: every key of this package begins with it")


def _place(parts: SplitResult, port: int | None) -> dict[str, Any]:
    if parts.fragment:
        raise _bad("it must not have a fragment; quote # in a password as %23")
    if parts.scheme == "unix":
        if parts.hostname or not parts.path:
            raise _bad("a socket is named like unix:///run/redis/redis.sock")
        return {"path": unquote(parts.path)}
    return {"host": parts.hostname or "localhost", "port": port or _PORT}


def _database(parts: SplitResult, options: dict[str, str]) -> int:
    named = "" if parts.scheme == "unix" else parts.path.strip("/")
    said = options.get("db", named) or "0"
    if not (said.isascii() and said.isdigit()):
        raise _bad(f"its database must be a number, as in redis://localhost:6379/0, got {said!r}")
    return int(said)


def _seconds(said: str) -> float:
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not 0 < value <= 60:
        raise _bad(f"its timeout_s must be above 0 and at most 60 seconds, got {said!r}")
    return value


def _bad(problem: str) -> ConfigError:
    return ConfigError(
        f"ZEROTRUST_STORE names a Redis, but {problem}. "
        "Example: 'redis://:PASSWORD@localhost:6379/0?prefix=zerotrust:'."
    )
