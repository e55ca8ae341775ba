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
from tests.browser.os_input import may_hurry
from tests.clock import Clock
from tests.desk import NUMBER, Desk
from tests.servers import RedisServer, empty_redis, redis_server
from tests.twilio_server import SID, TOKEN, serve_twilio
from tests.verify_server import SERVICE, FakeVerify

# The same examples every time, and no clock that decides on a busy machine.
settings.register_profile("same-everywhere", derandomize=True, deadline=None)
settings.load_profile("same-everywhere")


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


# Of two busy cores, where a hand may not hurry, its events are 5 ms late in the median, and 1 to 3 ms
# with the others this far behind it (measured).
STEP_BACK = 10
_STARTED = pytest.StashKey[bool]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Of several processes, let those that do not begin with a hand step back for the one that does."""
    if "PYTEST_XDIST_WORKER" in os.environ and not item.config.stash.get(_STARTED, False):
        item.config.stash[_STARTED] = True
        if "display" not in getattr(item, "fixturenames", ()) and not may_hurry():
            os.nice(STEP_BACK)


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
def make_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Make a desk with settings of one's own, over each store: a promise for one of them is none."""
    with every_store(request, tmp_path) as (store, clock):

        def make(**settings: Any) -> Desk:
            return Desk(store=store, clock=clock, **settings)

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
