"""Codes by e-mail, from the challenge page to a real SMTP server and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_zerotrust.cli.doctor import delivery
from flask_zerotrust.cli.doctor.findings import Patient
from flask_zerotrust.errors import ConfigError
from tests.mailbox import FROM, Mailbox, serve_mail

from .sites import ADDRESS, Site, Visitor


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Mailbox]:
    with serve_mail(tmp_path) as served:
        yield served


@pytest.fixture
def site(make_site: Callable[..., Site], box: Mailbox) -> Site:
    return make_site(
        ZEROTRUST_EMAIL_SENDER="smtp",
        ZEROTRUST_SMTP_HOST="127.0.0.1",
        ZEROTRUST_SMTP_PORT=box.port,
        ZEROTRUST_SMTP_SECURITY="none",
        ZEROTRUST_SMTP_FROM=FROM,
    )


@pytest.fixture
def mia(site: Site) -> Visitor:
    return site.visitor().login("mia")


def code(box: Mailbox) -> str:
    found = re.search(r"^([0-9]{6})$", box.text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_whole_way(mia: Visitor, box: Mailbox) -> None:
    asked = mia.open("/transfer")
    page = mia.open(asked.location).text
    assert "E-mail to m…@post.example" in page
    assert ADDRESS not in page
    assert box.mails == []
    sent = mia.press_send(asked.location)
    assert (sent.status_code, sent.location) == (303, asked.location + "?factor=email")
    assert box.envelopes[-1].rcpt_tos == [ADDRESS]
    assert "send a transfer" in box.text()
    assert mia.answer(sent.location, code(box)).location == "/transfer"
    assert not mia.asked("/transfer")


def test_a_new_code_voids_the_one_before(mia: Visitor, box: Mailbox, site: Site) -> None:
    asked = mia.open("/secret").location
    mia.press_send(asked)
    first = code(box)
    assert mia.press_send(asked).status_code == 429
    site.clock.tick(31)
    mia.press_send(asked)
    if code(box) != first:
        assert mia.answer(asked, first).status_code == 422
    assert mia.answer(asked, code(box)).status_code == 303


def test_a_code_of_five_minutes_ago_is_too_old(mia: Visitor, box: Mailbox, site: Site) -> None:
    asked = mia.open("/secret").location
    mia.press_send(asked)
    site.clock.tick(301)
    assert "too old" in mia.answer(asked, code(box)).text


@pytest.mark.parametrize(
    ("answer", "words"), [("450 busy", "could not be sent"), ("550 unknown", "messages cannot get there")]
)
def test_a_server_that_refuses_is_a_clear_page_and_the_code_is_void(
    mia: Visitor, box: Mailbox, answer: str, words: str
) -> None:
    box.refuse_rcpt = answer
    asked = mia.open("/secret").location
    page = mia.press_send(asked)
    assert page.status_code == 503
    assert words in page.text
    assert 'name="code"' not in page.text


def test_doctor_is_silent_where_the_server_answers_and_names_one_that_does_not(
    make_site: Callable[..., Site], site: Site, box: Mailbox
) -> None:
    def said(of: Site) -> list[tuple[str, str]]:
        patient = Patient(app=of.app, state=of.app.extensions["zerotrust"])
        return [(one.severity, one.problem) for one in delivery.sender(patient)]

    assert said(site) == []
    assert box.mails == []
    with_tls = make_site(
        ZEROTRUST_EMAIL_SENDER="smtp",
        ZEROTRUST_SMTP_HOST="127.0.0.1",
        ZEROTRUST_SMTP_PORT=box.port,
        ZEROTRUST_SMTP_FROM=FROM,
    )
    ((severity, problem),) = said(with_tls)
    assert severity == "error"
    assert f"127.0.0.1:{box.port}" in problem
    console = make_site(ZEROTRUST_EMAIL_SENDER="console")
    assert [severity for severity, _ in said(console)] == ["warning"]


def test_mail_in_the_clear_to_another_machine_is_a_warning(make_site: Callable[..., Site]) -> None:
    site = make_site(
        ZEROTRUST_EMAIL_SENDER="smtp",
        ZEROTRUST_SMTP_HOST="mail.invalid",
        ZEROTRUST_SMTP_SECURITY="none",
        ZEROTRUST_SMTP_FROM=FROM,
        PROVIDER_TIMEOUT_S=0.5,
    )
    patient = Patient(app=site.app, state=site.app.extensions["zerotrust"])
    assert [one.severity for one in delivery.sender(patient)] == ["warning", "error"]


def test_without_a_sender_an_address_says_what_to_set(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.app.testing = False  # where the terminal stands in for a sender
    with site.app.test_request_context(), pytest.raises(ConfigError, match="ZEROTRUST_EMAIL_SENDER"):
        site.zt.email_factor(ADDRESS)
