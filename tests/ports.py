"""Loopback ports for the tests' servers, which do not take each other's while they start or are down."""

from __future__ import annotations

import itertools
import os
import random
import socket

# Below those that the kernel gives to connections, and to whoever asks for any port at all.
_FIRST, _EACH = 20_000, 1_000
# Test processes count from "gw0"; a run on its own is the last of the twelve that have room.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw11").removeprefix("gw")) % 12
_STARTS = itertools.count(random.SystemRandom().randrange(_EACH))


def free_port() -> int:
    """Return a loopback port that nobody has, and no other process of this test run will take."""
    while True:
        port = _FIRST + _WORKER * _EACH + next(_STARTS) % _EACH
        if _is_free(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
