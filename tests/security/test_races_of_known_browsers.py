"""Rows 33 and 40, in processes that race or are killed: no store is left with trust that nobody earned."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from flask_zerotrust import Factor, Store
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.sessions.browsers import MAX_BROWSERS
from tests.clock import Clock
from tests.forms import form_with
from tests.integration.known import MAKE, Key, again, form_proof, page_data, remembered
from tests.integration.sites import SECRET, FixedScorer, Site, Visitor, build_app, totp, use_store
from tests.servers import emptied

pytestmark = pytest.mark.every_store

# Fork: a process that has everything loaded begins at once.
PROCESSES = multiprocessing.get_context("fork")
OTHER_SECRET = SECRET[::-1]
TIMEOUT_S = 60
# More than any request of these tests writes.
MOST_WRITES = 40


@dataclass
class Place:
    """A site over a store that its processes share."""

    url: str
    clock: Clock
    site: Site

    def restarted(self) -> Site:
        """Return the site as another process builds it, over connections of its own."""
        return self.site if self.in_memory else start(self.url, self.clock)

    @property
    def in_memory(self) -> bool:
        return self.url == "memory://"

    @property
    def guard(self) -> Any:
        return self.site.app.extensions["zerotrust"]


def start(url: str, clock: Clock) -> Site:
    site = build_app(clock, FixedScorer(), ZEROTRUST_STORE=url, ZEROTRUST_NEW_BROWSER="challenge")

    @site.zt.factors_loader
    def factors(user: str) -> list[Factor]:
        return [TotpFactor(SECRET), TotpFactor(OTHER_SECRET, id="other")]

    return site


def url_of(request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the URL of the empty store that a fixture's parameter names."""
    if request.param == "redis":
        return emptied(request.getfixturevalue("a_redis"))
    return f"sqlite:///{folder / 'shared.sqlite'}" if request.param == "sqlite" else "memory://"


@pytest.fixture(params=["memory", "sqlite", "redis"])
def workers(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Place]:
    """A site whose workers share a store: threads over memory, and processes over the others."""
    url = url_of(request, tmp_path)
    place = Place(url, clock, start(url, clock))
    yield place
    place.guard.store.close()


@pytest.fixture(params=["sqlite", "redis"])
def durable(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Place]:
    """A site over a store that outlives its processes."""
    url = url_of(request, tmp_path)
    place = Place(url, clock, start(url, clock))
    yield place
    place.guard.store.close()


def elsewhere(visitor: Visitor, site: Site) -> Visitor:
    """Return the same browser, its cookies with it, at another process of the site."""
    other = Visitor(site, site.app.test_client(), nonce=visitor.nonce).put_back(visitor.cookie())
    mark = visitor.client.get_cookie("zerotrust_browser", path="/zerotrust")
    if mark is not None:
        other.client.set_cookie("zerotrust_browser", mark.value, path="/zerotrust")
    return other


def in_threads(place: Place, works: list[Callable[[Site], int]]) -> list[int]:
    begin = threading.Barrier(len(works))

    def run(work: Callable[[Site], int]) -> int:
        begin.wait(TIMEOUT_S)
        return work(place.site)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def together(place: Place, works: list[Callable[[Site], int]]) -> list[int]:
    """Run each work in a worker of its own, all at the same moment, and return what they return."""
    if place.in_memory:
        return in_threads(place, works)
    place.guard.store.close()  # an open SQLite connection must not be carried into another process
    begin, answers = PROCESSES.Barrier(len(works)), PROCESSES.SimpleQueue()

    def run(work: Callable[[Site], int]) -> None:
        site = place.restarted()
        begin.wait(TIMEOUT_S)
        answers.put(work(site))

    processes = [PROCESSES.Process(target=run, args=(work,)) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT_S)
    assert [process.exitcode for process in processes] == [0] * len(works)
    return [answers.get() for _ in works]


class Mortal:
    """A store whose process is killed right after so many writes."""

    WRITES = ("put", "delete", "erase", "increment", "claim", "swap", "disown", "append")

    def __init__(self, store: Store, writes: int) -> None:
        self._store, self._left = store, writes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._counted(method) if name in self.WRITES else method

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return write


def killed(place: Place, work: Callable[[Site], int], *, writes: int) -> bool:
    """Run a work in a process that is killed after so many writes. Return False if it came to its end."""
    place.guard.store.close()

    def run() -> None:
        site = place.restarted()
        use_store(site.app, cast(Store, Mortal(site.app.extensions["zerotrust"].store, writes)))
        work(site)

    process = PROCESSES.Process(target=run)
    process.start()
    process.join(TIMEOUT_S)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def answer(visitor: Visitor, url: str, key: Key, factor: str, code: str) -> Callable[[Site], int]:
    """Return the work of passing a challenge whose page is open, with a key that is remembered."""
    html = visitor.open(f"{url}?factor={factor}").text
    data, form = page_data(html), form_with(html, "code")
    made = {
        "zerotrust_key": key.point,
        "zerotrust_key_signature": key.sign(MAKE, data["challenge"], data["user"]),
        "zerotrust_remember": "1",
    }
    values = {**form.fields, "factor": factor, "code": code, **made}
    return lambda site: int(elsewhere(visitor, site).submit(form.action, values).status_code)


def keys_of(place: Place, user: str = "ada") -> list[str]:
    return [browser.key for browser in place.guard.browsers.all(user, now=place.clock())]


def marks_of(place: Place, user: str = "ada") -> list[list[Any]]:
    return list(json.loads(place.guard.store.get("browser-marks:" + user) or b"[]"))


def fill(place: Place) -> None:
    """Give ada as many browsers and marks as are kept."""
    browsers = place.guard.browsers
    for n in range(MAX_BROWSERS):
        tag = browsers.factor_tag("totp", "totp", SECRET)
        given = {"name": "b", "factor_id": "totp", "factor_tag": tag, "thread": None}
        browsers.add("ada", Key().point, **given, now=place.clock())
        browsers.mark("ada", f"{n:022}", now=place.clock())


def grants_without_a_row(place: Place, user: str) -> list[str]:
    """Return the sessions of a user that a browser has proven of which nothing is kept."""
    known = {browser.id for browser in place.guard.browsers.all(user, now=place.clock())}
    live = place.guard.sessions.live()
    proofs = {name: record.proof for name, record in live if record.proof and record.user == user}
    return [name for name, proof in proofs.items() if proof.browser not in known]


# Races


def test_two_tabs_that_pass_at_once_keep_both_rows_bounded(workers: Place) -> None:
    fill(workers)
    ada, key = workers.site.visitor().login(), Key()
    codes = {"totp": SECRET, "other": OTHER_SECRET}
    works = [
        answer(ada, ada.open(path).location, key, factor, totp(workers.clock.now, codes[factor]))
        for path, factor in (("/secret", "totp"), ("/admin", "other"))
    ]
    assert together(workers, works) == [303, 303]
    assert (len(keys_of(workers)), len(marks_of(workers))) == (MAX_BROWSERS, MAX_BROWSERS)
    assert keys_of(workers).count(key.point) == 1


def test_browsers_that_pass_at_once_are_all_kept(workers: Place) -> None:
    """Each of another user, and two of the same: no row is lost to a write that came between."""
    codes = {"totp": SECRET, "other": OTHER_SECRET}
    keys, works = [Key(), Key()], []
    for key, factor in zip(keys, codes, strict=True):
        ada = workers.site.visitor().login()
        url = ada.open("/secret").location
        works.append(answer(ada, url, key, factor, totp(workers.clock.now, codes[factor])))
    assert together(workers, works) == [303, 303]
    assert sorted(keys_of(workers)) == sorted(key.point for key in keys)
    assert len(marks_of(workers)) == 2


def test_a_token_proves_once_in_workers_that_race(workers: Place) -> None:
    ada, key = workers.site.visitor().login(), Key()
    again(remembered(ada, key))
    for _ in range(3):
        values = {"to": "Grace", **form_proof(ada, key)}

        def send(site: Site, values: dict[str, str] = values) -> int:
            return int(elsewhere(ada, site).submit("/transfer", values).status_code)

        assert sorted(together(workers, [send] * 3)) == [200, 303, 303]
        ada.login()


# Kills


@pytest.mark.slow
def test_a_process_killed_while_it_answers_leaves_no_grant_without_a_row(durable: Place) -> None:
    for writes in range(1, MOST_WRITES):
        user, key = f"u{writes}", Key()
        visitor = durable.site.visitor().login(user)
        work = answer(visitor, visitor.open("/secret").location, key, "totp", visitor.code())
        if not killed(durable, work, writes=writes):
            break
        assert grants_without_a_row(durable, user) == []
        assert visitor.open("/secret").status_code == 303
        # The app's session outlives it, and the next code and proof are taken.
        remembered(visitor, key)
        assert visitor.submit("/transfer", form_proof(visitor, key)).status_code == 200
    assert 5 < writes < MOST_WRITES - 1


@pytest.mark.slow
def test_a_process_killed_while_it_proves_leaves_nothing_proven(durable: Place) -> None:
    for writes in range(1, MOST_WRITES):
        key, visitor = Key(), durable.site.visitor().login(f"p{writes}")
        again(remembered(visitor, key), f"p{writes}")
        values = {"to": "Grace", **form_proof(visitor, key)}

        def send(site: Site, visitor: Visitor = visitor, values: dict[str, str] = values) -> int:
            return int(elsewhere(visitor, site).submit("/transfer", values).status_code)

        if not killed(durable, send, writes=writes):
            break
        assert visitor.asked()
        tries = [visitor.submit("/transfer", values).status_code for _ in range(2)]
        assert tries in ([200, 303], [303, 303])
        durable.clock.tick(301)
        # A session that was killed between its ids proves again after the next login.
        visitor.login(f"p{writes}")
        assert visitor.submit("/transfer", form_proof(visitor, key)).status_code == 200
    assert 2 < writes < MOST_WRITES - 1
