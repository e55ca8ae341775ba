"""Reads the URL of a Redis, also as platforms hand it out. Knows no client library."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from flask_zerotrust.errors import ConfigError

#: How URLs of a Redis begin. Those of Valkey mean a Redis, too.
SCHEMES = (
    "redis://",
    "rediss://",
    "unix://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "valkey://",
    "valkeys://",
)
#: Start of every key, unless the URL names a prefix.
PREFIX = "zerotrust:"
# A command takes 0.2 ms over a local network (203 us measured over TCP), so this is
# a server that is stuck. A person waits for a page no longer, and the answer is 503.
TIMEOUT_S = 2.0

_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS = (*_TLS_FILES, "ssl_cert_reqs", "ssl_check_hostname")
# Other clients' names for the longest wait.
_WAITS = ("timeout_s", "socket_timeout", "socket_connect_timeout")
_COUNTS = ("health_check_interval", "max_connections")
_OPTIONS = ("prefix", *_WAITS, "db", *_COUNTS)
_SENTINEL = ("sentinel_username", "sentinel_password")
# Options of other clients that this store decides by itself: it speaks bytes, and sends nothing twice.
_NEEDLESS = (
    "decode_responses",
    "encoding",
    "encoding_errors",
    "protocol",
    "retry_on_timeout",
    "socket_keepalive",
)
_VALKEY = {"valkey": "redis", "valkeys": "rediss"}
_PORT, _SENTINEL_PORT = 6379, 26379
_YES_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_UNREADABLE = "its host or port cannot be read; quote /, ?, #, @ and : in a password"
_CERTIFICATES = ("none", "optional", "required")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a Redis is and how to speak to it.

    Attributes
    ----------
    scheme : {"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"}
    shown : str
        The URL without user, password and options, for messages.
    prefix : str
    timeout_s : float
        For connecting and for every answer.
    place : dict
        ``host`` and ``port``, or ``path``, or ``sentinels`` (pairs of host and port) and ``service``.
    more : dict
        Database, user, password, how TLS is checked, and limits of connections.
    sentinel : dict
        User and password of the sentinels.
    """

    scheme: str
    shown: str
    prefix: str = PREFIX
    timeout_s: float = TIMEOUT_S
    place: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def hosts(self) -> list[str]:
        """Return the names of the machines. None for a socket."""
        named = [host for host, _ in self.place.get("sentinels", ())]
        return named or [host for host in (self.place.get("host"),) if host is not None]

    @property
    def encrypted(self) -> bool:
        """Return whether connections use TLS."""
        return self.scheme.startswith("rediss")


def parse(url: str) -> Target:
    """Return the options of a URL. A password is never part of a message.

    Raises
    ------
    ConfigError
        For options that are missing, unknown or out of range.
    """
    parts = _split(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    scheme = _VALKEY.get(parts.scheme, parts.scheme)
    _check_names(options, scheme)
    place = _place(parts, scheme)
    more: dict[str, Any] = {"db": _database(parts, scheme, options)}
    more |= {name: unquote(text) for name in ("username", "password") if (text := getattr(parts, name))}
    more |= _tls(options) | {name: _count(name, options[name]) for name in _COUNTS if name in options}
    return Target(
        scheme=scheme,
        shown=_shown(scheme, place, more["db"]),
        prefix=options.get("prefix", PREFIX),
        timeout_s=_seconds(options),
        place=place,
        more=more,
        sentinel={name.removeprefix("sentinel_"): options[name] for name in _SENTINEL if name in options},
    )


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise _bad(_UNREADABLE) from None


def _check_names(options: dict[str, str], scheme: str) -> None:
    known: tuple[str, ...] = (*_OPTIONS, *_TLS) if scheme.startswith("rediss") else _OPTIONS
    known += _SENTINEL if "sentinel" in scheme else ()
    for name in options:
        if name not in known and name not in _NEEDLESS:
            raise _bad(f"its option {name!r} is not one of {', '.join(known)}")
    if options.get("prefix") == "":
        raise _bad("its prefix must not be empty: every key of this package begins with it")


def _place(parts: SplitResult, scheme: str) -> dict[str, Any]:
    if parts.fragment:
        raise _bad("it must not have a fragment; quote # in a password as %23")
    if scheme == "unix":
        if parts.hostname or not parts.path:
            raise _bad("a socket is named like unix:///run/redis/redis.sock")
        return {"path": unquote(parts.path)}
    if "sentinel" in scheme:
        return _sentinels(parts)
    host, port = _address(parts.netloc.rpartition("@")[2], _PORT)
    return {"host": host or "localhost", "port": port}


def _sentinels(parts: SplitResult) -> dict[str, Any]:
    service = parts.path.strip("/").partition("/")[0]
    if not service:
        raise _bad(
            "sentinels need the name of their primary: redis+sentinel://HOST1:26379,HOST2:26379/NAME/0"
        )
    hosts = parts.netloc.rpartition("@")[2].split(",")
    result = [_address(host, _SENTINEL_PORT) for host in hosts]
    return {
        "sentinels": [(host or "localhost", port) for host, port in result],
        "service": unquote(service),
    }


def _address(text: str, port: int) -> tuple[str | None, int]:
    try:
        parts = urlsplit("//" + text)
        return parts.hostname, parts.port or port
    except ValueError:
        raise _bad(_UNREADABLE) from None


def _shown(scheme: str, place: dict[str, Any], db: int) -> str:
    if "path" in place:
        return f"{scheme}://{place['path']}"
    if "service" in place:
        hosts = ",".join(f"{host}:{port}" for host, port in place["sentinels"])
        return f"{scheme}://{hosts}/{place['service']}/{db}"
    return f"{scheme}://{place['host']}:{place['port']}/{db}"


def _tls(options: dict[str, str]) -> dict[str, Any]:
    """Return how a server's certificate is checked, where the URL says so."""
    result: dict[str, Any] = {name: options[name] for name in _TLS_FILES if name in options}
    if "ssl_check_hostname" in options:
        result["ssl_check_hostname"] = _YES_NO.get(options["ssl_check_hostname"].lower())
        if result["ssl_check_hostname"] is None:
            raise _bad("its ssl_check_hostname must be true or false")
    if "ssl_cert_reqs" in options:
        result["ssl_cert_reqs"] = options["ssl_cert_reqs"].lower().removeprefix("cert_")
        if result["ssl_cert_reqs"] not in _CERTIFICATES:
            raise _bad(f"its ssl_cert_reqs must be one of {', '.join(_CERTIFICATES)}")
    if result.get("ssl_cert_reqs") == "none":
        result["ssl_check_hostname"] = False  # nobody vouches for a name
    return result


def _count(name: str, log_odds: str) -> int:
    if not (log_odds.isascii() and log_odds.isdigit() and len(log_odds) < 10):
        raise _bad(f"its {name} must be a whole number, got {log_odds!r}")
    return int(log_odds)


def _database(parts: SplitResult, scheme: str, options: dict[str, str]) -> int:
    named = "" if scheme == "unix" else parts.path.strip("/")
    named = named.partition("/")[2] if "sentinel" in scheme else named
    text = options.get("db", named) or "0"
    if not (text.isascii() and text.isdigit()):
        raise _bad(f"its database must be a number, as in redis://localhost:6379/0, got {text!r}")
    return int(text)


def _seconds(options: dict[str, str]) -> float:
    name = next((name for name in _WAITS if name in options), "timeout_s")
    text = options.get(name, str(TIMEOUT_S))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 60:
        raise _bad(f"its {name} must be above 0 and at most 60 seconds, got {text!r}")
    return value


def _bad(problem: str) -> ConfigError:
    return ConfigError(
        f"ZEROTRUST_STORE names a Redis, but {problem}. "
        "Example: 'redis://:PASSWORD@localhost:6379/0?prefix=zerotrust:'."
    )
