"""Rows 14, 26, 30, 37 and 42 in workers that are killed, and over stores that restart.

A worker is killed after its first write, after its second, and so on until its request comes to an end.
After each of them nothing that was ended comes back, and no count is lost.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from flask_zerotrust import config
from flask_zerotrust.challenge.limits import ALARM_FAILURES
from flask_zerotrust.factors.totp import new_secret
from flask_zerotrust.sessions import bounds
from flask_zerotrust.sessions.endings import ENDED_S, MAX_THREADS
from flask_zerotrust.stores.redis import RedisStore
from flask_zerotrust.stores.sqlite import SQLiteStore
from tests.clock import Clock
from tests.forms import form_to, form_with
from tests.integration.sites import Site, Visitor
from tests.integration.test_several_machines import DURABLE
from tests.security.test_owners_hear_of_attempts import answer, guess
from tests.security.test_races_of_known_browsers import (
    MOST_WRITES,
    Place,
    elsewhere,
    killed,
    start,
    url_of,
)
from tests.security.test_sessions_can_be_ended import SESSIONS, is_in, name_of, press
from tests.servers import RedisServer, redis_server

Work = Callable[[Site], int]
# Factors have no end. They lie under the key of their user, which is one row.
ENDLESS = "factors:"
SLACK_S = 60.0


class Bank(Place):
    """A site whose owners are told by a file, which outlives its workers."""

    notices: Path

    def restarted(self) -> Site:
        """Return the site as another worker builds it."""
        site = start(self.url, self.clock)
        tell_by_file(site, self.notices)
        return site

    def told(self, user: str) -> list[str]:
        """Return the notices that a user was sent."""
        lines = self.notices.read_text().splitlines() if self.notices.exists() else []
        return [event for to, event in map(str.split, lines) if to == user]


def tell_by_file(site: Site, path: Path) -> None:
    @site.zt.notify
    def tell(user: str, event: str, text: str) -> None:
        with path.open("a") as file:
            file.write(f"{user} {event}\n")


@pytest.fixture(params=["sqlite", "redis"])
def durable(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Bank]:
    """A site over a store that outlives its workers."""
    url = url_of(request, tmp_path)
    bank = Bank(url, clock, start(url, clock))
    bank.notices = tmp_path / "notices"
    tell_by_file(bank.site, bank.notices)
    yield bank
    bank.guard.store.close()


def users_of_killed(bank: Bank, prepare: Callable[[str], Work]) -> Iterator[str]:
    """Yield a user whose work was killed after one write, another after two, until one comes to its end.

    Afterwards every row has an end.
    """
    for writes in range(1, MOST_WRITES):
        user = f"u{writes}"
        work = prepare(user)
        if not killed(bank, work, writes=writes):
            break
        yield user
    assert 1 < writes < MOST_WRITES - 1
    assert endless(bank) == []


def endless(bank: Bank) -> list[str]:
    """Return the keys of rows that are kept longer than any cookie."""
    ends = redis_ends(bank.guard.store) if "sqlite" not in bank.url else sqlite_ends(bank)
    return [key for key, left_s in ends if not 0 < left_s <= ENDED_S + SLACK_S and ENDLESS not in key]


def redis_ends(store: RedisStore) -> list[tuple[str, float]]:
    client: redis.Redis = store._redis
    return [
        (key.decode(), client.ttl(key))
        for key in client.scan_iter("*")
        # The index of a user's rows lives as long as the longest of them.
        if client.type(key) != b"zset"
    ]


def sqlite_ends(bank: Bank) -> list[tuple[str, float]]:
    store: SQLiteStore = bank.guard.store
    rows = store._run("SELECT key, expires_at FROM rows WHERE expires_at > :now")
    return [(key, ends_at - bank.clock()) for key, ends_at in rows]


def owner_of(bank: Bank, user: str) -> Visitor:
    """Return a user in a session that has just passed a code."""
    bank.clock.tick(30)
    return bank.site.visitor().login(user).step_up("/admin")


def stepping_up(visitor: Visitor, path: str = "/admin") -> Work:
    """Return the work of passing a challenge whose page is open."""
    visitor.site.clock.tick(30)
    form = form_with(visitor.open(visitor.open(path).location).text, "code")
    values = {**form.fields, "factor": "totp", "code": visitor.code()}
    return lambda site: int(elsewhere(visitor, site).submit(form.action, values).status_code)


def pressing(visitor: Visitor, ending: str, page: str = SESSIONS) -> Work:
    """Return the work of pressing a button of a page that is open."""
    form = form_to(visitor.open(page).text, ending)
    return lambda site: int(elsewhere(visitor, site).submit(form.action, form.fields).status_code)


# Sessions


@pytest.mark.slow
def test_a_session_whose_end_was_cut_short_is_ended_by_the_next_press(durable: Bank) -> None:
    pairs: dict[str, tuple[Visitor, Visitor]] = {}

    def prepare(user: str) -> Work:
        other = durable.site.visitor().login(user)
        owner = owner_of(durable, user)
        pairs[user] = (owner, other)
        return pressing(owner, f"/{name_of(other)}/end")

    for user in users_of_killed(durable, prepare):
        owner, other = pairs[user]
        stolen, name = other.cookie(), name_of(other)
        if is_in(other):
            assert press(owner, f"/{name}/end").status_code == 303
        assert not is_in(other)
        assert not is_in(durable.site.visitor().put_back(stolen))
        assert owner.open("/secret").status_code == 200


@pytest.mark.every_store
def test_an_end_that_is_pressed_again_takes_one_place(durable: Bank) -> None:
    """Otherwise a hundred presses on one session would log out all of them."""
    sessions_of, other = durable.guard.sessions, durable.site.visitor().login()
    owner = owner_of(durable, "ada")
    record = dict(sessions_of.of("ada"))[other.entry()["id"]]
    for _ in range(MAX_THREADS + 1):
        sessions_of.end_one("ada", other.entry()["id"], record)
    assert not is_in(other)
    assert owner.open("/secret").status_code == 200


@pytest.mark.slow
def test_all_others_are_ended_together_or_not_at_all(durable: Bank) -> None:
    kept: dict[str, list[Visitor]] = {}

    def prepare(user: str) -> Work:
        others = [durable.site.visitor().login(user), owner_of(durable, user)]
        owner = owner_of(durable, user)
        kept[user] = [owner, *others]
        return pressing(owner, "/sessions/end")

    for user in users_of_killed(durable, prepare):
        owner, *others = kept[user]
        former = [visitor.cookie() for visitor in kept[user]]
        alive = [is_in(visitor) for visitor in others]
        assert alive in ([True, True], [False, False])
        # This session had its new cookie in the answer that never came, so it may be out as well.
        owner = owner if is_in(owner) else owner_of(durable, user)
        if any(alive):
            assert press(owner, "/sessions/end").status_code == 303
        assert not any(is_in(durable.site.visitor().put_back(cookie)) for cookie in former[1:])
        assert owner.open("/secret").status_code == 200


@pytest.mark.slow
def test_an_account_that_is_disabled_stays_so(durable: Bank) -> None:
    kept: dict[str, list[Visitor]] = {}

    def prepare(user: str) -> Work:
        kept[user] = [durable.site.visitor().login(user), owner_of(durable, user)]

        def end(site: Site) -> int:
            with site.app.app_context():
                site.zt.end_sessions(user)
            return 0

        return end

    for user in users_of_killed(durable, prepare):
        # The first write ends them all, and the rest tidies up.
        assert [is_in(visitor) for visitor in kept[user]] == [False, False]
        with durable.site.app.app_context():
            durable.site.zt.end_sessions(user)
        assert [is_in(visitor) for visitor in kept[user]] == [False, False]


@pytest.mark.slow
def test_sessions_of_killed_workers_stay_within_the_bound(
    durable: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kill leaves one record at most that no list counts, and it ends with its session."""
    monkeypatch.setattr(bounds, "MAX_UNPROVEN", 3)
    thief, *_ = [durable.site.visitor().login() for _ in range(3)]

    def prepare(user: str) -> Work:
        form = {"username": "ada"}
        return lambda site: int(Visitor(site, site.app.test_client()).submit("/login", form).status_code)

    kills = len(list(users_of_killed(durable, prepare)))
    durable.clock.tick(60)
    records = len(durable.guard.sessions.of("ada"))
    assert records <= 3 + kills
    durable.site.visitor().login()
    assert len(durable.guard.sessions.of("ada")) <= records + 1
    assert thief.asked()


# Factors


@pytest.mark.slow
def test_a_factor_is_gone_with_its_date_or_there_without(durable: Bank) -> None:
    owners: dict[str, Visitor] = {}

    def prepare(user: str) -> Work:
        durable.guard.enrolled.add_totp(user, new_secret(), avoid=("totp", "other"))
        owners[user] = owner_of(durable, user)
        return pressing(owners[user], "/remove", "/zerotrust/factors/totp-2")

    for user in users_of_killed(durable, prepare):
        enrolled = durable.guard.enrolled
        rows = [row for row in enrolled.history(user) if row.id == "totp-2"]
        assert len(rows) == 1
        assert (rows[0].removed_at is None) == ("totp-2" in enrolled.ids(user))
        if "totp-2" in enrolled.ids(user):
            assert press(owners[user], "/remove", "/zerotrust/factors/totp-2").status_code == 303
        (row,) = [row for row in enrolled.history(user) if row.id == "totp-2"]
        assert row.removed_at is not None


@pytest.mark.slow
def test_a_factor_has_one_date_of_use_whenever_a_worker_ends(durable: Bank) -> None:
    visitors: dict[str, Visitor] = {}

    def prepare(user: str) -> Work:
        visitors[user] = durable.site.visitor().login(user)
        return stepping_up(visitors[user])

    for user in users_of_killed(durable, prepare):
        visitors[user].step_up("/admin")
        (row,) = durable.guard.enrolled.history(user)
        assert (row.id, row.used_at) == ("totp", durable.clock())


# What is held against a user


@pytest.mark.slow
def test_a_latch_reaches_every_session_or_none_and_the_next_batch_sets_it(durable: Bank) -> None:
    pairs: dict[str, tuple[Visitor, Visitor]] = {}

    def prepare(user: str) -> Work:
        bad, good = owner_of(durable, user), owner_of(durable, user)
        durable.clock.tick(301)
        bad.move(2, says=4.0)
        pairs[user] = (bad, good)
        body = bad.body(1)

        def send(site: Site) -> int:
            site.scorer.says = 4.0
            return int(elsewhere(bad, site).send(body).status_code)

        return send

    for user in users_of_killed(durable, prepare):
        bad, good = pairs[user]
        ledger = durable.guard.sessions.ledger(user)
        assert latched(durable, user) in ([ledger.latched] * 2, [False, ledger.latched])
        bad.move(1, says=4.0)
        ledger = durable.guard.sessions.ledger(user)
        assert (ledger.latched, ledger.latch) == (True, bad.entry()["id"])
        assert ledger.struck == (bad.entry()["id"],)
        assert latched(durable, user) == [True, True]
        assert good.asked()


@pytest.mark.slow
def test_a_latch_is_answered_by_a_grant_that_was_stored_only(durable: Bank) -> None:
    visitors: dict[str, Visitor] = {}

    def prepare(user: str) -> Work:
        visitors[user] = owner_of(durable, user)
        durable.clock.tick(301)
        visitors[user].move(3, says=4.0)
        assert latched(durable, user) == [True]
        return stepping_up(visitors[user])

    for user in users_of_killed(durable, prepare):
        guard = durable.guard
        granted = [record for _, record in guard.sessions.of(user) if record.grant is not None]
        fresh = [record for record in granted if record.grant.at == durable.clock()]
        assert guard.sessions.ledger(user).latched or fresh
        assert visitors[user].asked("/admin")
        visitors[user].step_up("/admin")
        assert not guard.sessions.ledger(user).latched
        assert visitors[user].open("/secret").status_code == 200


def latched(bank: Bank, user: str) -> list[bool]:
    """Return which sessions of a user are latched, sorted."""
    return sorted(record.latched for _, record in bank.guard.sessions.of(user))


# Guesses


def guessing(thief: Visitor) -> Work:
    """Return the work of typing one wrong code, in a challenge whose page is open."""
    form = form_with(thief.open(thief.open("/admin").location).text, "code")
    wrong = f"{(int(thief.code()) + 500_000) % 1_000_000:06}"
    values = {**form.fields, "factor": "totp", "code": wrong}
    return lambda site: int(elsewhere(thief, site).submit(form.action, values).status_code)


@pytest.mark.slow
def test_a_killed_guess_was_counted_and_the_pause_holds(durable: Bank) -> None:
    """At worst the owner waits for one pause more: if the worker ended between pause and counter."""
    thieves: dict[str, Visitor] = {}
    most = config.FACTOR_FAILURES

    def prepare(user: str) -> Work:
        thieves[user] = durable.site.visitor().login(user)
        guess(thieves[user], most - 1)
        return guessing(thieves[user])

    for user in users_of_killed(durable, prepare):
        thief = thieves[user]
        wrong = f"{(int(thief.code()) + 500_000) % 1_000_000:06}"
        reasons = [answer(thief, wrong) for _ in range(3)]
        # The killed guess was judged or is judged now: the limit is reached with it.
        assert reasons[1:] == ["factor_paused"] * 2
        durable.clock.tick(901)
        if answer(thief, thief.code()) == "factor_paused":
            durable.clock.tick(3_601)
            assert answer(thief, thief.code()) is None


@pytest.mark.slow
def test_an_owner_is_told_though_the_worker_that_was_about_to_tell_was_killed(durable: Bank) -> None:
    """Told once, or twice if the worker ended after it told and before it noted that."""
    thieves: dict[str, Visitor] = {}

    def prepare(user: str) -> Work:
        thieves[user] = durable.site.visitor().login(user)
        guess(thieves[user], ALARM_FAILURES - 1)
        return guessing(thieves[user])

    for user in users_of_killed(durable, prepare):
        wait(durable, 61)
        guess(thieves[user])
        assert durable.told(user) in (["wrong-codes"], ["wrong-codes"] * 2)
        before = len(durable.told(user))
        guess(thieves[user])
        assert len(durable.told(user)) == before


def wait(bank: Bank | Lasting, seconds: float) -> None:
    """Let time pass, also for the rows of a Redis."""
    bank.clock.tick(seconds)
    if isinstance(bank.guard.store, RedisStore):
        client = bank.guard.store._redis
        for key in client.scan_iter("*told:*"):
            client.pexpire(key, max(1, client.pttl(key) - round(seconds * 1_000)))


# Restarts


class Lasting:
    """A site, and what ends and begins again beneath it."""

    def __init__(self, url: str, clock: Clock, server: RedisServer | None) -> None:
        self.url, self.clock, self.server = url, clock, server
        self.site = start(url, clock)

    @property
    def guard(self) -> Any:
        return self.site.app.extensions["zerotrust"]

    def restart(self) -> None:
        """Crash the Redis and start it again, or open the file of SQLite in another app."""
        self.guard.store.close()
        if self.server is not None:
            self.server.stop(signal.SIGKILL)
            self.server.start()
        self.site = start(self.url, self.clock)

    def again(self, visitor: Visitor) -> Visitor:
        """Return a browser from before the restart."""
        return elsewhere(visitor, self.site)


@pytest.fixture(params=["sqlite", "redis"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Lasting]:
    with ExitStack() as running:
        if request.param == "redis":
            server = running.enter_context(redis_server(tmp_path / "r", options=DURABLE))
            made = Lasting(server.url(), clock, server)
        else:
            made = Lasting(f"sqlite:///{tmp_path / 'kept.sqlite'}", clock, None)
        yield made
        made.guard.store.close()


@pytest.mark.every_store
def test_a_restart_brings_nothing_back_and_forgets_nothing(
    lasting: Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_UNPROVEN", 3)
    site, clock = lasting.site, lasting.clock
    ended, gone = site.visitor().login(), site.visitor().login("bea")
    owner = site.visitor().login().step_up("/admin")
    press(owner, f"/{name_of(ended)}/end")
    lasting.guard.sessions.end_all("bea")
    bad, good = (site.visitor().login("cat").step_up("/admin") for _ in range(2))
    clock.tick(301)
    bad.move(3, says=4.0)
    thief = site.visitor().login("dan")
    guess(thief, config.FACTOR_FAILURES)
    history = lasting.guard.enrolled.history("ada")
    crowd = [site.visitor().login("eli") for _ in range(3)]

    lasting.restart()

    assert [is_in(lasting.again(one)) for one in (ended, gone, owner)] == [False, False, True]
    assert [lasting.again(one).asked() for one in (bad, good)] == [True, True]
    assert lasting.guard.sessions.ledger("cat").latched
    assert answer(lasting.again(thief), thief.code()) == "factor_paused"
    assert lasting.guard.enrolled.history("ada") == history != []
    lasting.site.visitor().login("eli")
    assert len(lasting.guard.sessions.of("eli")) == 3
    assert crowd[0].entry()["id"] not in dict(lasting.guard.sessions.of("eli"))


@pytest.mark.every_store
def test_an_owner_is_told_once_a_day_also_after_a_restart(lasting: Lasting) -> None:
    events: list[str] = []
    lasting.site.zt.notify(lambda user, event, text: events.append(event))
    thief = lasting.site.visitor().login()
    guess(thief, ALARM_FAILURES)
    lasting.restart()
    lasting.site.zt.notify(lambda user, event, text: events.append(event))
    wait(lasting, 61)
    guess(lasting.again(thief))
    assert events == ["wrong-codes"]
