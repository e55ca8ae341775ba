"""Nobody makes the site flood mailboxes: budgets by address, user and in all (threat 13)."""

from __future__ import annotations

import pytest

from flask_zerotrust.config import EmailLimits, SmsLimits
from flask_zerotrust.factors.email import EmailFactor
from tests.desk import Desk, Inbox

pytestmark = pytest.mark.every_store


def press(desk: Desk, address: str, user: str = "ada", n: int = 0) -> str | None:
    """Ask for a code as a user, from an address of their own; return why it is refused."""
    pending = desk.open(user=user, session_id=f"{user}-{n}")
    return desk.reason(desk.send, pending, EmailFactor(address, Inbox()))


def test_one_address_gets_five_mails_an_hour_whoever_asks_and_however_it_is_written(make_desk):
    desk = make_desk(RESEND_S=0.0)
    names = ("ada", "Ada", "ADA", "aDa", "adA", "AdA", "aDA")
    answers = [press(desk, f"{name}@post.example", user=f"u{n}", n=n) for n, name in enumerate(names)]
    assert answers == [None] * 5 + ["budget"] * 2
    assert press(desk, "bob@post.example") is None


def test_one_user_gets_six_mails_an_hour_to_whatever_addresses(make_desk):
    desk = make_desk(RESEND_S=0.0)
    answers = [press(desk, f"ada+{n}@post.example", n=n) for n in range(8)]
    assert answers == [None] * 6 + ["budget"] * 2
    assert press(desk, "bob@post.example", user="bob") is None


def test_all_mails_together_have_a_budget(make_desk):
    desk = make_desk(RESEND_S=0.0, email_limits=EmailLimits(total=10))
    answers = [press(desk, f"u{n}@post.example", user=f"u{n}", n=n) for n in range(12)]
    assert answers == [None] * 8 + ["budget"] * 4


def test_mails_and_text_messages_have_budgets_of_their_own(make_desk):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(total=1), email_limits=EmailLimits(total=1))
    assert press(desk, "ada@post.example") is None
    assert desk.reason(desk.send, desk.open()) is None
    assert press(desk, "bob@post.example", user="bob") == "budget"
    assert desk.reason(desk.send, desk.open(user="bob")) == "budget"


def test_a_second_mail_at_once_is_too_soon(make_desk):
    desk = make_desk()
    assert press(desk, "ada@post.example", n=1) is None
    assert press(desk, "ada@post.example", n=2) == "too_soon"
    desk.clock.tick(30)
    assert press(desk, "ada@post.example", n=3) is None


@pytest.mark.parametrize("prefixes", [(), ("+44",)])
def test_prefixes_of_numbers_say_nothing_of_addresses(make_desk, prefixes):
    assert press(make_desk(sms_prefixes=prefixes), "ada@post.example") is None
