"""Tries are counted in the store, before they are judged, in buckets of their own (threats 2 and 14)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_zerotrust import Factor, config
from flask_zerotrust.challenge import Challenges
from flask_zerotrust.challenge.limits import (
    ACCOUNT_FAILURES,
    ACCOUNT_S,
    ADDRESS_ACCOUNTS,
    ADDRESS_TURN_S,
    ADDRESS_WINDOW_S,
    PAUSES_S,
    USER_TURN_S,
)
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.desk import SECRET, Desk

pytestmark = pytest.mark.every_store

PARALLEL = 50


class Watched(Factor):
    """A knowing factor that remembers what it was asked to judge."""

    id, kind, label = "watched", "watched", "Watched"

    def __init__(self, right: str = "000000") -> None:
        self.right = right
        self.judged: list[str] = []

    def check(self, code: str, *, now: float) -> str | None:
        self.judged.append(code)
        return "use" if code == self.right else None


def at_once(call: Callable[[int], object], times: int = PARALLEL) -> Counter[object]:
    with ThreadPoolExecutor(16) as pool:
        return Counter(pool.map(call, range(times)))


def addresses() -> list[str]:
    return [f"198.51.100.{n}" for n in range(200)]


# A challenge


def test_a_challenge_has_five_tries(desk):
    pending = desk.open()
    answers = [desk.reason(desk.check, pending, desk.wrong_code(), desk.totp) for _ in range(6)]
    assert answers == ["wrong"] * 4 + ["too_many"] * 2


def test_the_right_code_comes_too_late_after_five_wrong_ones(desk):
    pending = desk.open()
    for _ in range(5):
        desk.reason(desk.check, pending, desk.wrong_code(), desk.totp)
    assert desk.reason(desk.check, pending, desk.app_code(), desk.totp) == "too_many"


def test_the_fifth_try_may_still_be_right(desk):
    pending = desk.open()
    for _ in range(4):
        desk.reason(desk.check, pending, desk.wrong_code(), desk.totp)
    desk.check(pending, desk.app_code(), desk.totp)


def test_loading_the_challenge_again_gives_no_new_tries(desk):
    pending = desk.open()
    for _ in range(5):
        desk.reason(desk.check, desk.load(pending.id), desk.wrong_code(), desk.totp)
    assert desk.reason(desk.check, desk.load(pending.id), desk.app_code(), desk.totp) == "too_many"


def test_closing_a_challenge_gives_no_new_tries_to_who_kept_it(desk):
    pending, factor = desk.open(), Watched()
    for _ in range(5):
        desk.reason(desk.check, pending, "111111", factor)
    desk.challenges.close(pending)
    desk.reason(desk.check, pending, factor.right, factor)
    assert factor.judged == ["111111"] * 5


def test_a_new_code_gives_no_new_tries(desk):
    pending = desk.send(desk.open())
    for _ in range(4):
        desk.reason(desk.check, pending, desk.wrong_code())
    desk.clock.tick(config.RESEND_S)
    pending = desk.send(pending)
    assert desk.reason(desk.check, pending, desk.wrong_code()) == "too_many"
    assert desk.reason(desk.check, pending, desk.phone.code) == "too_many"


def test_guesses_at_once_are_judged_five_times_at_most(desk):
    pending, factor = desk.open(), Watched()
    answers = at_once(lambda n: desk.reason(desk.check, pending, f"{n + 1:06d}", factor, f"198.51.100.{n}"))
    assert len(factor.judged) == 5
    assert answers["too_many"] >= PARALLEL - 5


def test_one_of_fifty_submissions_of_one_app_code_wins(desk):
    pending, code = desk.open(), desk.app_code()
    answers = at_once(lambda _: desk.reason(desk.check, pending, code, desk.totp))
    assert answers[None] == 1
    assert answers["used"] == 4


def test_one_of_fifty_submissions_of_one_sent_code_wins(desk):
    pending = desk.send(desk.open())
    answers = at_once(lambda _: desk.reason(desk.check, pending, desk.phone.code))
    assert answers[None] == 1
    assert sum(answers.values()) == PARALLEL


def test_one_of_fifty_wins_also_without_a_limit_of_tries(make_desk):
    """What keeps a code single is the claim, not the number of tries."""
    desk = make_desk(CODE_TRIES=10, FACTOR_FAILURES=100)
    code = desk.app_code()
    challenges = [desk.open(session_id=f"s{n}") for n in range(PARALLEL)]
    answers = at_once(lambda n: desk.reason(desk.check, challenges[n], code, desk.totp))
    assert answers == {None: 1, "used": PARALLEL - 1}


def test_a_try_is_counted_although_judging_it_fails(desk):
    class Broken(Watched):
        def check(self, code: str, *, now: float) -> str | None:
            super().check(code, now=now)
            raise ZeroDivisionError

    pending, factor = desk.open(), Broken()
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            desk.check(pending, "111111", factor)
    assert desk.reason(desk.check, pending, "111111", factor) == "too_many"


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "①②③④⑤⑥"])
def test_what_is_no_code_burns_no_try(desk, typed):
    pending = desk.open()
    assert {desk.reason(desk.check, pending, typed, desk.totp) for _ in range(20)} == {"format"}
    desk.check(pending, desk.app_code(), desk.totp)


def test_a_code_that_was_not_sent_or_is_too_old_burns_no_try(desk):
    pending = desk.open()
    assert {desk.reason(desk.check, pending, "111111") for _ in range(20)} == {"not_sent"}
    pending = desk.send(pending)
    desk.clock.tick(config.CODE_S)
    assert {desk.reason(desk.check, pending, desk.phone.code) for _ in range(20)} == {"expired"}
    desk.check(pending, desk.app_code(), desk.totp)


# A factor


def exhaust(
    desk: Desk, factor: object | None = None, times: int = 10, *, known: bool = False
) -> list[str | None]:
    """Type wrong codes, in a new challenge after every other one."""
    answers: list[str | None] = []
    pending = desk.open()
    for n in range(times):
        pending = desk.open(session_id=f"e{n}") if n % 2 else pending
        wrong = (pending, "111111", factor or Watched(), addresses()[n])
        answers.append(desk.reason(desk.check, *wrong, known=known))
    return answers


def test_ten_wrong_codes_pause_a_factor_over_all_challenges(desk):
    factor = Watched()
    assert exhaust(desk, factor) == ["wrong"] * 9 + ["factor_paused"]
    with pytest.raises(ChallengeError, match="factor_paused") as paused:
        desk.check(desk.open(user="ada", session_id="other"), factor.right, factor)
    assert paused.value.retry_after_s == PAUSES_S[0]
    assert len(factor.judged) == 10


def pauses(desk: Desk, factor: Watched, times: int, *, known: bool = False) -> list[float]:
    """Fail until the factor pauses, so many times, each time as soon as it may, and return how long."""
    lengths = []
    for _ in range(times):
        exhaust(desk, factor, known=known)
        with pytest.raises(ChallengeError, match="factor_paused") as paused:
            desk.check(desk.open(), factor.right, factor, known=known)
        assert paused.value.retry_after_s is not None
        lengths.append(paused.value.retry_after_s)
        desk.clock.tick(paused.value.retry_after_s)
    return lengths


@pytest.mark.parametrize("known", [True, False])
def test_pauses_grow_while_failures_go_on(desk, known):
    assert pauses(desk, Watched(), 4, known=known) == [900, 3_600, 86_400, 86_400]


def test_pauses_are_short_again_after_a_success_in_a_known_browser(desk):
    factor, other = Watched(), Watched()
    other.id = "other"
    pauses(desk, factor, 2, known=True)
    pauses(desk, other, 1, known=True)
    desk.check(desk.open(), factor.right, factor, known=True)
    assert pauses(desk, factor, 1, known=True) == [900]
    assert pauses(desk, other, 1, known=True) == [3_600], "of another factor nothing is known"


@pytest.mark.parametrize("known", [True, False])
def test_pauses_of_new_browsers_stay_long_after_a_success(desk, known):
    """Also after one in a new browser: the thief's failures are among those of new browsers."""
    factor = Watched()
    pauses(desk, factor, 2)
    desk.check(desk.open(), factor.right, factor, known=known)
    assert pauses(desk, factor, 1) == [86_400]


def test_an_owner_who_steps_up_in_new_browsers_gives_a_thief_no_new_guesses(make_desk):
    desk = make_desk(FACTOR_FAILURES=100)
    judged = 0
    for _ in range(20):
        factor = Watched()
        exhaust(desk, factor, times=9)
        judged += len(factor.judged)
        desk.reason(desk.check, desk.open(), factor.right, factor)
        desk.clock.tick(86_400)
    assert judged <= ACCOUNT_FAILURES


def test_right_codes_in_new_browsers_are_no_failures(desk):
    """A user who never keeps cookies is neither paused nor locked by them."""
    for _ in range(ACCOUNT_FAILURES + 10):
        desk.clock.tick(600)
        desk.check(desk.open(), desk.app_code(), desk.totp)


def test_a_right_code_of_the_last_series_earns_no_guess_in_the_next(make_desk):
    desk, factor = make_desk(FACTOR_FAILURES=100), Watched()
    desk.check(desk.open(), desk.app_code(), desk.totp)
    desk.challenges.attempts.unlock("ada")
    for n in range(ACCOUNT_FAILURES + 1):
        desk.reason(desk.check, desk.open(session_id=f"s{n}"), "111111", factor, addresses()[n])
    assert len(factor.judged) == ACCOUNT_FAILURES


def test_pauses_are_short_again_after_thirty_quiet_days(desk):
    factor = Watched()
    pauses(desk, factor, 2)
    desk.clock.tick(ACCOUNT_S)
    assert pauses(desk, factor, 1) == [900]


def test_support_ends_pauses(desk):
    factor = Watched()
    exhaust(desk, factor)
    desk.challenges.attempts.unlock("ada")
    desk.check(desk.open(), factor.right, factor)


def test_a_pause_ends_by_itself_and_does_not_grow_by_trying(desk):
    factor = Watched()
    exhaust(desk, factor)
    desk.clock.tick(PAUSES_S[0] - 1)
    pending = desk.open()
    assert {desk.reason(desk.check, pending, factor.right, factor) for _ in range(30)} == {"factor_paused"}
    desk.clock.tick(1)
    desk.check(pending, factor.right, factor)


def test_another_factor_stays_open(desk):
    exhaust(desk, Watched())
    desk.check(desk.open(), desk.app_code(), desk.totp)


def test_another_users_same_factor_stays_open(desk):
    exhaust(desk, desk.totp)
    desk.check(desk.open(user="bob"), desk.app_code(), desk.totp)


def test_a_paused_factor_sends_nothing(desk):
    class Sending(Watched):
        sends, recipient = True, "+447700900999"

        def send(self, code: str, *, action: str, host: str) -> None:
            pass

    factor = Sending()
    pending = desk.open()
    for n in range(12):
        pending = desk.open(session_id=f"p{n}")
        desk.clock.tick(config.RESEND_S)
        if desk.reason(desk.send, pending, factor) in (None,):
            desk.reason(desk.check, pending, "111111", factor)
            desk.reason(desk.check, pending, "111111", factor)
    assert desk.reason(desk.send, desk.open(), factor) == "factor_paused"


def test_success_sets_the_count_of_a_factor_back(desk):
    factor = TotpFactor(SECRET)
    for _ in range(3):
        assert exhaust(desk, factor, times=9, known=True) == ["wrong"] * 9
        desk.clock.tick(30)
        desk.check(desk.open(), desk.app_code(), factor, known=True)


def test_guesses_at_once_over_many_challenges_are_judged_ten_times_at_most(desk):
    factor = Watched()
    challenges = [desk.open(session_id=f"s{n}") for n in range(PARALLEL)]
    answers = at_once(lambda n: desk.reason(desk.check, challenges[n], "111111", factor, addresses()[n]))
    assert 5 < len(factor.judged) <= 10
    assert answers["factor_paused"] >= PARALLEL - 10


def test_guesses_on_their_way_at_once_are_judged_ten_times_at_most(desk):
    """All twenty arrive before the first is judged, so none has paused the factor yet."""
    everyone_is_here = threading.Event()

    class Slow(Watched):
        def check(self, code: str, *, now: float) -> str | None:
            use = super().check(code, now=now)
            everyone_is_here.wait(60)
            return use

    factor = Slow()
    challenges = [desk.open(session_id=f"s{n}") for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = [
            pool.submit(desk.reason, desk.check, pending, "111111", factor, address)
            for pending, address in zip(challenges, addresses(), strict=False)
        ]
        while len(factor.judged) + sum(answer.done() for answer in answers) < 20:
            time.sleep(0.001)
        everyone_is_here.set()
    assert len(factor.judged) <= 10


class Overtaken(MemoryStore):
    """A store in which others are served first, once, just before a counter of this name grows."""

    name: str
    others: Callable[[], object] | None = None

    def increment(self, key: str, *, ttl_s: float) -> int:
        if self.others is not None and key.startswith(self.name):
            others, self.others = self.others, None
            others()
        return super().increment(key, ttl_s=ttl_s)


def test_a_guess_that_is_overtaken_by_a_pause_is_not_judged():
    """The pause begins, and sets the counter back, after the guess was let in and before it is counted."""
    clock, factor = Clock(), Watched()
    store = Overtaken(clock=clock)
    desk = Desk(store=store, clock=clock)
    pending = desk.open()
    store.name, store.others = "failures:", lambda: exhaust(desk, factor)
    assert desk.reason(desk.check, pending, factor.right, factor) == "factor_paused"
    assert factor.judged == ["111111"] * 10


def test_guesses_at_an_enrolment_at_once_are_judged_five_times_at_most(desk):
    factor = Watched()
    challenges = Challenges(desk.store, desk.keys, desk.settings, totp=lambda _: factor)
    challenges.enrolment.begin("ada", "s1", now=desk.clock())
    confirm = challenges.enrolment.confirm
    answers = at_once(lambda _: desk.reason(confirm, "ada", "s1", "111111", now=desk.clock()))
    assert len(factor.judged) <= 5
    assert answers["wrong"] == 4


def test_a_guess_at_an_enrolment_that_has_ended_meanwhile_is_not_judged():
    clock, factor = Clock(), Watched()
    store = Overtaken(clock=clock)
    desk = Desk(store=store, clock=clock)
    challenges = Challenges(store, desk.keys, desk.settings, totp=lambda _: factor)
    challenges.enrolment.begin("ada", "s1", now=clock())

    def guess() -> str | None:
        return desk.reason(challenges.enrolment.confirm, "ada", "s1", "111111", now=clock())

    store.name, store.others = "enrolling-tries:", lambda: [guess() for _ in range(6)]
    assert guess() == "too_many"
    assert factor.judged == ["111111"] * 5


# An account


def test_an_account_is_closed_after_fifty_failures_in_a_row_over_all_factors(make_desk):
    desk = make_desk(FACTOR_FAILURES=100)
    judged = 0
    for n in range(60):
        factor = Watched()
        factor.id = f"f{n % 3}"
        pending = desk.open(session_id=f"s{n}")
        for _ in range(2):
            desk.reason(desk.check, pending, "111111", factor, addresses()[n])
        judged += len(factor.judged)
    assert judged == ACCOUNT_FAILURES == 50
    assert desk.reason(desk.check, desk.open(), desk.app_code(), desk.totp) == "locked"
    desk.challenges.attempts.unlock("ada")
    desk.check(desk.open(), desk.app_code(), desk.totp)


def test_success_begins_the_fifty_again(make_desk):
    desk = make_desk(FACTOR_FAILURES=100)
    for part in range(3):
        factor = Watched()
        factor.id = f"f{part}"
        for n in range(16):
            pending = desk.open(session_id=f"{part}-{n}")
            for _ in range(3):
                wrong = (pending, "111111", factor, addresses()[n])
                assert desk.reason(desk.check, *wrong, known=True) == "wrong"
        desk.clock.tick(30)
        desk.check(desk.open(), desk.app_code(), desk.totp, known=True)


# An address


def busy(desk: Desk, address: str) -> None:
    """Type a wrong code for as many accounts as make an address busy."""
    for n in range(ADDRESS_ACCOUNTS):
        assert desk.reason(desk.check, desk.open(user=f"u{n}"), "111111", Watched(), address) == "wrong"


def wrong(desk: Desk, user: str, address: str) -> str | None:
    """Type a wrong code as somebody behind an address."""
    return desk.reason(desk.check, desk.open(user=user), "111111", Watched(), address)


def test_one_accounts_wrong_codes_hold_up_nobody_behind_its_address(make_desk):
    """Row 14: not even the account itself, which its own counters stop."""
    desk = make_desk(FACTOR_FAILURES=100)
    answers = {wrong(desk, "eve", "192.0.2.1") for _ in range(ACCOUNT_FAILURES)}
    assert answers == {"wrong"}
    assert {wrong(desk, f"u{n}", "192.0.2.1") for n in range(5)} == {"wrong"}


def test_behind_a_busy_address_new_browsers_take_turns(desk):
    """One address tries one code with many accounts, so each of them must not have a turn of its own."""
    busy(desk, "192.0.2.1")
    assert wrong(desk, "v1", "192.0.2.1") == "wrong"
    assert {wrong(desk, f"v{n}", "192.0.2.1") for n in range(2, 9)} == {"slow_down"}
    desk.clock.tick(ADDRESS_TURN_S)
    assert wrong(desk, "v2", "192.0.2.1") == "wrong"


def test_a_user_who_had_a_turn_lets_others_go_first(desk):
    busy(desk, "192.0.2.1")
    assert wrong(desk, "eve", "192.0.2.1") == "wrong"
    desk.clock.tick(ADDRESS_TURN_S)
    with pytest.raises(ChallengeError, match="slow_down") as slowed:
        desk.check(desk.open(user="eve"), "111111", Watched(), "192.0.2.1")
    assert slowed.value.retry_after_s == USER_TURN_S
    desk.check(desk.open(), desk.app_code(), desk.totp, "192.0.2.1")
    desk.clock.tick(USER_TURN_S)
    assert wrong(desk, "eve", "192.0.2.1") == "wrong"


def test_slowing_down_burns_no_try_and_closes_nothing(desk):
    busy(desk, "192.0.2.1")
    pending, factor = desk.open(), Watched()
    desk.reason(desk.check, pending, "111111", factor, "192.0.2.1")
    assert {desk.reason(desk.check, pending, "111111", factor, "192.0.2.1") for _ in range(20)} == {
        "slow_down"
    }
    desk.check(pending, factor.right, factor, "192.0.2.2")


def test_an_address_is_quick_again_after_a_while(desk):
    busy(desk, "192.0.2.1")
    desk.clock.tick(ADDRESS_WINDOW_S)
    assert {wrong(desk, "ada", "192.0.2.1") for _ in range(4)} == {"wrong"}


def test_the_addresses_of_one_ipv6_customer_are_one(desk):
    for n in range(ADDRESS_ACCOUNTS + 1):
        wrong(desk, f"u{n}", f"2001:db8::{n:x}")
    assert wrong(desk, "ada", "2001:db8::ffff:1") == "slow_down"
    assert wrong(desk, "ada", "2001:db8:0:1::1") == "wrong"


@pytest.mark.parametrize("address", [None, ""])
def test_a_client_without_an_address_is_counted_by_the_other_buckets(desk, address):
    assert {wrong(desk, f"u{n}", address) for n in range(ADDRESS_ACCOUNTS + 5)} == {"wrong"}


@pytest.mark.parametrize("address", ["unix:", "fe80::1%eth0", "::ffff:192.0.2.1", "not an address"])
def test_strange_addresses_are_addresses_too(desk, address):
    busy(desk, address)
    assert wrong(desk, "v1", address) == "wrong"
    assert wrong(desk, "v2", address) == "slow_down"
