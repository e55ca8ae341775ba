"""Passkeys: what is asked, and every answer that is not right."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust.config import Settings
from flask_zerotrust.errors import ChallengeError, ConfigError
from flask_zerotrust.factors import webauthn
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.webauthn import Credential, RelyingParty, WebAuthnFactor
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores import MemoryStore
from tests.authenticator import PRESENT, VERIFIED, Authenticator, text

PARTY = RelyingParty("localhost", "The Bank", ("http://localhost",))
CHALLENGE = bytes(range(32))


def make(key: Authenticator, **changes: Any) -> Credential | None:
    question = webauthn.registration(PARTY, challenge=CHALLENGE, handle=b"h" * 32, user="ada", existing=[])
    return webauthn.registered(key.create(question, **changes), PARTY, challenge=CHALLENGE)


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


@pytest.fixture
def enrolled() -> Enrolled:
    return Enrolled(MemoryStore(), KeyRing(["key"]))


@pytest.fixture
def factor(enrolled: Enrolled, key: Authenticator) -> WebAuthnFactor:
    made = make(key)
    assert made is not None
    enrolled.add_passkey("ada", made)
    (found,) = enrolled.factors("ada", party=PARTY)
    assert isinstance(found, WebAuthnFactor)
    return found


def answer(factor: WebAuthnFactor, key: Authenticator, **changes: Any) -> str | None:
    return factor.judge(key.get(factor.question(CHALLENGE), **changes), challenge=CHALLENGE)


# Making one


def test_a_key_is_made_for_this_site_and_person() -> None:
    existing = [Credential(b"old", b"", 0, "localhost", "http://localhost", ("usb",))]
    asked = json.loads(
        webauthn.registration(PARTY, challenge=CHALLENGE, handle=b"h" * 32, user="ada", existing=existing)
    )
    assert asked["rp"] == {"id": "localhost", "name": "The Bank"}
    assert asked["challenge"] == text(CHALLENGE)
    assert asked["user"]["id"] == text(b"h" * 32)
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["userVerification"] == "preferred"
    assert [one["id"] for one in asked["excludeCredentials"]] == [text(b"old")]


def test_what_is_made_is_kept_with_the_transports_that_are_known(key: Authenticator) -> None:
    made = make(key)
    assert made is not None
    assert (made.id, made.rp_id, made.sign_count, made.transports) == (key.id, "localhost", 0, ("usb",))


@pytest.mark.parametrize(
    ("said", "kept"),
    [([["usb"], {}, 5, "nfc"], ("nfc",)), (["usb"] * 500, ("usb",)), ("usb", ()), ({"usb": 1}, ())],
    ids=str,
)
def test_transports_of_any_shape_are_read(key: Authenticator, said: object, kept: tuple[str, ...]) -> None:
    question = webauthn.registration(PARTY, challenge=CHALLENGE, handle=b"h" * 32, user="ada", existing=[])
    answered = json.loads(key.create(question))
    answered["response"]["transports"] = said
    made = webauthn.registered(json.dumps(answered), PARTY, challenge=CHALLENGE)
    assert made is not None
    assert made.transports == kept


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://evil.example"}, {"challenge": text(b"x" * 32)}, {"rp_id": "evil.example"}],
)
def test_what_was_made_elsewhere_is_refused(key: Authenticator, changes: dict[str, Any]) -> None:
    assert make(key, **changes) is None


def test_what_nobody_was_present_for_is_refused(key: Authenticator) -> None:
    key.flags = VERIFIED
    assert make(key) is None


# Using one


def test_a_right_answer_names_its_use(factor: WebAuthnFactor, key: Authenticator) -> None:
    assert answer(factor, key) == f"{key.id.hex()[:32]}:{CHALLENGE.hex()}"


def test_the_question_names_this_key_only(factor: WebAuthnFactor, key: Authenticator) -> None:
    asked = json.loads(factor.question(CHALLENGE))
    assert [one["id"] for one in asked["allowCredentials"]] == [text(key.id)]
    assert (asked["rpId"], asked["userVerification"]) == ("localhost", "preferred")


def test_a_key_that_only_sees_a_touch_is_taken(factor: WebAuthnFactor, key: Authenticator) -> None:
    """User verification is preferred: the key is a second factor beside the login."""
    assert answer(factor, key, flags=PRESENT) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8080"},
        {"origin": "https://localhost"},
        {"rp_id": "evil.example"},
        {"challenge": text(b"x" * 32)},
        {"challenge": ""},
        {"type": "webauthn.create"},
        {"flags": VERIFIED},
        {"signature": b"0" * 70},
        {"id": b"another"},
    ],
    ids=str,
)
def test_an_answer_that_is_not_right_is_wrong(
    factor: WebAuthnFactor, key: Authenticator, changes: dict[str, Any]
) -> None:
    assert answer(factor, key, **changes) is None


def test_another_key_under_this_ones_id_is_wrong(factor: WebAuthnFactor, key: Authenticator) -> None:
    assert answer(factor, Authenticator(id=key.id)) is None


def test_a_counter_that_does_not_go_up_is_wrong(
    factor: WebAuthnFactor, key: Authenticator, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever copied the key signs with a number that was used already."""
    copied = Authenticator(id=key.id, key=key.key, count=0)
    assert answer(factor, key) is not None
    assert answer(factor, key) is not None
    assert answer(factor, copied) is None
    assert "counter did not go up" in caplog.text
    assert key.id.hex() not in caplog.text
    assert answer(factor, key) is not None


def test_a_passkey_that_never_counts_is_taken_again_and_again(
    factor: WebAuthnFactor, key: Authenticator
) -> None:
    key.step = 0
    assert answer(factor, key) is not None
    assert answer(factor, key) is not None


def test_a_removed_passkey_answers_nothing_more(
    enrolled: Enrolled, factor: WebAuthnFactor, key: Authenticator
) -> None:
    enrolled.remove("ada", "webauthn")
    assert answer(factor, key) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "rawId", "type", "response", "clientDataJSON", "signature", "transports"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
MADE = make(Authenticator())
assert MADE is not None
ANY = WebAuthnFactor(MADE, PARTY, lambda _: True)


@given(JSON)
def test_whatever_is_posted_is_wrong_and_no_crash(said: object) -> None:
    for posted in (json.dumps(said), str(said)):
        assert ANY.judge(posted, challenge=CHALLENGE) is None
        assert webauthn.registered(posted, PARTY, challenge=CHALLENGE) is None


@given(st.data())
def test_an_answer_with_any_part_changed_is_wrong_and_no_crash(data: st.DataObject) -> None:
    said = json.loads(Authenticator(id=MADE.id).get(ANY.question(CHALLENGE)))
    name = data.draw(st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]))
    said["response"][name] = data.draw(st.none() | st.text(max_size=200) | st.binary(max_size=99).map(text))
    assert ANY.judge(json.dumps(said), challenge=CHALLENGE) is None


@pytest.mark.parametrize("typed", ["", "123456", "[]", "{" + "x" * 32_768, "[" * 9_000])
def test_what_can_be_no_answer_costs_no_try(factor: WebAuthnFactor, typed: str) -> None:
    assert factor.read_code(typed) is None


def test_depth_does_not_crash(factor: WebAuthnFactor) -> None:
    assert factor.judge('{"a":' * 6_000, challenge=CHALLENGE) is None
    assert webauthn.registered("[" * 30_000, PARTY, challenge=CHALLENGE) is None


# What is kept


def test_a_passkey_is_left_out_outside_of_its_site(enrolled: Enrolled, factor: WebAuthnFactor) -> None:
    assert enrolled.factors("ada") == []
    assert enrolled.count("ada") == 1


def test_the_same_key_is_kept_once(enrolled: Enrolled, factor: WebAuthnFactor) -> None:
    with pytest.raises(ChallengeError, match="known"):
        enrolled.add_passkey("ada", replace(factor.credential, sign_count=9))


def test_a_users_handle_is_random_and_stays(enrolled: Enrolled) -> None:
    first = enrolled.handle("ada")
    assert enrolled.handle("ada") == first
    assert len(first) == 32
    assert enrolled.handle("bob") != first
    assert enrolled.factors("ada") == []


def test_it_is_a_factor_with_a_question(factor: WebAuthnFactor) -> None:
    assert isinstance(factor, Factor)
    assert (factor.asks, factor.digits, factor.guessable) == (True, None, False)
    assert factor.check("123456", now=0) is None
    assert "public_key" not in repr(factor)
    with pytest.raises(ConfigError, match="Nothing can be sent"):
        factor.send("123456", action="pay", host="bank.example")


# Settings


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webauthn", None)
    monkeypatch.setattr(webauthn, "available", lambda: False)
    with pytest.raises(ConfigError, match=r'pip install "Flask-ZeroTrust\[webauthn\]"'):
        webauthn.library()


@pytest.mark.parametrize(
    ("domain", "origins", "word"),
    [
        ("https://bank.example", [], "RP_ID"),
        ("bank.example:443", [], "RP_ID"),
        ("Bank.example", [], "RP_ID"),
        ("bank.example", ["https://evil.example"], "ORIGINS"),
        ("bank.example", ["https://notbank.example"], "ORIGINS"),
        ("bank.example", ["https://bank.example/"], "ORIGINS"),
        (None, ["bank.example"], "ORIGINS"),
        ("bank.example", [], "ORIGINS"),
    ],
)
def test_a_domain_or_origin_that_no_key_fits_is_refused(
    domain: str | None, origins: list[str], word: str
) -> None:
    keys = {"ZEROTRUST_WEBAUTHN_RP_ID": domain, "ZEROTRUST_WEBAUTHN_ORIGINS": origins}
    with pytest.raises(ConfigError, match="ZEROTRUST_WEBAUTHN_" + word):
        Settings.from_mapping(keys)


def test_origins_within_the_domain_are_taken() -> None:
    origins = ("https://bank.example", "https://www.bank.example:8443")
    found = Settings.from_mapping(
        {"ZEROTRUST_WEBAUTHN_RP_ID": "bank.example", "ZEROTRUST_WEBAUTHN_ORIGINS": origins}
    )
    assert found.webauthn_origins == origins
