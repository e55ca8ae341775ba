"""Which ids of Flask-Login's users stay when a password changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask_login import UserMixin

from flask_zerotrust.web.user_ids import may_change, other_ids, stable_id


def user(given: str, **attributes: Any) -> Any:
    return SimpleNamespace(get_id=lambda: given, **attributes)


@pytest.mark.parametrize(
    "who",
    [
        user("7", id=7),
        user("admin-7", id=7),
        user("7:customer", id=7),
        user("AdminUser:7", id=7),
        user("ada", id=7, username="ada"),
        user("ada@example.com", email="ada@example.com"),
        user("5f1c", _id="5f1c"),
    ],
)
def test_keys_stay(who: Any) -> None:
    assert stable_id(who) == who.get_id()
    assert not may_change(who, stable_id(who), chosen=False)


@pytest.mark.parametrize(
    "who",
    [
        user("u1", name="ada"),
        user("9c1f7e", id=7, alternative_id="9c1f7e"),
        user("7.aGk1.x_Y9", id=7),
        user("71", id=7),
        user("7:xYzAbCdE", id=7),
        user("a1", id="", session_token="a1"),
    ],
)
def test_alternative_ids_may_change(who: Any) -> None:
    assert may_change(who, stable_id(who), chosen=False)


def test_the_mixin_of_flask_login_returns_a_key() -> None:
    class User(UserMixin):
        id = 7

    assert not may_change(User(), "7", chosen=False)


def test_the_primary_key_of_a_table_stays_whatever_its_name() -> None:
    class Row:
        __mapper__ = SimpleNamespace(primary_key=[SimpleNamespace(key="number")])
        number = 9

        def get_id(self) -> str:
            return "9"

    assert not may_change(Row(), "9", chosen=False)


def test_a_property_that_fails_is_no_key() -> None:
    class User:
        @property
        def username(self) -> str:
            raise LookupError

        def get_id(self) -> str:
            return "9"

    assert may_change(User(), "9", chosen=False)


def test_an_app_vouches_for_the_id_that_it_chose() -> None:
    assert not may_change(user("u1", name="ada"), "u1", chosen=True)
    assert may_change(user("u1", id=7, fs_uniquifier="u1"), "u1", chosen=True)


def test_users_of_flask_security_are_known_by_their_key() -> None:
    who = user("u1", id=7, fs_uniquifier="u1")
    assert stable_id(who) == "7"
    assert not may_change(who, "7", chosen=False)
    assert other_ids(who, "7") == {"u1"}


def test_users_of_an_api_need_no_get_id() -> None:
    who = SimpleNamespace(id=7)
    assert not may_change(who, "7", chosen=True)
    assert other_ids(who, "ada") == {"7"}
