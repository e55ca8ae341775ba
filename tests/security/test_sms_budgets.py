"""Nobody can make the site pay: allowed prefixes; budgets by number, user, prefix, in all (threat 13)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from flask_zerotrust.challenge import ADDING
from flask_zerotrust.config import SmsLimits
from flask_zerotrust.errors import ChallengeError, ConfigError
from flask_zerotrust.factors.sms import SmsFactor
from tests.desk import Desk

pytestmark = pytest.mark.every_store

HOUR_S = 3_600.0


def press(desk: Desk, number: str, user: str = "ada", n: int = 0) -> str | None:
    """Ask for a code as a user, from an address of their own; return why it is refused."""
    pending = desk.open(user=user, session_id=f"{user}-{n}")
    return desk.reason(desk.send, pending, SmsFactor(number, desk.phone))


def number(n: int, prefix: str = "+447700") -> str:
    return f"{prefix}{n:06d}"


def test_one_number_gets_five_messages_an_hour_whoever_asks(make_desk):
    desk = make_desk(RESEND_S=0.0)
    answers = [press(desk, number(1), user=f"u{n}", n=n) for n in range(7)]
    assert answers == [None] * 5 + ["budget"] * 2
    assert press(desk, number(2)) is None


def test_strangers_who_would_add_a_number_leave_its_owner_two_messages(make_desk):
    """Anybody with an account can type the owner's number there, and have codes sent to it."""
    desk = make_desk(RESEND_S=0.0)
    adding = SmsFactor(number(1), desk.phone, id=ADDING + "sms")
    answers = [desk.reason(desk.send, desk.open(user=f"u{n}"), adding) for n in range(5)]
    assert answers == [None] * 3 + ["budget"] * 2
    assert [press(desk, number(1)) for _ in range(3)] == [None, None, "budget"]


def test_a_budget_of_one_still_lets_a_number_be_added(make_desk):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(number=1))
    adding = SmsFactor(number(1), desk.phone, id=ADDING + "sms")
    assert [desk.reason(desk.send, desk.open(), adding) for _ in range(2)] == [None, "budget"]


def test_one_user_gets_six_messages_an_hour_to_whatever_numbers(make_desk):
    desk = make_desk(RESEND_S=0.0)
    answers = [press(desk, number(n, prefix=f"+4477{n:02d}"), n=n) for n in range(8)]
    assert answers == [None] * 6 + ["budget"] * 2
    assert press(desk, number(9), user="bob") is None


def test_numbers_with_the_same_first_six_digits_share_a_budget(make_desk):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(prefix=10))
    answers = [press(desk, number(n), user=f"u{n}", n=n) for n in range(12)]
    assert answers == [None] * 8 + ["budget"] * 4
    assert press(desk, number(1, prefix="+447701"), user="v") is None


def test_a_spent_budget_of_all_is_logged_once_an_hour_and_names_its_setting(make_desk, caplog):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(prefix=4))
    for n in range(6):
        press(desk, number(n), user=f"u{n}", n=n)
    (said,) = caplog.messages
    assert said.startswith("3 messages to numbers that begin with +447700 went out within an hour")
    assert "ZEROTRUST_SMS_LIMITS['prefix']" in said
    desk.clock.tick(2 * HOUR_S)
    for n in range(6):
        press(desk, number(n), user=f"u{n}", n=10 + n)
    assert len(caplog.messages) == 2


def test_a_spent_budget_of_one_user_is_not_logged(make_desk, caplog):
    desk = make_desk(RESEND_S=0.0)
    for n in range(8):
        press(desk, number(1), n=n)
    assert caplog.messages == []


def test_all_messages_together_have_a_budget(make_desk):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(total=10))
    answers = [press(desk, number(n, prefix=f"+4477{n:02d}"), user=f"u{n}", n=n) for n in range(12)]
    assert answers == [None] * 8 + ["budget"] * 4


def test_a_number_asked_for_over_and_over_does_not_spend_the_budget_of_all(make_desk):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(total=10))
    for n in range(40):
        press(desk, number(1), user=f"u{n}", n=n)
    answers = [press(desk, number(n, prefix="+447701"), user=f"v{n}", n=n) for n in range(2, 6)]
    assert answers == [None] * 3 + ["budget"]


def test_no_hour_has_more_messages_than_its_budget(make_desk):
    """Also not one that begins at the worst moment: 30 s apart over three hours."""
    desk = make_desk(sms_limits=SmsLimits(user=1_000))
    sent: list[float] = []
    for n in range(360):
        if press(desk, number(1), n=n) is None:
            sent.append(desk.clock())
        desk.clock.tick(30)
    busiest = max(sum(start <= at < start + HOUR_S for at in sent) for start in sent)
    assert busiest == desk.settings.sms_limits.number
    assert len(sent) >= 2 * desk.settings.sms_limits.number


def test_a_spent_budget_says_when_to_come_back_and_keeps_its_word(make_desk):
    desk = make_desk(RESEND_S=0.0)
    for n in range(5):
        press(desk, number(1), n=n)
    with pytest.raises(ChallengeError, match="budget") as refused:
        desk.send(desk.open(user="bob"), SmsFactor(number(1), desk.phone))
    wait_s = refused.value.retry_after_s
    assert HOUR_S <= wait_s <= HOUR_S + 300
    desk.clock.tick(wait_s - 1)
    assert press(desk, number(1), user="bob", n=7) == "budget"
    desk.clock.tick(1)
    assert press(desk, number(1), user="bob", n=8) is None


def test_presses_at_once_do_not_overdraw_a_budget(make_desk):
    desk = make_desk(RESEND_S=0.0, CODE_TRIES=10)
    challenges = [desk.open(user=f"u{n}", session_id=f"s{n}") for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda p: desk.reason(desk.send, p), challenges))
    assert answers.count(None) == len(desk.phone.messages) == 5
    assert answers.count("budget") == 15


def test_a_spent_budget_leaves_the_other_factor_open(make_desk):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(user=1))
    desk.send(desk.open())
    pending = desk.open()
    assert desk.reason(desk.send, pending) == "budget"
    desk.check(pending, desk.app_code(), desk.totp)


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("+447700900123", None),
        ("+33612345678", None),
        ("+88213000000", "not_allowed"),
        ("+4812345678", "not_allowed"),
    ],
)
def test_only_numbers_with_an_allowed_prefix_get_messages(make_desk, to, reason):
    desk = make_desk(sms_prefixes=("+44", "+33"))
    assert press(desk, to) == reason
    assert len(desk.phone.messages) == (reason is None)


@pytest.mark.parametrize(
    ("allowed", "to"),
    [
        ("+44", "+447012345678"),  # personal numbers, +4470
        ("+44", "+449012345678"),  # premium rate
        ("+44", "+448451234567"),  # shared cost
        ("+44", "+443701234567"),  # numbers of companies
        ("+44", "+447640123456"),  # pagers
        ("+44", "+447797712345"),  # Jersey
        ("+1", "+18765550123"),  # Jamaica
        ("+1", "+18095550123"),  # Dominican Republic
        ("+1", "+14165550123"),  # Canada
        ("+1", "+19005550123"),  # premium rate
        ("US", "+15005550006"),  # personal numbers
        ("+7", "+77011234567"),  # Kazakhstan
        ("+49", "+499001234567"),  # premium rate
    ],
)
def test_numbers_that_cost_more_inside_an_allowed_code_get_no_messages(make_desk, allowed, to):
    desk = make_desk(sms_prefixes=(allowed,))
    assert press(desk, to) == "not_allowed"
    assert desk.phone.messages == []


@pytest.mark.parametrize(
    "to", ["+999999999999999", "+44770", "+4407700900", "+441", "+11345678901", "+4470000001"]
)
def test_numbers_that_nobody_can_have_get_no_messages(make_desk, to):
    """Nobody rents them either: ranges that no country has given out are a trick to earn by messages."""
    desk = make_desk()
    with suppress(ConfigError):
        assert press(desk, to) == "not_allowed"
    assert desk.phone.messages == []


@pytest.mark.parametrize(
    ("allowed", "to"),
    [
        ("GB", "+447700900123"),
        ("+4477", "+447700900123"),
        ("JE", "+447797712345"),
        ("JM", "+18765550123"),
        ("CA", "+14165550123"),
        ("+1", "+12025550123"),
    ],
)
def test_a_country_that_is_named_gets_messages(make_desk, allowed, to):
    assert press(make_desk(sms_prefixes=(allowed,)), to) is None


def test_a_site_may_allow_a_kind_of_numbers_and_deny_a_range(make_desk):
    desk = make_desk(
        sms_prefixes=("+44", "JE"), sms_denied=("premium_rate", "+4477009", "JE"), RESEND_S=0.0
    )
    assert press(desk, "+447012345678") is None
    for to in ("+449012345678", "+447700900123", "+447797712345"):
        assert press(desk, to) == "not_allowed"


@pytest.mark.parametrize("known", [True, False])
def test_a_quarter_of_all_messages_is_kept_for_known_browsers(make_desk, known):
    """Accounts made for it use up what others have, and an owner in a known browser still gets a code."""
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(total=12))
    spent = [press(desk, number(n, prefix=f"+4477{n % 9:02d}"), user=f"u{n}", n=n) for n in range(40)]
    assert spent.count(None) == 9
    answers = [desk.reason(desk.send, desk.open(user=f"o{n}"), own(desk, n), known=known) for n in range(4)]
    assert answers == ([None] * 3 + ["budget"] if known else ["budget"] * 4)


def test_whoever_adds_a_number_in_a_known_browser_has_no_part_in_what_is_kept(make_desk):
    desk = make_desk(RESEND_S=0.0, sms_limits=SmsLimits(total=4))
    adding = [SmsFactor(number(n), desk.phone, id=ADDING + "sms") for n in range(6)]
    answers = [
        desk.reason(desk.send, desk.open(user=f"u{n}"), factor, known=True)
        for n, factor in enumerate(adding)
    ]
    assert answers == [None] * 3 + ["budget"] * 3


def own(desk: Desk, n: int) -> SmsFactor:
    """Return the number of another owner."""
    return SmsFactor(number(500 + n, prefix="+447710"), desk.phone)


def test_a_number_that_is_not_allowed_spends_nothing(make_desk):
    desk = make_desk(sms_prefixes=("+44",), sms_limits=SmsLimits(total=1), RESEND_S=0.0)
    for n in range(5):
        press(desk, "+88213000000", n=n)
    assert press(desk, number(1)) is None


def test_opening_challenges_spends_nothing(make_desk):
    desk = make_desk(sms_limits=SmsLimits(total=1))
    for n in range(30):
        desk.open(session_id=f"s{n}")
    assert press(desk, number(1)) is None
    assert len(desk.phone.messages) == 1
