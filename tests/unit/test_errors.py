"""The exception tree: one root, and each kind names who can fix it."""

from __future__ import annotations

import inspect
import pickle

import pytest

from flask_zerotrust import errors
from flask_zerotrust.errors import (
    ChallengeError,
    ConfigError,
    PayloadError,
    SenderError,
    StoreError,
    ZeroTrustError,
)

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
]


def test_every_error_has_the_one_root():
    assert {ConfigError, PayloadError, ChallengeError, StoreError, SenderError} <= set(KINDS)
    assert all(issubclass(kind, ZeroTrustError) for kind in KINDS)


def test_the_root_is_an_ordinary_exception():
    """Not a ValueError or an OSError: those would be caught by handlers meant for others."""
    assert ZeroTrustError.__bases__ == (Exception,)
    assert all(kind.__mro__[1] in KINDS for kind in KINDS if kind is not ZeroTrustError)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_says_who_can_mend_it(kind):
    assert kind.__doc__
    if kind is not ZeroTrustError:
        assert "can fix it" in kind.__doc__.splitlines()[0]


def test_a_payload_error_names_the_field_and_answers_400():
    error = PayloadError("seq", "must be a whole number")
    assert (error.field, error.problem, error.status) == ("seq", "must be a whole number", 400)
    assert str(error) == "seq: must be a whole number"


def test_a_payload_error_can_say_too_large():
    assert PayloadError("body", "must be at most 9 bytes", status=413).status == 413


def test_a_challenge_error_carries_a_word_for_programs():
    error = ChallengeError("slow_down", retry_after_s=30.0)
    assert (error.reason, error.retry_after_s, str(error)) == ("slow_down", 30.0, "slow_down")
    assert ChallengeError("wrong").retry_after_s is None


def test_a_sender_error_says_whether_trying_again_may_help():
    assert SenderError("the provider is down").blocked is False
    assert SenderError("the recipient opted out", blocked=True).blocked is True


@pytest.mark.parametrize(
    "error",
    [
        PayloadError("t0", "no", status=413),
        ChallengeError("used", retry_after_s=2),
        SenderError("no", blocked=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_the_way_between_processes(error):
    """multiprocessing and joblib pickle an error to hand it to the parent."""
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))
