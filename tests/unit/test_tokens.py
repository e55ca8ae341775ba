"""A token that is known still has to be young, and nobody else's signature is ever known."""

from __future__ import annotations

import pytest
from itsdangerous import BadSignature, SignatureExpired

from flask_zerotrust.sessions.tokens import Tokens, serializer
from tests.clock import Clock

SAID = ["session", "nonce"]


def made(clock: Clock, *keys: str, salt: str = "page") -> Tokens:
    return serializer([*(keys or ("key",))], salt, clock)


def test_a_token_that_is_known_grows_old_all_the_same():
    clock = Clock()
    tokens = made(clock)
    token = str(tokens.dumps(SAID))
    assert tokens.fresh(token, max_age_s=60) == SAID
    clock.tick(60)
    assert tokens.fresh(token, max_age_s=60) == SAID
    clock.tick(1)
    with pytest.raises(SignatureExpired):
        tokens.fresh(token, max_age_s=60)


def test_a_token_of_the_future_is_refused_also_where_it_is_known():
    clock = Clock()
    tokens = made(clock)
    token = str(tokens.dumps(SAID))
    tokens.fresh(token, max_age_s=60)
    clock.tick(-1)
    with pytest.raises(SignatureExpired):
        tokens.fresh(token, max_age_s=60)


@pytest.mark.parametrize("other", [{"salt": "form"}, {"salt": "page", "key": "other"}])
def test_a_token_of_another_purpose_or_key_is_refused_every_time(other):
    clock = Clock()
    token = str(made(clock, other.get("key", "key"), salt=other["salt"]).dumps(SAID))
    tokens = made(clock)
    for _ in range(2):
        with pytest.raises(BadSignature):
            tokens.fresh(token, max_age_s=60)


def test_a_token_under_an_older_key_is_read():
    clock = Clock()
    token = str(made(clock, "old").dumps(SAID))
    assert made(clock, "new", "old").fresh(token, max_age_s=60) == SAID
