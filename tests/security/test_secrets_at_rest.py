"""What lies in the store tells neither codes nor secrets nor numbers (threat 3)."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pytest

from flask_zerotrust import config
from flask_zerotrust.challenge import Challenges, Parked
from flask_zerotrust.errors import StoreError
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores import SQLiteStore
from tests.clock import Clock
from tests.desk import NUMBER, SECRET, Desk

FORM = Parked("/transfer", fields=(("iban", "GB33BUKB20201555555555"), ("note", "for the roof")))


@pytest.fixture
def on_disk(tmp_path):
    clock = Clock()
    store = SQLiteStore(tmp_path / "s.sqlite", clock=clock)
    yield Desk(store=store, clock=clock)
    store.close()


def raw(folder: Path) -> bytes:
    """Return every byte of the store, the write-ahead log included, as written."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_neither_number_nor_secret_nor_form_can_be_read_from_the_file(on_disk, tmp_path):
    enrolled = Enrolled(on_disk.store, on_disk.keys)
    enrolled.add_sms("ada", NUMBER)
    enrolled.add_totp("ada", SECRET)
    begun = on_disk.challenges.enrolment.begin("ada", "s1", now=on_disk.clock())
    pending = on_disk.send(on_disk.open(parked=FORM))
    on_disk.check(pending, on_disk.app_code(), on_disk.totp)
    written = raw(tmp_path)
    assert b"factors:ada" in written
    secrets = (
        NUMBER,
        NUMBER[1:],
        NUMBER[-9:],
        SECRET,
        begun,
        "GB33BUKB",
        "for the roof",
        on_disk.phone.code,
    )
    assert [s for s in secrets if s.encode() in written] == []


def digests(folder: Path, code: str, extras: list[str]) -> list[str]:
    """Return which plain hashes of the code, alone or with what the thief knows, lie in the file."""
    written = raw(folder)
    texts = [
        code,
        *(
            sep.join(parts)
            for n in (1, 2, 3)
            for parts in itertools.permutations(extras, n)
            for sep in ("", ":")
        ),
    ]
    texts += [f"{text}{sep}{code}" for text in texts[1:] for sep in ("", ":")]
    hashes = ("md5", "sha1", "sha256", "sha512", "blake2b")
    return [
        f"{name}({text})"
        for name in hashes
        for text in texts
        if hashlib.new(name, text.encode()).hexdigest()[:16].encode() in written
    ]


def test_a_sent_code_is_kept_under_no_plain_hash(on_disk, tmp_path):
    pending = on_disk.send(on_disk.open())
    assert digests(tmp_path, on_disk.phone.code, [pending.id, "ada", "sms"]) == []


def test_a_thief_of_the_file_with_another_key_cannot_tell_the_code(on_disk):
    pending = on_disk.send(on_disk.open())
    thief = Challenges(on_disk.store, KeyRing(["guess"]), on_disk.settings)
    reason = on_disk.reason(
        thief.check,
        pending,
        on_disk.sms,
        on_disk.phone.code,
        now=on_disk.clock(),
        address=None,
        known=False,
    )
    assert reason == "wrong"


def test_the_same_code_lies_there_differently_for_every_challenge_and_person(on_disk, monkeypatch):
    monkeypatch.setattr("secrets.randbelow", lambda _: 123_456)
    kept = set()
    for user, session in (("ada", "s1"), ("ada", "s2"), ("bob", "s3")):
        on_disk.clock.tick(config.RESEND_S)
        pending = on_disk.send(on_disk.open(user=user, session_id=session))
        kept.add(on_disk.store.get("code:" + pending.id).split(b'"digest": ')[1].split(b",")[0])
    assert len(kept) == 3


def test_addresses_and_budgets_hold_no_number_and_no_address(on_disk, tmp_path):
    pending = on_disk.send(on_disk.open())
    on_disk.reason(on_disk.check, pending, on_disk.wrong_code(), address="192.0.2.77")
    assert b"192.0.2.77" not in raw(tmp_path)
    assert NUMBER[1:7].encode() not in raw(tmp_path)


# Keys change


def rotated(desk: Desk, *secrets: str) -> Desk:
    after = Desk(store=desk.store, clock=desk.clock)
    after.keys = KeyRing(secrets)
    after.challenges = Challenges(desk.store, after.keys, desk.settings, totp=TotpFactor)
    return after


def test_a_changed_key_with_its_fallback_locks_nobody_out(desk):
    Enrolled(desk.store, desk.keys).add_totp("ada", SECRET)
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    pending = desk.send(desk.open(parked=FORM))
    after = rotated(desk, "new", "key")
    assert after.load(pending.id).parked == FORM
    after.check(pending, desk.phone.code)
    assert after.challenges.enrolment.secret("ada", "s1", now=desk.clock()) == secret
    (factor,) = Enrolled(desk.store, after.keys).factors("ada")
    assert factor.secret == SECRET


def test_a_code_used_before_a_key_change_stays_used(desk):
    code = desk.app_code()
    desk.check(desk.open(), code, desk.totp)
    after = rotated(desk, "new", "key")
    assert desk.reason(after.check, after.open(), code, desk.totp) == "used"


def test_a_key_that_was_dropped_makes_factors_unreadable_and_lets_nobody_in(desk):
    Enrolled(desk.store, desk.keys).add_totp("ada", SECRET)
    pending = desk.send(desk.open())
    after = rotated(desk, "new")
    with pytest.raises(StoreError, match="SECRET_KEY_FALLBACKS"):
        Enrolled(desk.store, after.keys).factors("ada")
    assert desk.reason(after.load, pending.id) == "gone"
    assert desk.reason(after.check, pending, desk.phone.code) == "wrong"
