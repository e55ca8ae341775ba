"""Fixtures for every folder of tests, and one way of drawing examples."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from flask_zerotrust.factors.twilio_verify import TwilioVerify, VerifiedSmsFactor
from flask_zerotrust.recordings.datasets import sapimouse
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.stores import MemoryStore, SQLiteStore, Store
from tests.clock import Clock
from tests.compiled import share_compiled_rules, share_compiled_templates, share_the_model
from tests.constants import set_constants
from tests.desk import NUMBER, Desk
from tests.servers import RedisServer, empty_redis, redis_server
from tests.twilio_server import SID, TOKEN, serve_twilio
from tests.verify_server import SERVICE, FakeVerify

# The same examples every time, and no clock that decides on a busy machine.
settings.register_profile("same-everywhere", derandomize=True, deadline=None)
settings.load_profile("same-everywhere")
share_compiled_templates()
share_compiled_rules()
share_the_model()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the recordings and API descriptions that are kept beside the repository.

    ``ZEROTRUST_TEST_DATA`` names another one. Without any, the test fails in CI and is skipped elsewhere.
    """
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ZEROTRUST_TEST_DATA") or beside)
    if not folder.is_dir():
        reason = f"no test data in {folder}: set ZEROTRUST_TEST_DATA to the folder that holds it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def sapimouse_visits(shared_data: Path) -> tuple[Recording, ...]:
    """Both visits of all SapiMouse people, not to be changed: reading them takes seconds."""
    found = tuple(sapimouse(shared_data / "sapimouse-users1-72.tar.xz"))
    for recording in found:
        for plane in (recording.t, recording.x, recording.y):
            plane.setflags(write=False)
    return found


# In the order of preference: a test that runs on one store runs on the first of these that it knows.
STORES = ("memory", "sqlite", "redis")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--every-store``."""
    parser.addoption(
        "--every-store",
        action="store_true",
        help="run tests on memory, SQLite and Redis; without it only those marked every_store",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests that need recordings ``data``, and leave out what repeats a test on another store."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.data)
    if config.getoption("every_store"):
        return
    firsts: dict[str, int] = {}
    for item in items:
        name, rank = _store_of(item)
        firsts[name] = min(rank, firsts.get(name, rank))
    again = [item for item in items if _repeats(item, firsts)]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]


def _repeats(item: pytest.Item, firsts: dict[str, int]) -> bool:
    """Say whether a test runs on another store as well, and need not run on all."""
    name, rank = _store_of(item)
    return rank > firsts[name] and item.get_closest_marker("every_store") is None


def _store_of(item: pytest.Item) -> tuple[str, int]:
    """Return the name of a test without its store, and the rank of the store; 0 without one."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    for name in _STORE_FIXTURES & params.keys():
        if params[name] in STORES:
            others = sorted((k, repr(v)) for k, v in params.items() if k != name)
            return f"{item.nodeid.partition('[')[0]}{others}", STORES.index(params[name])
    return item.nodeid, 0


#: Fixtures whose parameter names a store.
_STORE_FIXTURES = {"make_desk", "kept", "store", "site", "durable", "both_url", "workers"}


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Note a measured figure, to be printed below the results whether the test passes or not."""
    return partial(record_property, "measured")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured: it comes with a test's outcome, from whichever process ran the test."""
    ended = [
        r for some in terminalreporter.stats.values() for r in some if getattr(r, "when", "") == "call"
    ]
    figures = [text for outcome in ended for name, text in outcome.user_properties if name == "measured"]
    if figures:
        terminalreporter.section("measured")
        for figure in figures:
            terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def a_redis() -> Iterator[RedisServer]:
    """A running Redis that the tests of this process take turns with, on a socket with a short path."""
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "redis"])
def make_desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Desk]]:
    """Return a function that makes a desk with some settings and constants, on the store of this test."""
    with every_store(request, tmp_path) as (store, clock):

        def make(**settings: Any) -> Desk:
            return Desk(store=store, clock=clock, **set_constants(monkeypatch, settings))

        yield make


@contextmanager
def every_store(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[Store, Clock]]:
    """Lend the store that a fixture's parameter names, empty, with the clock by which its rows expire."""
    if request.param == "redis":
        with empty_redis(request.getfixturevalue("a_redis")) as pair:
            yield pair
        return
    clock = Clock()
    made = MemoryStore(clock=clock) if request.param == "memory" else SQLiteStore(folder / "s", clock=clock)
    yield made, clock
    made.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """Challenges with the default settings."""
    return make_desk()


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[FakeVerify]:
    """Twilio Verify on loopback, by the clock of the challenges."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serve_twilio(FakeVerify(clock=desk.clock)) as fake:
        yield fake


@pytest.fixture
def verify(twilio: FakeVerify) -> TwilioVerify:
    """A service there."""
    return TwilioVerify(SID, TOKEN, SERVICE, 5.0, twilio.client())


@pytest.fixture
def sms(verify: TwilioVerify) -> VerifiedSmsFactor:
    """Ada's number, whose codes that service makes and checks."""
    return VerifiedSmsFactor(NUMBER, verify)
