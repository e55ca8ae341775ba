"""Sessions and their records: what goes with an id, what a user is held to, and what cannot be put back."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust import config
from flask_zerotrust.config import CLOCK_SLACK_S, Settings
from flask_zerotrust.errors import StoreError
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.risk.level import RiskState
from flask_zerotrust.sessions.record import Grant, Ledger, Record
from flask_zerotrust.sessions.sessions import MAX_STRIKES, SESSION_KEY, Entry, Sessions
from flask_zerotrust.stores import MemoryStore
from tests.clock import START, Clock

#: Good movement opens views here, so what an unproven session does counts against others.
MOVEMENT = Settings(new_browser="movement")


class Browser:
    """A session dict and what happens to it, without any web."""

    def __init__(self, user: str | None = "ada", *, sessions: Sessions | None = None) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.sessions = sessions or Sessions(self.store, KeyRing(["key"]), MOVEMENT)
        self.session: dict[str, Any] = {}
        self.user = user
        self.entry = self.sessions.start(self.session, user)

    def also(self, user: str | None = "ada") -> Browser:
        """Return another browser at the same site."""
        other = Browser(user, sessions=self.sessions)
        other.clock, other.store = self.clock, self.store
        return other

    def change(self, **members: Any) -> Record | None:
        return self.sessions.change(self.entry, self.user, lambda before: replace(before, **members))

    def record(self) -> Record | None:
        return self.sessions.record(self.entry.id, user=self.user)

    def becomes(self, user: str | None) -> Browser:
        self.user = user
        self.entry = self.sessions.start(self.session, user)
        return self

    def steps_up(self) -> Browser:
        assert self.user is not None
        who = {"user": self.user, "factor_id": "totp"}
        self.entry = self.sessions.grant(self.session, self.entry, now=self.clock(), **who)
        return self


@pytest.fixture
def ada() -> Browser:
    return Browser()


@pytest.fixture
def visitor() -> Browser:
    return Browser(None)


def test_a_record_reads_what_it_wrote() -> None:
    record = Record(
        version=7,
        user="ada",
        state=RiskState(log_odds=-1.5, weight=3.0, at=START, recent=(-1.0, 0.5), worst=-0.25),
        strokes=4,
        latched=True,
        suspect=True,
        noted=2,
        grant=Grant("ada", START, "totp"),
    )
    assert Record.load(record.dump()) == record


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b'{"v":1}', b"null"])
def test_a_record_that_cannot_be_read_is_the_operators_business(raw: bytes) -> None:
    with pytest.raises(StoreError, match="delete the 'session:' rows"):
        Record.load(raw)


@pytest.mark.parametrize(
    ("ahead", "age"), [(-10.0, 10.0), (0.0, 0.0), (CLOCK_SLACK_S, 0.0), (CLOCK_SLACK_S + 0.1, None)]
)
def test_a_grant_from_the_future_does_not_count(ahead: float, age: float | None) -> None:
    record = Record(grant=Grant("ada", START + ahead, "totp"))
    assert record.grant_age_s(user="ada", now=START) == age


def test_a_grant_is_its_users_alone() -> None:
    assert Record(grant=Grant("ada", START, "totp")).grant_age_s(user="grace", now=START) is None


@pytest.mark.parametrize("data", [None, "text", 5, [], {}, {"id": "a"}])
def test_a_session_value_that_is_not_ours_counts_as_none(data: Any) -> None:
    assert Entry.from_session(data) is None


def test_every_change_makes_the_version_one_higher(ada: Browser) -> None:
    versions = [record.version for record in (ada.change(strokes=n) for n in range(3)) if record]
    assert versions == [1, 2, 3]


def test_movement_before_a_login_goes_with_the_person(visitor: Browser) -> None:
    visitor.change(strokes=5)
    before = visitor.entry
    visitor.becomes("ada")
    record = visitor.record()
    assert record is not None
    assert (record.strokes, record.user) == (5, "ada")
    assert before.id != visitor.entry.id
    assert before.thread != visitor.entry.thread


def test_the_old_id_is_dead_after_a_login(visitor: Browser) -> None:
    visitor.change(strokes=5)
    old = visitor.entry
    visitor.becomes("ada")
    assert visitor.sessions.record(old.id, user=None) is None
    assert visitor.sessions.change(old, None, lambda record: replace(record, strokes=99)) is None


@pytest.mark.parametrize("user", [None, "grace"])
def test_nothing_goes_to_whoever_comes_next(ada: Browser, user: str | None) -> None:
    ada.change(strokes=5)
    ada.steps_up()
    ada.becomes(user)
    assert ada.record() is None


def test_a_new_login_of_the_same_person_gets_a_new_id_and_keeps_what_was_known(ada: Browser) -> None:
    ada.change(strokes=5)
    old = ada.entry
    ada.entry = ada.sessions.start(ada.session, "ada", rotate=True)
    record = ada.record()
    assert record is not None
    assert record.strokes == 5
    assert ada.entry.id != old.id
    assert ada.entry.thread == old.thread
    assert ada.sessions.record(old.id, user="ada") is None


def test_a_step_up_changes_the_id_but_not_the_thread(ada: Browser) -> None:
    ada.change(strokes=5)
    old = ada.entry
    ada.steps_up()
    assert ada.entry.id != old.id
    assert ada.entry.thread == old.thread
    assert ada.sessions.record(old.id, user="ada") is None


def test_a_step_up_clears_latch_suspicion_and_evidence(ada: Browser) -> None:
    ada.change(latched=True, suspect=True, strokes=9, state=RiskState(log_odds=5.0, weight=9.0, at=START))
    ada.steps_up()
    record = ada.record()
    assert record is not None
    assert (record.latched, record.suspect, record.strokes) == (False, False, 0)
    assert record.state == RiskState(at=START)
    assert ada.sessions.ledger("ada") == Ledger(latch=record.answered)
    assert record.version > 1


def test_a_latch_goes_with_the_user_into_a_new_session(ada: Browser) -> None:
    ada.change(latched=True)
    again = ada.also()
    record = again.change(strokes=1)
    assert record is not None
    assert record.latched


def test_a_latch_reaches_the_sessions_that_were_there_until_each_has_passed_a_factor(ada: Browser) -> None:
    ready, third = ada.also(), ada.also()
    for one in (ready, third):
        one.change(strokes=1)
    ada.change(latched=True)
    assert [one.record().latched for one in (ready, third)] == [True, True]  # type: ignore[union-attr]
    ready.steps_up()
    assert [one.record().latched for one in (ready, third)] == [False, True]  # type: ignore[union-attr]
    record = ada.also().change(strokes=1)
    assert record is not None
    assert not record.latched


def test_a_session_that_moves_keeps_a_latch_whose_life_is_over(ada: Browser) -> None:
    ready = ada.also()
    ready.change(strokes=1)
    ada.change(latched=True)
    ready.change(strokes=2)
    ada.clock.tick(config.LATCH_S - 1)
    ready.change(strokes=3)
    ada.clock.tick(2)
    record = ready.record()
    assert record is not None
    assert record.latched


def test_a_latch_during_a_step_up_stays(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another session goes bad between the code and the end of its step-up."""
    ada.change(latched=True)
    put, other = ada.store.put, ada.also()

    def late(*args: Any, **keywords: Any) -> None:
        monkeypatch.undo()
        ada.sessions.forgive("ada")
        other.change(latched=True)
        put(*args, **keywords)

    monkeypatch.setattr(ada.store, "put", late)
    ada.steps_up()
    assert ada.sessions.ledger("ada").latched
    record = ada.record()
    assert record is not None
    assert record.latched


def test_a_latch_that_was_answered_goes_into_no_later_login(ada: Browser) -> None:
    ada.change(latched=True)
    ada.steps_up()
    visitor = ada.also(None)
    visitor.change(strokes=1)
    record = visitor.becomes("ada").record()
    assert record is not None
    assert not record.latched


def test_a_latch_is_no_other_users_business(ada: Browser) -> None:
    ada.change(latched=True)
    record = ada.also("grace").change(strokes=1)
    assert record is not None
    assert not record.latched


def test_a_visitors_latch_goes_into_the_account_that_is_logged_in_to(visitor: Browser) -> None:
    visitor.change(latched=True)
    visitor.becomes("ada")
    assert visitor.sessions.ledger("ada").latched


def test_a_latch_ends_with_its_life(ada: Browser) -> None:
    ada.change(latched=True)
    ada.clock.tick(config.LATCH_S - 1)
    assert ada.sessions.ledger("ada").latched
    ada.clock.tick(2)
    assert not ada.sessions.ledger("ada").latched


@pytest.mark.parametrize(("sessions", "latched"), [(MAX_STRIKES - 1, False), (MAX_STRIKES, True)])
def test_so_many_suspect_sessions_latch_the_next(ada: Browser, sessions: int, latched: bool) -> None:
    for _ in range(sessions):
        ada.also().change(suspect=True)
    record = ada.change(strokes=1)
    assert record is not None
    assert record.latched is latched


def test_one_session_is_one_strike_however_often_it_is_suspect(ada: Browser) -> None:
    for _ in range(5):
        ada.change(suspect=True)
    ada.change(latched=True)
    assert ada.sessions.ledger("ada") == Ledger(latched=True, latch=ada.entry.id, struck=(ada.entry.id,))


def test_a_lost_race_does_not_strike_twice(ada: Browser) -> None:
    """Another batch of the same session is stored while this one is being judged."""
    racing = [1]

    def late(before: Record) -> Record:
        if racing:
            racing.clear()
            ada.change(suspect=True)
        return replace(before, suspect=True)

    ada.sessions.change(ada.entry, "ada", late)
    assert ada.sessions.ledger("ada").strikes == 1


def test_logging_out_buries_the_record(ada: Browser) -> None:
    ada.change(strokes=5)
    ada.sessions.drop(ada.session)
    assert SESSION_KEY not in ada.session
    assert ada.record() is None
    assert ada.change(strokes=6) is None


def test_a_session_without_evidence_leaves_no_row(ada: Browser) -> None:
    ada.sessions.drop(ada.session)
    assert ada.store.get("session:" + ada.entry.id) is None


def test_an_entry_survives_a_new_secret_key_with_the_old_one_as_fallback(ada: Browser) -> None:
    rotated = Sessions(ada.store, KeyRing(["newer", "key"]), Settings())
    assert rotated.entry(ada.session, "ada") == ada.entry


def test_rows_name_the_user_they_are_about(ada: Browser) -> None:
    ada.change(latched=True)
    assert ada.store.owned("user:ada") == ["ledger:ada", "session:" + ada.entry.id, "sessions-of:ada"]


acts = st.lists(
    st.sampled_from(["good", "bad", "latch", "step up", "out and in", "again", "wait"]),
    max_size=12,
)


@given(acts=acts)
def test_no_cookie_of_the_past_is_worth_more_than_the_present_one(acts: list[str]) -> None:
    """Whatever happens, an older copy either leads to the same record, or to none: unknown, no grant."""
    ada = Browser()
    past = [copy.deepcopy(ada.session)]
    for act in acts:
        _act(ada, act)
        past.append(copy.deepcopy(ada.session))
    now = ada.record()
    for old in past:
        entry = Entry.from_session(old[SESSION_KEY])
        assert entry is not None
        found = ada.sessions.record(entry.id, user="ada")
        assert found == (now if entry.id == ada.entry.id else None)


def _act(ada: Browser, act: str) -> None:
    if act in ("good", "bad"):
        log_odds = -3.0 if act == "good" else 1.0
        ada.change(state=RiskState(log_odds=log_odds, weight=5.0, at=ada.clock()), suspect=act == "bad")
    elif act == "latch":
        ada.change(latched=True)
    elif act == "step up":
        ada.steps_up()
    elif act == "out and in":
        ada.sessions.drop(ada.session)
        ada.becomes("ada")
    elif act == "again":
        ada.entry = ada.sessions.start(ada.session, "ada", rotate=True)
    elif act == "wait":
        ada.clock.tick(1_000)
