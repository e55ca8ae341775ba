"""Keys from SECRET_KEY: digests, encryption, and changing the key without locking anybody out."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.keys import KeyRing

RING = KeyRing(["newest", b"older"])


def test_a_digest_is_an_hmac_under_a_key_of_hkdf():
    """HKDF by its definition (RFC 5869, one block), and parts with their lengths before them."""
    extracted = hmac.new(b"flask-zerotrust v1", b"newest", hashlib.sha256).digest()
    key = hmac.new(extracted, b"digest/codes\x01", hashlib.sha256).digest()
    message = (3).to_bytes(8, "big") + b"ada" + (6).to_bytes(8, "big") + b"123456"
    assert RING.digest("codes", "ada", "123456") == hmac.new(key, message, hashlib.sha256).hexdigest()


@given(parts=st.lists(st.text(), max_size=4), other=st.lists(st.text(), max_size=4))
def test_different_parts_have_different_digests(parts, other):
    assert (RING.digest("p", *parts) == RING.digest("p", *other)) == (parts == other)


def test_parts_do_not_run_into_each_other():
    assert RING.digest("p", "ab", "c") != RING.digest("p", "a", "bc")


def test_purposes_have_keys_of_their_own():
    assert RING.digest("one", "x") != RING.digest("two", "x")
    with pytest.raises(StoreError):
        RING.decrypt("two", RING.encrypt("one", b"x"))


def test_half_a_surrogate_pair_is_a_part_like_any_other():
    assert RING.matches("p", RING.digest("p", "\ud800"), "\ud800")


def test_a_digest_matches_its_own_parts_only():
    digest = RING.digest("p", "ada", "123456")
    assert RING.matches("p", digest, "ada", "123456")
    assert not RING.matches("p", digest, "ada", "123457")
    assert not RING.matches("q", digest, "ada", "123456")
    assert not RING.matches("p", "", "ada", "123456")
    assert not RING.matches("p", "ünreadable", "ada", "123456")


@pytest.mark.parametrize("former", ["older", "oldest"])
def test_what_any_former_key_made_still_counts(former):
    before = KeyRing([former])
    after = KeyRing(["newest", "older", "oldest"])
    assert after.matches("p", before.digest("p", "x"), "x")
    assert after.decrypt("p", before.encrypt("p", b"secret")) == b"secret"


def test_the_newest_key_makes_what_is_new():
    assert RING.digest("p", "x") == KeyRing(["newest"]).digest("p", "x")
    assert KeyRing(["newest"]).decrypt("p", RING.encrypt("p", b"secret")) == b"secret"


def test_a_key_that_was_taken_out_opens_nothing():
    token = KeyRing(["gone"]).encrypt("p", b"secret")
    assert not RING.matches("p", KeyRing(["gone"]).digest("p", "x"), "x")
    with pytest.raises(StoreError, match="SECRET_KEY_FALLBACKS"):
        RING.decrypt("p", token)


def test_the_same_text_is_never_encrypted_alike():
    assert RING.encrypt("p", b"secret") != RING.encrypt("p", b"secret")


@pytest.mark.parametrize("position", [0, 10, 40, -5])
def test_tampering_is_noticed(position):
    token = RING.encrypt("p", b"secret")
    bent = bytearray(token)
    bent[position] = ord("A") if token[position] != ord("A") else ord("B")
    with pytest.raises(StoreError):
        RING.decrypt("p", bytes(bent))


@pytest.mark.parametrize("junk", [b"", b"\x80\xff", b"{}", "☃".encode()])
def test_what_another_program_has_written_is_a_store_error(junk):
    with pytest.raises(StoreError, match="cannot be decrypted"):
        RING.decrypt("p", junk)
    assert not RING.is_newest("p", junk)


def test_text_and_bytes_of_one_key_are_one_key():
    assert KeyRing([b"k"]).digest("p", "x") == KeyRing(["k"]).digest("p", "x")


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""], [b""]])
def test_a_missing_or_empty_key_is_a_config_error(secrets):
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        KeyRing(secrets)


def test_keys_do_not_show_in_repr():
    assert "newest" not in repr(RING)
    assert "older" not in repr(RING)
