"""Codes by text message: nothing is sent before the button is pressed, and the code works once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_zerotrust.delivery.senders import Message
from flask_zerotrust.errors import SenderError
from flask_zerotrust.factors.sms import SmsFactor
from tests.forms import form_to

from .sites import NUMBER, Site, Visitor


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_SMS_SENDER="console")


@pytest.fixture
def sue(site: Site) -> Visitor:
    return site.visitor().login("sue")


def outbox(site: Site) -> list[Message]:
    return list(site.app.extensions["zerotrust"].sender.outbox)


def test_the_whole_way(sue: Visitor, site: Site) -> None:
    asked = sue.open("/transfer")
    page = sue.open(asked.location).text
    assert "Send the code" in page
    assert 'name="code"' not in page
    sent = sue.press_send(asked.location)
    assert (sent.status_code, sent.location) == (303, asked.location + "?factor=sms")
    page = sue.open(sent.location).text
    assert 'name="code"' in page
    assert "Send a new code" in page
    message = outbox(site)[-1]
    assert (message.to, message.at) == (NUMBER, site.clock.now)
    assert "send a transfer" in message.text
    assert message.text.endswith(f"@localhost #{message.code}")
    assert sue.answer(sent.location, message.code).location == "/transfer"
    assert not sue.asked("/transfer")


def test_opening_the_page_sends_nothing(sue: Visitor, site: Site) -> None:
    asked = sue.open("/secret")
    for _ in range(3):
        sue.open(asked.location)
        sue.open(asked.location + "?factor=sms")
    assert sue.open(asked.location + "/send").status_code == 405
    assert sue.client.head(asked.location).status_code == 200
    assert outbox(site) == []


def test_a_button_of_another_site_sends_nothing(sue: Visitor, site: Site) -> None:
    asked = sue.open("/secret")
    form = form_to(sue.open(asked.location).text, "/send")
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert sue.submit(form.action, form.fields, headers=headers).status_code == 403
    assert sue.submit(form.action, {"factor": "sms"}).status_code == 400
    assert outbox(site) == []


def test_the_number_is_nowhere_on_the_page(sue: Visitor) -> None:
    asked = sue.open("/secret")
    sue.press_send(asked.location)
    page = sue.open(asked.location).text
    assert NUMBER[1:] not in page
    assert "ending in 23" in page


def test_a_second_code_comes_after_a_pause_and_voids_the_first(sue: Visitor, site: Site) -> None:
    asked = sue.open("/secret")
    sue.press_send(asked.location)
    page = sue.press_send(asked.location)
    assert page.status_code == 429
    assert "You can try again in 30 seconds" in page.text
    assert page.headers["Retry-After"] == "30"
    assert 'name="code"' in page.text
    site.clock.tick(31)
    assert sue.press_send(asked.location).status_code == 303
    first, second = (message.code for message in outbox(site))
    assert sue.answer(asked.location, first).status_code == 422
    assert sue.answer(asked.location, second).status_code == 303


def test_the_code_of_the_message_before_is_not_called_wrong(make_site: Callable[..., Site]) -> None:
    """The first message may arrive after the second was asked for. Trying it closes nothing."""
    often = {"ZEROTRUST_SMS_LIMITS": {"number": 100, "user": 100}}
    site = make_site(ZEROTRUST_SMS_SENDER="console", RESEND_S=0, FACTOR_FAILURES=3, **often)
    sue = site.visitor().login("sue")
    for _ in range(3):
        url = sue.open("/secret").location
        for _ in range(2):
            sue.press_send(url)
        before, newest = outbox(site)[-2:]
        late = sue.answer(url + "?factor=sms", before.code)
        assert late.status_code == 422
        assert "A newer code was sent" in late.text
    assert sue.answer(url + "?factor=sms", newest.code).location == "/secret"


def test_but_its_tries_are_counted_for_the_challenge(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console", RESEND_S=0, CODE_TRIES=3)
    sue = site.visitor().login("sue")
    url = sue.open("/secret").location
    for _ in range(2):
        sue.press_send(url)
    before = outbox(site)[-2]
    tries = [sue.answer(url + "?factor=sms", before.code).status_code for _ in range(3)]
    assert tries == [422, 422, 422]
    form = form_to(sue.open(url).text, "/send")
    last = sue.submit(url, {**form.fields, "factor": "sms", "code": outbox(site)[-1].code})
    assert last.status_code == 429


def test_a_code_of_five_minutes_ago_is_too_old(sue: Visitor, site: Site) -> None:
    asked = sue.open("/secret")
    sue.press_send(asked.location)
    site.clock.tick(301)
    page = sue.answer(asked.location, outbox(site)[-1].code)
    assert page.status_code == 422
    assert "too old" in page.text


def test_a_code_is_of_its_own_challenge(sue: Visitor, site: Site) -> None:
    first, second = sue.open("/secret"), sue.open("/secret")
    sue.press_send(first.location)
    site.clock.tick(31)
    sue.press_send(second.location)
    code = outbox(site)[0].code
    assert sue.answer(second.location, code).status_code == (303 if code == outbox(site)[1].code else 422)


def test_too_many_messages_are_refused(sue: Visitor, site: Site) -> None:
    asked = sue.open("/secret")
    answers = []
    for _ in range(7):
        answers.append(sue.press_send(asked.location).status_code)
        site.clock.tick(31)
    assert answers[0] == 303
    assert answers[-1] == 429
    assert len(outbox(site)) == 5


def test_an_authenticator_app_has_nothing_to_send(site: Site) -> None:
    tess = site.visitor().login("tess")
    asked = tess.open("/secret")
    page = tess.press_send(asked.location + "?factor=sms", factor="totp")
    assert page.status_code == 422
    assert "Nothing needs to be sent" in page.text
    assert outbox(site) == []


def test_the_other_factor_opens_the_same_challenge(site: Site) -> None:
    tess = site.visitor().login("tess")
    asked = tess.open("/secret")
    tess.press_send(asked.location + "?factor=sms")
    assert tess.answer(asked.location + "?factor=totp").status_code == 303


class BrokenSender:
    """A provider that takes nothing."""

    def __init__(self, *, blocked: bool) -> None:
        self.blocked = blocked

    def send(self, number: str, text: str) -> None:
        raise SenderError("provider says no", blocked=self.blocked)


@pytest.mark.parametrize(
    ("blocked", "words"), [(False, "could not be sent"), (True, "messages cannot get there")]
)
def test_a_provider_that_fails_is_a_clear_page(site: Site, sue: Visitor, blocked: bool, words: str) -> None:
    site.zt.factors_loader(lambda user: [SmsFactor(NUMBER, BrokenSender(blocked=blocked))])
    page = sue.press_send(sue.open("/secret").location)
    assert page.status_code == 503
    assert words in page.text
    assert 'role="alert"' in page.text
    assert "provider says no" not in page.text


def test_nobody_is_told_of_a_code_that_never_went_out(site: Site, sue: Visitor) -> None:
    """The pause holds after a failure, too, and for the person's other challenges."""
    site.zt.factors_loader(lambda user: [SmsFactor(NUMBER, BrokenSender(blocked=False))])
    asked = sue.open("/secret").location
    sue.press_send(asked)
    again = sue.press_send(asked)
    assert again.status_code == 429
    assert "A code was asked for a moment ago" in again.text


def press_at(site: Site, sue: Visitor, host: str) -> str:
    """Ask for a code with this Host header, and return the message."""
    asked = sue.open("/secret")
    form = form_to(sue.open(asked.location).text, "/send")
    headers = {"Sec-Fetch-Site": "same-origin", "Host": host}
    cookie = {"Cookie": sue.cookie().header}
    client = site.app.test_client(use_cookies=False)
    answer = client.post(form.action, data=form.fields, headers={**headers, **cookie})
    assert answer.status_code == 303, answer.text
    return str(outbox(site)[-1].text)


@pytest.mark.parametrize(("host", "shown"), [("localhost:8443", "localhost"), ("[::1]:5000", "[::1]")])
def test_the_message_names_the_host_without_its_port(
    site: Site, sue: Visitor, host: str, shown: str
) -> None:
    assert f"@{shown} #" in press_at(site, sue, host)


@pytest.mark.parametrize(
    "named",
    [
        {"TRUSTED_HOSTS": ["bank.example"]},
        {"ZEROTRUST_WEBAUTHN_ORIGINS": ["https://bank.example:8443"]},
        {"ZEROTRUST_WEBAUTHN_ORIGINS": ["https://bank.example"]},
    ],
    ids=str,
)
def test_the_message_names_a_host_that_the_site_has_named(
    make_site: Callable[..., Site], named: dict[str, list[str]]
) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console", **named)
    if "TRUSTED_HOSTS" in named:
        site.app.config["TRUSTED_HOSTS"].append("localhost")
    sue = site.visitor().login("sue")
    assert "@bank.example #" in press_at(site, sue, "bank.example:8443")
