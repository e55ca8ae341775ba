"""Row 11: a recovery code works once and for good, and a new list ends the one before."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_zerotrust import config
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.recovery import RecoveryFactor
from flask_zerotrust.keys import KeyRing
from tests.desk import Desk

pytestmark = pytest.mark.every_store

DAY_S = 86_400.0


def make(desk: Desk, user: str = "ada") -> tuple[Factor, tuple[str, ...]]:
    """Return a new list of codes as a factor, and the codes."""
    codes = enrolled(desk).make_recovery(user)
    (factor,) = enrolled(desk).factors(user)
    return factor, codes


def enrolled(desk: Desk) -> Enrolled:
    return Enrolled(desk.store, desk.keys)


@pytest.mark.parametrize("later_s", [0.0, 2 * DAY_S])
def test_a_code_opens_once_also_after_the_claim_on_it_has_ended(desk, later_s):
    factor, codes = make(desk)
    desk.check(desk.open(), codes[0], factor)
    desk.clock.tick(later_s)
    (again,) = enrolled(desk).factors("ada")
    assert desk.reason(desk.check, desk.open(), codes[0], factor) == "wrong"
    assert desk.reason(desk.check, desk.open(), codes[0], again) == "wrong"
    desk.check(desk.open(), codes[9], factor)
    assert enrolled(desk).recovery_left("ada") == 8


def test_of_eight_at_once_one_is_let_in(desk):
    factor, codes = make(desk)
    pendings = [desk.open() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: desk.reason(desk.check, one, codes[3], factor), pendings))
    assert answers.count(None) == 1
    assert enrolled(desk).recovery_left("ada") == 9


def test_different_codes_at_once_are_all_struck_off(desk):
    factor, codes = make(desk)
    pendings = [desk.open() for _ in codes[:4]]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one, code: desk.check(one, code, factor), pendings, codes))
    assert enrolled(desk).recovery_left("ada") == 6


def test_a_new_list_ends_the_one_before(desk):
    old, codes = make(desk)
    new, others = make(desk)
    assert desk.reason(desk.check, desk.open(), codes[0], old) == "wrong"
    assert desk.reason(desk.check, desk.open(), codes[0], new) == "wrong"
    assert not set(codes) & set(others)
    desk.check(desk.open(), others[0], new)


def test_anothers_code_is_wrong(desk):
    factor, _ = make(desk)
    _, theirs = make(desk, "bob")
    assert desk.reason(desk.check, desk.open(), theirs[0], factor) == "wrong"
    assert enrolled(desk).recovery_left("bob") == 10


def test_a_list_moved_to_another_user_opens_nothing(desk):
    """Also by whoever could write a record: the digests hold the user."""
    _, codes = make(desk, "bob")
    record = json.loads(desk.keys.decrypt("enrolled-factors", desk.store.get("factors:bob")))
    moved = desk.keys.encrypt("enrolled-factors", json.dumps({**record, "user": "ada"}).encode())
    desk.store.put("factors:ada", moved, ttl_s=60)
    (factor,) = enrolled(desk).factors("ada")
    assert desk.reason(desk.check, desk.open(), codes[0], factor) == "wrong"


def test_no_code_is_kept_even_under_the_encryption(desk):
    factor, codes = make(desk)
    plain = desk.keys.decrypt("enrolled-factors", desk.store.get("factors:ada")).decode()
    assert len(json.loads(plain)["factors"][0]["digests"]) == len(codes) == 10
    assert not [code for code in codes if code in plain or code[:8] in plain]
    assert not [code for code in codes if code in repr(factor)]


def test_codes_have_120_bits(desk):
    codes = {code for _ in range(5) for code in make(desk)[1]}
    assert len(codes) == 50
    assert {len(code) for code in codes} == {24}
    assert set("".join(codes)) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_wrong_codes_count_like_those_of_any_factor(desk):
    factor, codes = make(desk)
    pending = desk.open()
    said = [desk.reason(desk.check, pending, "A" * 24, factor) for _ in range(config.CODE_TRIES)]
    assert said == ["wrong"] * (config.CODE_TRIES - 1) + ["too_many"]
    assert desk.reason(desk.check, pending, codes[0], factor) == "too_many"
    assert enrolled(desk).recovery_left("ada") == 10


@pytest.mark.parametrize(
    "typed", ["123456", "", "A" * 16, "A" * 23, "A" * 25, "A" * 23 + "1", "A" * 23 + "\u017f", "١" * 24]
)
def test_what_can_be_no_code_burns_no_try(desk, typed):
    factor, codes = make(desk)
    pending = desk.open()
    assert {desk.reason(desk.check, pending, typed, factor) for _ in range(9)} == {"shape"}
    desk.check(pending, codes[0], factor)


def test_a_recovery_code_is_none_of_the_authenticator_app(desk):
    _, codes = make(desk)
    assert desk.reason(desk.check, desk.open(), codes[0], desk.totp) == "format"


def test_letters_may_be_small_and_groups_apart(desk):
    factor, codes = make(desk)
    code = codes[0].lower()
    assert isinstance(factor, RecoveryFactor)
    desk.check(desk.open(), f" {code[:4]} {code[4:8]}\u2013{code[8:]}-", factor)


def test_codes_outlive_a_change_of_keys(desk):
    _, codes = make(desk)
    assert Enrolled(desk.store, KeyRing(["next", "key"])).rekey().done == 1
    (factor,) = Enrolled(desk.store, KeyRing(["next"])).factors("ada")
    desk.check(desk.open(), codes[0], factor)


def test_a_list_that_is_used_up_is_not_offered(desk):
    factor, codes = make(desk)
    for code in codes:
        desk.check(desk.open(), code, factor)
    assert enrolled(desk).factors("ada") == []
