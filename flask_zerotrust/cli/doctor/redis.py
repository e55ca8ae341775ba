"""Checks of ``doctor`` in a Redis: whether it forgets, can be written, and can be read by others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask_zerotrust.cli.doctor.delivery import skew
from flask_zerotrust.cli.doctor.findings import Finding, Patient

# Streams that are read from behind an entry came with this release (2021-02).
_OLDEST = (6, 2)
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1")


def look(patient: Patient) -> Iterator[Finding]:
    """Look at how the store's server is set up.

    Raises
    ------
    StoreError
        Where it does not answer, which the check of the store reports.
    """
    store: Any = patient.state.store
    health = store.health()
    if version(health.version) < _OLDEST:
        yield Finding("error", "store", f"Redis {health.version} is too old.", "Use 6.2 or newer.")
    if health.cluster:
        text = (
            "This Redis is part of a cluster, which is not supported: scripts touch keys of several slots."
        )
        yield Finding("error", "store", text, "Name a Redis that is none (docs/stores.md).")
    if health.replica:
        text = "This Redis is a replica: it takes no writes, and what it says is late."
        yield Finding("error", "store", text, "Name the primary, or an address that follows it.")
    yield from _forgets(health)
    yield from _open_to_others(store.target)
    yield from skew(patient.state.clock() - health.now, "the Redis server's")


def _forgets(health: Any) -> Iterator[Finding]:
    if health.policy != "noeviction":
        now = health.maxmemory > 0
        text = f"Redis has maxmemory-policy {health.policy}" + (
            ": when its memory is full it drops counters of wrong codes, codes that were used, and latches."
            if now
            else ", which would drop counters of wrong codes once a maxmemory is set."
        )
        if health.evicted:
            text += f" It has dropped {health.evicted} keys since it started."
        fix = (
            "Set maxmemory-policy noeviction, in its configuration too. A shared cache needs its own Redis."
        )
        yield Finding("error" if now else "warning", "store", text, fix)
    if not health.appends:
        yield Finding(
            "warning",
            "store",
            "Redis has no append-only file: a restart rewinds to its last snapshot, so tries that were "
            "used up come back, and grants that were revoked.",
            "Set appendonly yes (appendfsync everysec), in its configuration too.",
        )


def _open_to_others(target: Any) -> Iterator[Finding]:
    host = next((host for host in target.hosts if not _LOOPBACK.fullmatch(host)), None)
    if host is None:
        return
    if target.more.get("ssl_check_hostname") is False:
        text = (
            f"It is not checked that {host} is your Redis: others on the way can read and change all of it."
        )
        fix = (
            "Name the provider's CA file with ssl_ca_certs. Leave out ssl_cert_reqs and ssl_check_hostname."
        )
        yield Finding("warning", "store", text, fix)
    if not target.encrypted:
        text = f"What is said to {host} crosses the network as plain text, the password included."
        yield Finding(
            "warning", "store", text, "Use rediss://, or a network that only these machines share."
        )
    if not target.more.get("password"):
        text = f"ZEROTRUST_STORE has no password: whoever reaches {host} can hand out grants."
        yield Finding("error", "store", text, "Give Redis a user for the app (docs/stores.md).")


def version(said: str) -> tuple[int, ...]:
    """Return the numbers of a version. Of none, the newest there is."""
    result = tuple(map(int, re.findall(r"\d+", said)[:2]))
    return result or (2**31,)
