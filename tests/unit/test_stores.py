"""One suite over every store: the same promises, whatever is behind them."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.stores import MemoryStore, SQLiteStore, Store, connections, from_url, sqlite, update
from tests.clock import Clock
from tests.conftest import every_store
from tests.servers import emptied

pytestmark = pytest.mark.every_store

THREADS = 50
PROCESSES = 4
_BARRIER: Any = None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Clock]]:
    """Each store with the clock by which its rows expire."""
    with every_store(request, tmp_path) as pair:
        yield pair


@pytest.fixture
def store(kept: tuple[Store, Clock]) -> Store:
    return kept[0]


@pytest.fixture
def its_clock(kept: tuple[Store, Clock]) -> Clock:
    return kept[1]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[SQLiteStore]:
    """A store that processes can share; they cannot share a test's clock."""
    made = SQLiteStore(tmp_path / "shared.sqlite")
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "redis"])
def both_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of each store that processes can share, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'both.sqlite'}"
    return emptied(request.getfixturevalue("a_redis"))


@pytest.fixture
def both(both_url: str) -> Iterator[Store]:
    made = from_url(both_url, instance_path="/nowhere")
    yield made
    made.close()


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    """Let threads interrupt each other a thousand times as often as they would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def at_once(call: Callable[[int], object], times: int) -> list[object]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, range(times)))


# Values


def test_what_was_put_is_what_one_gets(store):
    store.put("key", b"\x00\xffvalue", ttl_s=10)
    assert store.get("key") == b"\x00\xffvalue"
    assert store.get("other") is None


def test_many_keys_are_read_at_once(store, its_clock):
    store.put("a", b"1", ttl_s=60, owner="user:ada")
    store.increment("n", ttl_s=60)
    store.put("gone", b"2", ttl_s=1)
    its_clock.tick(2)
    keys = ["n", "none", "a", "gone", "a"]
    assert store.get_many(keys) == [b"1", None, b"1", None, b"1"] == [store.get(key) for key in keys]


def test_keys_are_found_by_how_they_begin(store, its_clock):
    for key in ("a:1", "a:é", "a:\U0010fff0", "a;", "b:1", "A:1"):
        store.put(key, b"", ttl_s=10)
    store.put("a:gone", b"", ttl_s=1)
    its_clock.tick(2)
    assert store.keys("a:") == ["a:1", "a:é", "a:\U0010fff0"]
    assert len(store.keys("")) == 6


def test_the_last_put_wins(store):
    store.put("key", b"one", ttl_s=10)
    store.put("key", b"two", ttl_s=10)
    assert store.get("key") == b"two"


def test_a_deleted_key_is_gone_and_deleting_nothing_is_no_error(store):
    store.put("key", b"value", ttl_s=10)
    store.delete("key")
    store.delete("key")
    assert store.get("key") is None


def test_a_value_is_there_just_before_its_end_and_gone_at_it(store, its_clock):
    store.put("key", b"value", ttl_s=10)
    its_clock.tick(9.5)
    assert store.get("key") == b"value"
    its_clock.tick(0.5)
    assert store.get("key") is None


def test_putting_again_begins_a_new_life(store, its_clock):
    store.put("key", b"one", ttl_s=10)
    its_clock.tick(9)
    store.put("key", b"two", ttl_s=10)
    its_clock.tick(9)
    assert store.get("key") == b"two"


@pytest.mark.parametrize("key", ["with:colons", "sp ace", "ü€😀", "%s;'\"", "a" * 500])
def test_any_text_is_a_key(store, key):
    store.put(key, b"value", ttl_s=10, owner=key)
    assert store.get(key) == b"value"
    assert store.owned(key) == [key]


@given(value=st.binary(max_size=200))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_value(store, value):
    store.put("key", value, ttl_s=10)
    assert store.get("key") == value
    assert store.swap("key", old=value, new=b"next", ttl_s=10)


# Counters


def test_a_counter_counts_from_one_and_shows_its_digits(store):
    assert [store.increment("n", ttl_s=10) for _ in range(3)] == [1, 2, 3]
    assert store.get("n") == b"3"


def test_the_first_increment_sets_the_life_of_a_counter(store, its_clock):
    store.increment("n", ttl_s=10)
    its_clock.tick(9)
    assert store.increment("n", ttl_s=10) == 2
    its_clock.tick(1)
    assert store.get("n") is None
    assert store.increment("n", ttl_s=10) == 1


def test_a_counter_that_began_again_lives_a_whole_life(store, its_clock):
    store.increment("n", ttl_s=10)
    its_clock.tick(10)
    store.increment("n", ttl_s=10)
    its_clock.tick(9)
    assert store.get("n") == b"1"


def test_counting_a_value_is_an_error_and_leaves_it(store):
    store.put("key", b"7", ttl_s=10)
    with pytest.raises(StoreError, match="own key"):
        store.increment("key", ttl_s=10)
    assert store.get("key") == b"7"


def test_a_counter_can_take_the_place_of_an_expired_value(store, its_clock):
    store.put("key", b"value", ttl_s=10, owner="ada")
    its_clock.tick(10)
    assert store.increment("key", ttl_s=10) == 1
    assert store.owned("ada") == []


@pytest.mark.usefixtures("_eager_threads")
def test_no_increment_is_lost_among_threads(store):
    sums = at_once(lambda _: store.increment("n", ttl_s=60), 1_000)
    assert sorted(sums) == list(range(1, 1_001))


# Claims


def test_a_claim_is_given_once_until_it_expires(store, its_clock):
    assert store.claim("step", ttl_s=90)
    assert not store.claim("step", ttl_s=90)
    its_clock.tick(89)
    assert not store.claim("step", ttl_s=90)
    its_clock.tick(1)
    assert store.claim("step", ttl_s=90)


def test_a_refused_claim_does_not_lengthen_the_first(store, its_clock):
    store.claim("step", ttl_s=90)
    its_clock.tick(60)
    store.claim("step", ttl_s=90)
    its_clock.tick(30)
    assert store.claim("step", ttl_s=90)


@pytest.mark.usefixtures("_eager_threads")
def test_one_claim_wins_a_race(store):
    """Fifty threads present one code: exactly one is let in."""
    for step in range(20):
        wins = at_once(lambda _, step=step: store.claim(f"totp:ada:{step}", ttl_s=90), 50)
        assert wins.count(True) == 1


# Swaps


def test_a_swap_needs_the_value_as_it_is(store):
    store.put("key", b"one", ttl_s=10)
    assert not store.swap("key", old=b"other", new=b"two", ttl_s=10)
    assert store.get("key") == b"one"
    assert store.swap("key", old=b"one", new=b"two", ttl_s=10)
    assert store.get("key") == b"two"


def test_a_swap_from_nothing_needs_nothing(store, its_clock):
    assert not store.swap("key", old=b"", new=b"one", ttl_s=10)
    assert store.swap("key", old=None, new=b"one", ttl_s=10)
    assert not store.swap("key", old=None, new=b"two", ttl_s=10)
    its_clock.tick(10)
    assert not store.swap("key", old=b"one", new=b"two", ttl_s=10)
    assert store.swap("key", old=None, new=b"three", ttl_s=10)


def test_a_swap_sets_life_and_owner_afresh(store, its_clock):
    store.put("key", b"one", ttl_s=10, owner="ada")
    its_clock.tick(9)
    store.swap("key", old=b"one", new=b"two", ttl_s=10, owner="bob")
    its_clock.tick(9)
    assert store.get("key") == b"two"
    assert (store.owned("ada"), store.owned("bob")) == ([], ["key"])


@pytest.mark.usefixtures("_eager_threads")
def test_update_loses_no_change_among_threads(store):
    def add(number: int) -> None:
        update(
            store, "list", lambda raw: json.dumps([*json.loads(raw or b"[]"), number]).encode(), ttl_s=60
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert sorted(json.loads(store.get("list"))) == list(range(40))


def test_an_update_that_raises_changes_nothing(store):
    def refuse(_: bytes | None) -> bytes:
        raise ZeroDivisionError

    store.put("key", b"one", ttl_s=10)
    with pytest.raises(ZeroDivisionError):
        update(store, "key", refuse, ttl_s=10)
    assert store.get("key") == b"one"


def test_an_update_that_is_always_overtaken_gives_up(store):
    def overtaken(raw: bytes | None) -> bytes:
        store.put("key", (raw or b"") + b"x", ttl_s=10)
        return b"mine"

    with pytest.raises(StoreError, match="overtaken"):
        update(store, "key", overtaken, ttl_s=10)


# Owners


def test_an_owner_has_the_live_keys_written_for_them(store, its_clock):
    store.put("b", b"", ttl_s=100, owner="ada")
    store.put("a", b"", ttl_s=100, owner="ada")
    store.put("c", b"", ttl_s=10, owner="ada")
    store.put("d", b"", ttl_s=100, owner="bob")
    its_clock.tick(10)
    assert store.owned("ada") == ["a", "b"]


def test_disowning_deletes_the_owners_keys_and_counts_them(store, its_clock):
    store.put("a", b"", ttl_s=100, owner="ada")
    store.put("b", b"", ttl_s=10, owner="ada")
    store.put("c", b"", ttl_s=100, owner="bob")
    its_clock.tick(10)
    assert store.disown("ada") == 1
    assert store.get("a") is None
    assert store.get("c") == b""


def test_a_key_written_without_owner_belongs_to_nobody(store):
    store.put("a", b"", ttl_s=100, owner="ada")
    store.put("a", b"", ttl_s=100)
    assert store.owned("ada") == []


# Erasing


def test_what_is_erased_is_gone_and_the_rest_stays(store):
    for name in ("a", "b", "c"):
        store.put(name, name.encode(), ttl_s=10)
    store.erase("a", "b", "never there")
    assert [store.get(name) for name in ("a", "b", "c")] == [None, None, b"c"]


def test_nothing_of_what_is_erased_is_left_in_the_files(tmp_path, clock):
    """Whatever the value was before, however large, with other rows written in between."""
    store, random = SQLiteStore(tmp_path / "s", clock=clock), Random(5)
    written = [random.randbytes(size) for size in (40, 900, 3_000, 9_000, 22_000, 22_000, 700, 15_000)]
    for number, value in enumerate(written):
        store.put("the-erased-key", value, ttl_s=100)
        for other in range(20):
            store.put(f"other-{number}-{other}", random.randbytes(200), ttl_s=100)
    assert written[-1][:40] in on_disk(tmp_path)
    store.erase("the-erased-key")
    left = on_disk(tmp_path)
    assert [len(v) for v in written for at in range(0, len(v) - 20, 20) if v[at : at + 20] in left] == []
    assert b"the-erased-key" not in left
    store.close()


def test_erasing_says_when_a_reader_keeps_the_log(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(connections, "_BUSY_S", 0.05)
    store = SQLiteStore(tmp_path / "s", clock=clock)
    store.put("key", b"value", ttl_s=100)
    with closing(sqlite3.connect(tmp_path / "s", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM rows").fetchone()
        with pytest.raises(StoreError, match="write-ahead log"):
            store.erase("key")
    assert store.get("key") is None
    store.erase("key")
    store.close()


def on_disk(folder: Path) -> bytes:
    """Return every byte of the store's files, as written."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


# Logs


def test_a_log_keeps_its_newest_entries_in_order(store):
    for number in range(5):
        store.append("log", b"%d" % number, keep=3, ttl_s=100)
    assert store.entries("log") == [b"2", b"3", b"4"]
    assert store.entries("other") == []


def test_a_reader_catches_up_with_a_log(store):
    for entry in (b"a", b"b", b"c"):
        store.append("log", entry, keep=2, ttl_s=100)
    seen = store.entries_after("log", 0)
    assert [entry for _, entry in seen] == [b"b", b"c"]
    assert store.entries_after("log", seen[-1][0]) == []
    store.append("log", b"d", keep=2, ttl_s=100)
    ((position, entry),) = store.entries_after("log", seen[-1][0])
    assert entry == b"d"
    assert position > seen[-1][0]
    assert store.entries_after("other", 0) == []


def test_positions_go_on_after_entries_have_expired(store, its_clock):
    store.append("log", b"old", keep=3, ttl_s=10)
    store.append("log", b"new", keep=3, ttl_s=100)
    (_, (last, _)) = store.entries_after("log", 0)
    its_clock.tick(20)
    assert store.entries_after("log", 0) == [(last, b"new")]
    store.append("log", b"newer", keep=3, ttl_s=100)
    assert [entry for _, entry in store.entries_after("log", last)] == [b"newer"]


def test_entries_of_a_log_expire_one_by_one(store, its_clock):
    store.append("log", b"old", keep=3, ttl_s=10)
    its_clock.tick(5)
    store.append("log", b"new", keep=3, ttl_s=10)
    its_clock.tick(5)
    assert store.entries("log") == [b"new"]


def test_a_log_can_be_shortened(store):
    for number in range(5):
        store.append("log", b"%d" % number, keep=5, ttl_s=100)
    store.append("log", b"5", keep=2, ttl_s=100)
    assert store.entries("log") == [b"4", b"5"]


def test_a_log_and_a_key_may_share_a_name(store):
    store.put("name", b"value", ttl_s=10)
    store.append("name", b"entry", keep=3, ttl_s=10)
    store.delete("name")
    assert store.entries("name") == [b"entry"]


@pytest.mark.usefixtures("_eager_threads")
def test_threads_append_without_loss(store):
    at_once(lambda n: store.append("log", b"%d" % n, keep=1_000, ttl_s=60), 500)
    assert sorted(map(int, store.entries("log"))) == list(range(500))


# Sweeping, closing


def rows_on_disk(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        ((rows,),) = connection.execute(
            "SELECT (SELECT count(*) FROM rows) + (SELECT count(*) FROM entries)"
        )
    connection.close()
    return int(rows)


def test_expired_rows_leave_the_file(tmp_path, clock):
    store = SQLiteStore(tmp_path / "s", clock=clock)
    for number in range(300):
        store.put(f"short:{number}", b"", ttl_s=1)
        store.append("log", b"", keep=1_000, ttl_s=1)
    clock.tick(1)
    for _ in range(700):
        store.put("same", b"", ttl_s=100)
    store.close()
    assert rows_on_disk(tmp_path / "s") == 1


def test_one_sweep_removes_a_bounded_number_of_rows(tmp_path, clock):
    store = SQLiteStore(tmp_path / "s", clock=clock)
    for number in range(500):
        store.put(f"short:{number}", b"", ttl_s=1)
    clock.tick(1)
    for _ in range(64):
        store.put("same", b"", ttl_s=100)
    store.close()
    assert rows_on_disk(tmp_path / "s") == 501 - 128


def test_expired_rows_leave_memory(clock):
    store = MemoryStore(clock=clock)
    for number in range(300):
        store.put(f"short:{number}", b"", ttl_s=1)
        store.append(f"log:{number}", b"", keep=3, ttl_s=1)
    clock.tick(1)
    for _ in range(700):
        store.put("same", b"", ttl_s=100)
    assert list(store._rows) == ["same"]
    assert store._logs == {}


def test_a_closed_store_opens_again_by_itself(store):
    store.put("key", b"value", ttl_s=10)
    store.close()
    store.close()
    assert store.get("key") == b"value"


# The file


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_database_and_write_ahead_log_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        store = SQLiteStore(tmp_path / "s.sqlite")
        store.put("key", b"value", ttl_s=10)
        assert modes(tmp_path) == {"s.sqlite": 0o600, "s.sqlite-wal": 0o600, "s.sqlite-shm": 0o600}
    finally:
        os.umask(before)
        store.close()


def test_a_file_that_others_could_read_is_made_private(tmp_path):
    SQLiteStore(tmp_path / "s.sqlite").close()
    (tmp_path / "s.sqlite").chmod(0o644)
    SQLiteStore(tmp_path / "s.sqlite").close()
    assert modes(tmp_path) == {"s.sqlite": 0o600}


def test_a_log_that_another_process_takes_away_stops_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last connection closes between the look at the folder and the change of rights."""
    log = tmp_path / "s.sqlite-wal"
    log.touch()
    neighbours = sqlite._neighbours

    def look(file: Path) -> list[Path]:
        seen = list(neighbours(file))
        log.unlink(missing_ok=True)
        return seen

    monkeypatch.setattr(sqlite, "_neighbours", look)
    store = SQLiteStore(tmp_path / "s.sqlite")
    store.put("key", b"value", ttl_s=60)
    assert store.get("key") == b"value"
    store.close()


def test_values_outlive_the_store_object(tmp_path):
    first = SQLiteStore(tmp_path / "s")
    first.put("key", b"value", ttl_s=60)
    first.close()
    second = SQLiteStore(tmp_path / "s")
    assert second.get("key") == b"value"
    second.close()


def test_a_second_store_on_the_same_file_leaves_the_first_one_its_locks(tmp_path):
    """POSIX drops all locks of a process on a file when it closes any descriptor of it."""
    first = SQLiteStore(tmp_path / "s")
    first.put("key", b"value", ttl_s=60)
    other = f"""
import fcntl
with open({str(tmp_path / "s")!r}, "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000000 + 2)
"""
    SQLiteStore(tmp_path / "s")
    run = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in run.stderr
    first.close()


def test_a_file_of_another_kind_is_a_store_error(tmp_path):
    (tmp_path / "s").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="database"):
        SQLiteStore(tmp_path / "s")


def test_a_file_of_a_later_layout_is_refused(tmp_path):
    SQLiteStore(tmp_path / "s").close()
    connection = sqlite3.connect(tmp_path / "s")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="layout 99"):
        SQLiteStore(tmp_path / "s")


def test_a_store_whose_file_breaks_while_in_use_says_what_to_check(tmp_path):
    store = SQLiteStore(tmp_path / "s")
    (tmp_path / "s").write_bytes(b"overwritten by something else, long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="Check that the disk has room"):
        store.get("key")
    store.close()


def test_a_writer_that_never_ends_is_a_store_error(tmp_path, monkeypatch):
    monkeypatch.setattr("flask_zerotrust.stores.connections._BUSY_S", 0.05)
    store = SQLiteStore(tmp_path / "s")
    writer = sqlite3.connect(tmp_path / "s", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.put("key", b"value", ttl_s=10)
    assert store.get("key") is None
    writer.close()
    store.put("key", b"value", ttl_s=10)
    store.close()


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path, monkeypatch):
    """SQLite refuses the change to a write-ahead log at once, whatever its busy timeout."""
    monkeypatch.setattr("flask_zerotrust.stores.connections._BUSY_S", 0.0)
    other = sqlite3.connect(tmp_path / "s", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            other.close()

    monkeypatch.setattr("flask_zerotrust.stores.connections.time.sleep", pause)
    store = SQLiteStore(tmp_path / "s")
    assert len(pauses) == 3
    assert store.increment("n", ttl_s=10) == 1
    store.close()


def test_a_store_is_opened_while_another_program_writes(tmp_path):
    SQLiteStore(tmp_path / "s").close()
    writer = sqlite3.connect(tmp_path / "s", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    store = SQLiteStore(tmp_path / "s")
    assert store.get("key") is None
    writer.close()
    store.close()


def test_a_new_file_that_stays_locked_is_given_up_after_a_few_seconds(tmp_path, monkeypatch):
    """A server that waits on in silence is ended by its manager, and nobody learns why."""
    monkeypatch.setattr("flask_zerotrust.stores.connections._BUSY_S", 0.1)
    monkeypatch.setattr("flask_zerotrust.stores.connections._PREPARE_S", 0.2)
    other = sqlite3.connect(tmp_path / "s", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(StoreError, match="locked"):
        SQLiteStore(tmp_path / "s")
    assert time.monotonic() - began < 60
    other.close()


def test_a_file_that_has_become_read_only_can_still_be_read():
    """Root may write everywhere, so a child becomes somebody else first."""

    def refused() -> bytes:
        if os.getuid() == 0:
            os.setuid(65_534)
        store = SQLiteStore(f"{folder}/s")
        store.put("key", b"value", ttl_s=60)
        os.chmod(f"{folder}/s", 0o400)
        store.close()
        with pytest.raises(StoreError, match="may write it"):
            store.put("key", b"other", ttl_s=60)
        return store.get("key") or b""

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        assert in_child(refused) == b"value"


# Processes


@pytest.fixture(scope="module")
def processes() -> Iterator[Callable[..., list[object]]]:
    """Run a function in four fresh processes, which wait for each other before they begin."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    with context.Pool(PROCESSES, initializer=_meet_at, initargs=(barrier,)) as pool:
        yield lambda target, *arguments: pool.starmap(target, [arguments] * PROCESSES, chunksize=1)


def _meet_at(barrier: object) -> None:
    globals()["_BARRIER"] = barrier


def _count(url: str) -> list[int]:
    _BARRIER.wait(60)
    with closing(from_url(url, instance_path="/nowhere")) as store:
        return [store.increment("n", ttl_s=600) for _ in range(100)]


def _claim(url: str) -> int:
    _BARRIER.wait(60)
    with closing(from_url(url, instance_path="/nowhere")) as store:
        return sum(store.claim(f"claim:{n}", ttl_s=600) for n in range(100))


def _extend(url: str) -> None:
    _BARRIER.wait(60)
    with closing(from_url(url, instance_path="/nowhere")) as store:
        for _ in range(10):
            update(store, "text", lambda raw: (raw or b"") + b"x", ttl_s=600)


def _append(url: str) -> None:
    _BARRIER.wait(60)
    with closing(from_url(url, instance_path="/nowhere")) as store:
        for n in range(50):
            store.append("log", b"%d:%d" % (os.getpid(), n), keep=1_000, ttl_s=600)


def test_no_increment_is_lost_among_processes(processes, both_url):
    sums = processes(_count, both_url)
    assert sorted(n for part in sums for n in part) == list(range(1, 100 * PROCESSES + 1))


def test_every_claim_has_one_winner_among_processes(processes, both_url):
    won = processes(_claim, both_url)
    assert sum(won) == 100


def test_no_update_is_lost_among_processes(processes, both_url, both):
    processes(_extend, both_url)
    assert both.get("text") == b"x" * 10 * PROCESSES


def test_a_reader_misses_nothing_that_processes_append(processes, both_url, both):
    """Read while they write: what was once behind a reader's position never comes up later."""
    seen, position = [], 0
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(processes, _append, both_url)
        while not writing.done() or both.entries_after("log", position):
            new = both.entries_after("log", position)
            position = new[-1][0] if new else position
            seen += [entry for _, entry in new]
    assert len(set(seen)) == len(seen) == 50 * PROCESSES


def test_processes_may_make_the_same_new_file_together(processes, tmp_path):
    for attempt in range(10):
        sums = processes(_count, f"sqlite:///{tmp_path}/fresh-{attempt}.sqlite")
        assert len({n for part in sums for n in part}) == 100 * PROCESSES


def in_child(call: Callable[[], bytes]) -> bytes:
    """Fork, call, and return what the child found; what it raised comes back as its name."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = call()
        except BaseException as error:
            answer = repr(error).encode()
        os.write(writer, answer)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def test_a_store_used_before_a_fork_works_on_both_sides(both):
    both.put("key", b"parent", ttl_s=60)

    def change() -> bytes:
        seen = both.get("key") or b""
        both.put("key", b"child", ttl_s=60)
        return seen

    assert in_child(change) == b"parent"
    assert both.get("key") == b"child"
    both.put("key", b"parent again", ttl_s=60)
    assert in_child(lambda: both.get("key") or b"") == b"parent again"


def test_no_connection_crosses_a_fork(shared):
    shared.put("key", b"value", ttl_s=60)
    file = os.path.realpath(shared._file)

    def descriptors() -> bytes:
        names = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        return str(sum(name.startswith(file) for name in names)).encode()

    assert int(descriptors()) > 0
    assert in_child(descriptors) == b"0"


def test_a_connection_in_use_during_a_fork_is_left_to_the_parent(shared):
    with shared._connections.borrow() as parents:

        def taken() -> bytes:
            shared._connections._idle.append((os.getppid(), parents))
            with shared._connections.borrow() as own:
                return str(own is not parents and parents in connections._inherited).encode()

        assert in_child(taken) == b"True"


def test_a_thread_that_ends_leaves_no_connection_behind(shared):
    for _ in range(20):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(shared.get, "key").result()
    assert len(shared._connections._idle) == 1


# URLs


def test_a_relative_file_lives_in_the_instance_folder_which_is_made(tmp_path):
    store = from_url("sqlite:///deep/zt.sqlite", instance_path=tmp_path / "instance")
    store.close()
    assert (tmp_path / "instance" / "deep" / "zt.sqlite").is_file()
    assert stat.S_IMODE((tmp_path / "instance" / "deep").stat().st_mode) == 0o700


def test_an_absolute_file_stays_where_it_is(tmp_path):
    from_url(f"sqlite:///{tmp_path}/zt.sqlite", instance_path="/nowhere").close()
    assert (tmp_path / "zt.sqlite").is_file()


def test_a_missing_folder_outside_the_instance_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="Make the folder"):
        from_url(f"sqlite:///{tmp_path}/missing/zt.sqlite", instance_path=tmp_path / "instance")
    assert list(tmp_path.iterdir()) == []


def test_an_instance_folder_that_cannot_be_made_is_a_config_error(tmp_path):
    (tmp_path / "instance").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="instance folder"):
        from_url("sqlite:///deep/zt.sqlite", instance_path=tmp_path / "instance")


def test_a_folder_in_place_of_the_file_is_a_config_error_and_keeps_its_mode(tmp_path):
    (tmp_path / "folder").mkdir(mode=0o755)
    with pytest.raises(ConfigError, match="not a file"):
        from_url("sqlite:///folder", instance_path=tmp_path)
    assert modes(tmp_path) == {"folder": 0o755}


def test_a_folder_that_cannot_be_written_is_a_config_error():
    """Root may write everywhere, so a child becomes somebody else first."""

    def refused() -> bytes:
        if os.getuid() == 0:
            os.setuid(65_534)
        with pytest.raises(ConfigError, match="Make the folder"):
            from_url("sqlite:///zt.sqlite", instance_path=folder)
        return b"refused"

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        assert in_child(refused) == b"refused"
        assert os.listdir(folder) == []


def test_memory_is_refused_in_production(tmp_path):
    with pytest.raises(ConfigError, match="only with DEBUG or TESTING"):
        from_url("memory://", instance_path=tmp_path)
    assert isinstance(from_url("memory://", instance_path=tmp_path, testing=True), MemoryStore)


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///", "memory:", "redis:", "postgres://u:hunter2@h/db", "x.sqlite"]
)
def test_other_urls_are_refused_without_their_password(url, tmp_path):
    with pytest.raises(ConfigError, match="sqlite:///FILE") as refused:
        from_url(url, instance_path=tmp_path)
    assert "hunter2" not in str(refused.value)


def test_the_default_clock_is_the_wall_clock(tmp_path):
    store = from_url("memory://", instance_path=tmp_path, testing=True, clock=time.time)
    store.put("key", b"value", ttl_s=0)
    assert store.get("key") is None
