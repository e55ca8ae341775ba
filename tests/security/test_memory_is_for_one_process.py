"""Row 11: a store that no other worker shares would count every code once a worker."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_zerotrust import ZeroTrust
from flask_zerotrust.errors import ConfigError


def make(**config: bool) -> ZeroTrust:
    app = Flask("bank")
    app.config.update(SECRET_KEY="key", ZEROTRUST_STORE="memory://", **config)
    return ZeroTrust(app)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_production_refuses_a_store_in_memory(monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
    """Whatever the environment says of workers: a server may start more."""
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    with pytest.raises(ConfigError, match="works only with DEBUG or TESTING"):
        make()


@pytest.mark.parametrize("key", ["DEBUG", "TESTING"])
def test_developers_and_tests_may_use_it(key: str) -> None:
    assert make(**{key: True})
