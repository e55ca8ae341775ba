"""Every store, broken in every way: no view opens for it, and nothing that was granted is lost by it."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from flask_zerotrust.errors import StoreError
from flask_zerotrust.stores import Store, connections
from tests.clock import Clock
from tests.servers import RedisServer, redis_server, wait_until

from .sites import FixedScorer, Site, Visitor, build_app


def site_over(url: str) -> Site:
    return build_app(Clock(), FixedScorer(), ZEROTRUST_STORE=url)


@dataclass
class Place:
    """A site over a store of this test alone, and what it takes to break it."""

    site: Site
    folder: Path
    redis: RedisServer | None = None

    def restarted(self) -> Site:
        """Return the same site in a fresh process, as far as the store can tell."""
        self.store.close()
        url = self.site.app.config["ZEROTRUST_STORE"]
        self.site = build_app(self.site.clock, self.site.scorer, ZEROTRUST_STORE=url)
        return self.site

    @property
    def store(self) -> Store:
        return self.site.app.extensions["zerotrust"].store

    @property
    def server(self) -> RedisServer:
        assert self.redis is not None
        return self.redis

    @property
    def file(self) -> Path:
        return self.folder / "zt.sqlite"


# Faults that pass. Each breaks the store of a place, and mends it.


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Another program holds the file."""
    place.store.close()
    other = sqlite3.connect(place.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@contextmanager
def full_disk(place: Place) -> Iterator[None]:
    """No file of this process can grow; Python ignores the signal, so writes fail as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def taken_away(place: Place) -> Iterator[None]:
    """The disk with the file is not there for a while."""
    away = place.folder / "away"
    place.file.rename(away)
    yield
    away.rename(place.file)


@contextmanager
def down(place: Place) -> Iterator[None]:
    place.server.stop()
    yield
    place.server.start()


@contextmanager
def stuck(place: Place) -> Iterator[None]:
    with place.server.paused():
        yield
    wait_until(lambda: not refuses(place), "answering", place.server.process)


@contextmanager
def out_of_memory(place: Place) -> Iterator[None]:
    with place.server.client() as client:
        client.config_set("maxmemory", "1kb")
        yield
        client.config_set("maxmemory", "0")


@contextmanager
def replica(place: Place) -> Iterator[None]:
    """It was made the spare of another, which is gone."""
    with place.server.client() as client:
        client.replicaof("127.0.0.1", "1")
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def full_redis_disk(place: Place) -> Iterator[None]:
    process = place.server.process
    with place.server.full_disk(), place.server.client() as client:
        wait_until(lambda: refuses(place, client), "a full disk", process)
        yield
    wait_until(lambda: not refuses(place), "an emptier disk", process)


def refuses(place: Place, client: Any = None) -> bool:
    """Say whether the store takes no writes; Redis finds out at its next write after the disk is full."""
    try:
        if client is not None:
            client.set("fill", bytes(8_192), px=1)
        place.store.claim("probe", ttl_s=1)
    except (StoreError, redis.RedisError):
        return True
    return False


Fault = Callable[[Place], AbstractContextManager[None]]
Maker = Callable[[Path], AbstractContextManager[Place]]
ON_SQLITE: list[Fault] = [locked, full_disk, taken_away]
ON_REDIS: list[Fault] = [down, stuck, out_of_memory, replica, full_redis_disk]
# Where reading goes on, a grant counts, and only what has to write is refused.
READABLE = (locked, full_disk, out_of_memory, replica, full_redis_disk)


@contextmanager
def sqlite_place(folder: Path) -> Iterator[Place]:
    place = Place(site_over(f"sqlite:///{folder / 'zt.sqlite'}"), folder)
    yield place
    place.store.close()


@contextmanager
def redis_place(folder: Path) -> Iterator[Place]:
    with redis_server(folder / "r", options={"appendonly": "yes"}) as server:
        place = Place(site_over(server.url(timeout_s="0.3")), folder, server)
        yield place
        place.store.close()


@pytest.fixture(params=[*ON_SQLITE, *ON_REDIS], ids=lambda fault: fault.__name__)
def broken(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Place, Fault]]:
    monkeypatch.setattr(connections, "_BUSY_S", 0.05)
    made = sqlite_place if request.param in ON_SQLITE else redis_place
    with made(tmp_path) as place:
        yield place, request.param


def test_no_view_opens_while_a_fault_lasts_and_nothing_is_lost_by_it(broken: tuple[Place, Fault]) -> None:
    place, fault = broken
    pat, max_, lou = (place.site.visitor().login(name) for name in ("pat", "max", "lou"))
    pat.step_up()
    max_.move(6, says=4.0)
    url, body = lou.open("/admin").location, pat.body(1)
    for _ in range(4):
        assert lou.answer(url, "000000").status_code == 422

    with fault(place):
        assert max_.open("/secret").status_code == 503
        assert lou.submit("/transfer", {"to": "eve"}).status_code == 503
        assert lou.open("/").status_code == 200
        assert pat.send(body).status_code == 503
        assert pat.open("/secret").status_code == (200 if fault in READABLE else 503)

    assert pat.open("/secret").text == "the secret"
    assert pat.send(body).status_code == 204
    assert max_.move(8, says=-3.0).asked()
    assert lou.answer(url, "000000").status_code == 429


@pytest.mark.parametrize("made", [sqlite_place, redis_place])
def test_a_restart_of_the_app_loses_nothing(made: Maker, tmp_path: Path) -> None:
    with made(tmp_path) as place:
        pat, max_ = (place.site.visitor().login(name) for name in ("pat", "max"))
        pat.step_up()
        max_.move(6, says=4.0)
        url = max_.open("/secret").location
        site = place.restarted()
        assert moved_to(site, pat).open("/secret").text == "the secret"
        assert moved_to(site, max_).move(8, says=-3.0).asked()
        assert max_.answer(url).status_code == 303


def moved_to(site: Site, visitor: Visitor) -> Visitor:
    """Let a visitor go on at another process, with the same cookies."""
    cookie, visitor.site, visitor.client = visitor.cookie(), site, site.app.test_client()
    return visitor.put_back(cookie)


# Losses, which nothing can mend: everyone is asked again.


def file_removed(place: Place) -> None:
    for path in place.folder.glob("zt.sqlite*"):
        path.unlink()


def flushed(place: Place) -> None:
    with place.server.client() as client:
        client.flushall()


def evicted(place: Place) -> None:
    """Its memory is full, and its policy is not what the docs ask for."""
    with place.server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-random")
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 200_000)
        number = 0
        while list(client.scan_iter("zerotrust:row:session:*", count=10_000)):
            client.mset({f"other:{n}": bytes(500) for n in range(number, number + 50)})
            number += 50


def restarted_without_files(place: Place) -> None:
    place.server.stop()
    for path in place.server.folder.rglob("*.aof*"):
        path.unlink()
    place.server.start()


@pytest.mark.parametrize("lose", [flushed, evicted, restarted_without_files], ids=lambda f: f.__name__)
def test_what_a_redis_lost_is_asked_for_again(lose: Callable[[Place], None], tmp_path: Path) -> None:
    with redis_place(tmp_path) as place:
        pat, ada, max_ = people(place.site)
        lose(place)
        assert_asked_again(place.site, pat, ada, max_)


def test_a_file_that_was_removed_shuts_the_views_until_the_app_starts_again(tmp_path: Path) -> None:
    """Going on with the file that nobody else sees, or with a new one, would be two stores at once."""
    with sqlite_place(tmp_path) as place:
        pat, ada, max_ = people(place.site)
        file_removed(place)
        assert [who.open("/secret").status_code for who in (pat, ada, max_)] == [503] * 3
        assert not place.file.exists()
        site = place.restarted()
        assert_asked_again(site, *(moved_to(site, who) for who in (pat, ada, max_)))


def test_a_file_that_was_replaced_is_not_believed(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        pat, *_ = people(place.site)
        copy = tmp_path / "copy"
        copy.write_bytes(place.file.read_bytes())
        copy.replace(place.file)
        assert pat.open("/secret").status_code == 503


def test_memory_forgets_with_its_process(tmp_path: Path) -> None:
    place = Place(site_over("memory://"), tmp_path)
    pat, ada, max_ = people(place.site)
    site = place.restarted()
    assert_asked_again(site, *(moved_to(site, who) for who in (pat, ada, max_)))


def people(site: Site) -> tuple[Visitor, Visitor, Visitor]:
    """Return one who has passed a code, one who moved like a person, and one who is latched."""
    pat, ada, max_ = (site.visitor().login(name) for name in ("pat", "ada", "max"))
    pat.step_up()
    ada.move(5, says=-2.0)
    max_.move(6, says=4.0)
    assert [pat.asked(), ada.asked(), max_.asked()] == [False, False, True]
    return pat, ada, max_


def assert_asked_again(site: Site, pat: Visitor, ada: Visitor, max_: Visitor) -> None:
    assert [who.asked() for who in (pat, ada, max_)] == [True] * 3
    site.clock.tick(60)
    assert pat.step_up().open("/secret").text == "the secret"
    assert ada.move(5, says=-2.0).open("/secret").text == "the secret"
