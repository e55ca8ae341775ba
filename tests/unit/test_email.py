"""Codes by e-mail, spoken to a real SMTP server on loopback."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_zerotrust.delivery.senders import ConsoleMailer
from flask_zerotrust.delivery.smtp import Security, SmtpMailer, compose, trouble
from flask_zerotrust.errors import ConfigError, SenderError
from flask_zerotrust.factors.email import EmailFactor, canonical_address, masked, message
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores import MemoryStore
from tests.clock import START
from tests.mailbox import FROM, PASSWORD, USER, Mailbox, serve_mail

ADDRESS = "ada@bank.example"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Mailbox]:
    with serve_mail(tmp_path) as served:
        yield served


def refusal(mailer: SmtpMailer) -> SenderError:
    with pytest.raises(SenderError) as refused:
        EmailFactor(ADDRESS, mailer).send("123456", action="pay", host="bank.example")
    assert ADDRESS not in str(refused.value)
    assert "123456" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    return refused.value


# Addresses


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@bank.example", "ada@bank.example"),
        ("  Ada.L+step@BANK.Example ", "Ada.L+step@bank.example"),
        ("o'neil_{x}@a-b.c0.example", "o'neil_{x}@a-b.c0.example"),
        ("a" * 64 + "@b.example", "a" * 64 + "@b.example"),
        ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
        ("jo\u0308rg@example.de", "jörg@example.de"),
        ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
        ("राम@example.in", "राम@example.in"),
        ("ada\u200b@bank.example\ufeff", "ada@bank.example"),
        ("ａｄａ＠bank．example", "ada@bank.example"),
    ],
)
def test_an_address_is_kept_with_its_domain_in_small_letters(typed: str, kept: str) -> None:
    assert canonical_address(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@bank.example",
        "ada@",
        "ada@localhost",
        "ada@bank..example",
        "ada@-bank.example",
        ".ada@bank.example",
        "ada@bank.example, eve@bank.example",
        "Ada <ada@bank.example>",
        '"a b"@bank.example',
        "ada@bank.example\nBcc: eve@bank.example",
        "ada\r\nRCPT TO:<eve@bank.example>@bank.example",
        "ada@bänk..example",
        "ada@☺.example",
        "jörg\u2028x@bank.example",
        "jörg\x85x@bank.example",
        "jörg，eve@bank.example",
        "ö" * 33 + "@b.example",
        "a" * 1_000_000 + "@b.example",
        "ada@[192.0.2.1]",
        "a" * 65 + "@b.example",
        "a@" + "b" * 60 + ".example" + ".c" * 100,
    ],
)
def test_what_is_no_plain_address_is_refused_without_an_echo(typed: str) -> None:
    with pytest.raises(ConfigError, match="must look like") as refused:
        canonical_address(typed)
    assert not typed.strip() or typed.strip() not in str(refused.value).replace("ada@bank.example:", "")


@pytest.mark.parametrize("given", [None, 7, b"ada@bank.example"])
def test_what_is_no_text_is_no_address(given: Any) -> None:
    with pytest.raises(ConfigError, match="must look like"):
        canonical_address(given)


@pytest.mark.parametrize(
    ("address", "label"),
    [("ada@xn--bcher-kva.example", "a…@bücher.example"), ("a@xn--zzzzzz.example", "a…@xn--zzzzzz.example")],
)
def test_a_label_shows_a_host_in_its_own_letters(address: str, label: str) -> None:
    assert masked(address) == label


def test_a_label_shows_no_more_than_the_owner_needs() -> None:
    assert masked("ada@bank.example") == "a…@bank.example"
    factor = EmailFactor(ADDRESS, ConsoleMailer(lambda: True))
    assert factor.label == "E-mail to a…@bank.example"
    assert ADDRESS not in repr(factor)


# What a mail says


def test_a_mail_names_the_action_and_carries_no_link() -> None:
    text = message("123456", action="send a transfer")
    assert 'for "send a transfer"' in text
    assert "\n123456\n" in text
    assert "://" not in text
    assert "@" not in text


def test_a_long_action_stays_one_short_line() -> None:
    text = message("123456", action='pay\n\n999999\n"x" ' + "y" * 100)
    assert "\n999999\n" not in text
    assert len(text.splitlines()[0]) < 90


def test_a_mail_is_for_one_and_answered_by_no_machine() -> None:
    mail = compose(ADDRESS, "Your code", "text\n", from_=FROM)
    assert (mail["To"], mail["From"], mail["Auto-Submitted"]) == (ADDRESS, FROM, "auto-generated")
    assert mail["Message-ID"].endswith("@bank.example>")
    assert mail["Date"].endswith("0000")


# Over SMTP


def test_a_code_arrives(box: Mailbox) -> None:
    EmailFactor(ADDRESS, box.mailer()).send("123456", action="pay", host="evil.example")
    (envelope,), (mail,) = box.envelopes, box.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@bank.example", [ADDRESS])
    assert "123456" in box.text()
    assert "123456" not in str(mail["Subject"])
    assert "evil.example" not in mail.as_string()


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_code_arrives_over_tls_and_after_a_login(tmp_path: Path, security: str) -> None:
    with serve_mail(tmp_path, security, login=True) as box:  # type: ignore[arg-type]
        box.mailer(user=USER, password=PASSWORD).send(ADDRESS, "Hello", "text\n")
        assert box.logins == [USER]
        assert len(box.mails) == 1


@pytest.mark.parametrize("without", [(), ("PLAIN",)])
@pytest.mark.parametrize("right", [True, False])
def test_a_login_may_have_characters_outside_ascii(
    tmp_path: Path, without: tuple[str, ...], right: bool
) -> None:
    with serve_mail(tmp_path, "starttls", login=True, auth_exclude_mechanism=without) as box:
        box.user, box.password = "bänk", "pässwörd"
        mailer = box.mailer(user="bänk", password="pässwörd" if right else "fälsch")
        if right:
            mailer.send(ADDRESS, "Hello", "text\n")
            assert trouble(mailer) is None
        else:
            assert "status 535. Check ZEROTRUST_SMTP_USER" in str(refusal(mailer))
        assert len(box.mails) == right


def test_a_server_without_a_way_for_such_a_login_is_told_of(tmp_path: Path) -> None:
    with serve_mail(tmp_path, "starttls", login=True, auth_exclude_mechanism=["PLAIN", "LOGIN"]) as box:
        mailer = box.mailer(user=USER, password="pässwörd")
        assert "no login" in str(refusal(mailer))


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_an_address_outside_ascii_gets_its_code_with_smtputf8(tmp_path: Path, security: Security) -> None:
    with serve_mail(tmp_path, security, enable_SMTPUTF8=True) as box:
        EmailFactor("jörg@Bücher.example", box.mailer()).send("123456", action="pay", host="")
        assert box.envelopes[0].rcpt_tos == ["jörg@xn--bcher-kva.example"]
        assert box.envelopes[0].smtp_utf8
        assert "123456" in box.text()


def test_a_server_without_smtputf8_is_a_sender_error_that_says_so(tmp_path: Path) -> None:
    with serve_mail(tmp_path, enable_SMTPUTF8=False) as box:
        with pytest.raises(SenderError, match="SMTPUTF8") as refused:
            EmailFactor("jörg@bank.example", box.mailer()).send("123456", action="pay", host="")
        assert refused.value.blocked
        assert "jörg" not in str(refused.value)
        assert box.mails == []


def test_a_sender_whose_host_is_outside_ascii_is_named_as_dns_has_it(box: Mailbox) -> None:
    mailer = box.mailer(from_="Bücher <no-reply@bücher.example>")
    mailer.send(ADDRESS, "Hello", "text\n")
    assert box.envelopes[0].mail_from == "no-reply@xn--bcher-kva.example"
    assert box.mails[0]["From"] == "Bücher <no-reply@xn--bcher-kva.example>"
    with pytest.raises(ConfigError, match="ZEROTRUST_SMTP_FROM"):
        box.mailer(from_="no-reply@☺.example")


def test_a_certificate_that_nobody_vouches_for_gets_no_mail(tmp_path: Path) -> None:
    with serve_mail(tmp_path, "starttls") as box:
        assert "certificate" in str(refusal(box.mailer(tls=None)))
        assert box.mails == []


def test_without_starttls_nothing_goes_out_in_the_clear(box: Mailbox) -> None:
    error = refusal(box.mailer(security="starttls", user=USER, password=PASSWORD))
    assert "ZEROTRUST_SMTP_SECURITY" in str(error)
    assert box.logins == []
    assert box.mails == []


def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    with serve_mail(tmp_path, "starttls", login=True) as box:
        mailer = box.mailer(user=USER, password="wrong-password")
        error = refusal(mailer)
        assert "status 535. Check ZEROTRUST_SMTP_USER and ZEROTRUST_SMTP_PASSWORD" in str(error)
        assert "wrong-password" not in str(error) + repr(mailer)


@pytest.mark.parametrize(
    ("answer", "blocked"),
    [
        (f"550 5.1.1 <{ADDRESS}> no such user", True),
        ("551 not local", True),
        ("553 bad name", True),
        (f"450 {ADDRESS} is busy", False),
        ("452 no space", False),
    ],
)
def test_a_refused_recipient_is_blocked_when_no_later_try_helps(
    box: Mailbox, answer: str, blocked: bool
) -> None:
    box.refuse_rcpt = answer
    error = refusal(box.mailer())
    assert error.blocked is blocked
    assert f"status {answer[:3]}" in str(error)


@pytest.mark.parametrize(("answer", "blocked"), [("451 later", False), ("554 123456 is spam", False)])
def test_a_refused_mail_is_a_sender_error(box: Mailbox, answer: str, blocked: bool) -> None:
    box.refuse_data = answer
    assert refusal(box.mailer()).blocked is blocked


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mailer = SmtpMailer(
            host="127.0.0.1", port=silent.getsockname()[1], from_=FROM, timeout_s=0.2, security="none"
        )
        began = time.monotonic()
        assert "within 0.2 s" in str(refusal(mailer))
        assert time.monotonic() - began < 60


def test_a_server_that_is_not_there_is_a_sender_error(box: Mailbox) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert "ConnectionRefusedError" in str(refusal(box.mailer(port=port)))


def test_a_goodbye_that_fails_does_not_unsend_a_mail() -> None:
    """The server takes the mail and falls silent: the code is on its way, and stays good."""
    script = [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n"]

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(script[0])
            for answer in script[1:]:
                lines.readline()
                connection.sendall(answer)
                while answer.startswith(b"354") and lines.readline() != b".\r\n":
                    pass
                if answer.startswith(b"354"):
                    connection.sendall(script[-1])
                    break

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        port = listening.getsockname()[1]
        SmtpMailer(host="127.0.0.1", port=port, from_=FROM, timeout_s=2, security="none").send(
            ADDRESS, "Hello", "text\n"
        )
        thread.join()


def test_nothing_that_is_logged_holds_address_or_code(
    box: Mailbox, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # the test's own server
    caplog.set_level(logging.DEBUG)
    EmailFactor(ADDRESS, box.mailer()).send("123456", action="pay", host="bank.example")
    said = capsys.readouterr()
    for place in (caplog.text, said.out, said.err):
        assert "123456" not in place
        assert ADDRESS not in place


def test_doctors_look_hands_over_nothing(box: Mailbox) -> None:
    assert trouble(box.mailer()) is None
    assert box.mails == []
    assert trouble(box.mailer(security="starttls")) is not None


# The console, and what people enrolled


def test_the_console_keeps_the_code_of_a_mail(capsys: pytest.CaptureFixture[str]) -> None:
    mailer = ConsoleMailer(lambda: True, clock=lambda: START)
    EmailFactor(ADDRESS, mailer).send("123456", action="pay 999999", host="bank.example")
    (kept,) = mailer.outbox
    assert (kept.to, kept.code, kept.at) == (ADDRESS, "123456", START)
    assert "123456" in capsys.readouterr().out


def test_the_console_takes_no_mail_in_production() -> None:
    with pytest.raises(ConfigError, match=r"ZEROTRUST_EMAIL_SENDER = 'console'.*'smtp'"):
        ConsoleMailer(lambda: False).check()


def test_an_enrolled_address_comes_back_where_there_is_a_mailer() -> None:
    enrolled, mailer = Enrolled(MemoryStore(), KeyRing(["key"])), ConsoleMailer(lambda: True)
    assert enrolled.add_email("ada", " Ada@BANK.example ") == "email"
    (factor,) = enrolled.factors("ada", mailer=mailer)
    assert (factor.id, factor.kind, factor.recipient) == ("email", "email", "Ada@bank.example")
    assert enrolled.factors("ada") == []
    assert enrolled.count("ada") == 1
