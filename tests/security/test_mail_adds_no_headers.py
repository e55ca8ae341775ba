"""Row 35: nothing that a person or a thief writes adds a header, a recipient or a command to a mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust.config import Settings
from flask_zerotrust.delivery.smtp import compose
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.email import EmailFactor, canonical_address, message
from tests.mailbox import FROM, Mailbox, serve_mail

HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}
EVIL = "pay\r\nBcc: eve@evil.example\r\n\r\nhello\r\n.\r\nRCPT TO:<eve@evil.example>\r\n"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Mailbox]:
    with serve_mail(tmp_path) as served:
        yield served


def test_an_action_with_line_breaks_reaches_one_inbox_only(box: Mailbox) -> None:
    EmailFactor("ada@bank.example", box.mailer()).send("123456", action=EVIL, host=EVIL)
    (envelope,), (mail,) = box.envelopes, box.mails
    assert envelope.rcpt_tos == ["ada@bank.example"]
    assert set(mail.keys()) == HEADERS
    assert "Bcc" not in box.text().splitlines()[1:]


@pytest.mark.parametrize("broken", ["ada@bank.example\r\nBcc: eve@evil.example", "a\n", "a\rb"])
def test_a_header_with_a_line_break_is_refused_without_an_echo(broken: str) -> None:
    for parts in (
        {"address": broken, "subject": "s", "from_": FROM},
        {"address": "ada@bank.example", "subject": broken, "from_": FROM},
        {"address": "ada@bank.example", "subject": "s", "from_": broken},
    ):
        with pytest.raises(ConfigError, match="one line each") as refused:
            compose(parts["address"], parts["subject"], "text\n", from_=parts["from_"])
        assert "evil" not in str(refused.value)


@pytest.mark.parametrize(
    "typed", ["a@b.example\r\nBcc: e@e.example", "a@b.example,e@e.example", "a\0@b.example"]
)
def test_an_address_is_one_address(typed: str) -> None:
    with pytest.raises(ConfigError):
        canonical_address(typed)


@given(st.text(max_size=80))
def test_whatever_is_an_address_makes_a_mail_with_the_usual_headers(typed: str) -> None:
    try:
        address = canonical_address(typed + "@bank.example")
    except ConfigError:
        return
    assert set(compose(address, "s", "t\n", from_=FROM).keys()) == HEADERS


@given(st.text(max_size=300))
def test_an_action_is_one_line_of_the_text(action: str) -> None:
    lines = message("123456", action=action).splitlines()
    assert lines[1:4] == ["", "123456", ""]
    assert len(lines) == 6


@pytest.mark.parametrize(
    "sender",
    ["", "Bank", "Bank <a@b.example>\r\nBcc: e@e.example", "a@b.example, e@e.example", "A <a@b> <c@d>"],
)
def test_a_configured_sender_is_one_line_with_one_address(sender: str) -> None:
    keys = {"EMAIL_SENDER": "smtp", "SMTP_HOST": "mail.example", "SMTP_FROM": sender}
    with pytest.raises(ConfigError, match="ZEROTRUST_SMTP_FROM"):
        Settings.from_mapping({"ZEROTRUST_" + name: value for name, value in keys.items()})
