"""Factors know codes; senders deliver them; what people enrolled is kept encrypted."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path

import pyotp
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from flask import Flask

from flask_zerotrust import ZeroTrust
from flask_zerotrust.config import Settings
from flask_zerotrust.delivery.senders import ConsoleSender, TwilioSender
from flask_zerotrust.errors import ConfigError, SenderError, StoreError
from flask_zerotrust.factors.base import Factor, is_usable, leaving_out
from flask_zerotrust.factors.email import EmailFactor
from flask_zerotrust.factors.enrolled import MAX_FACTORS, Enrolled
from flask_zerotrust.factors.phone_numbers import canonical_number
from flask_zerotrust.factors.recovery import shown
from flask_zerotrust.factors.sms import SmsFactor, message
from flask_zerotrust.factors.totp import TotpFactor, new_secret
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores import MemoryStore
from tests.clock import START
from tests.twilio_server import SID, TOKEN, Described, FakeTwilio, describe, problems, serve_twilio

NUMBER = "+447700900123"
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()

# Authenticator apps


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_codes_of_rfc_6238_are_right(now, code):
    """Appendix B, SHA-1, the last six of the eight digits."""
    assert TotpFactor(RFC_SECRET).check(code, now=now) is not None


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_good_one_step_early_and_late(steps, right):
    code = pyotp.TOTP(RFC_SECRET).at(int(START) + 30 * steps)
    assert (TotpFactor(RFC_SECRET).check(code, now=START) is not None) is right


def test_a_code_has_the_same_use_in_every_step_that_accepts_it():
    factor = TotpFactor(RFC_SECRET)
    code = pyotp.TOTP(RFC_SECRET).at(int(START))
    uses = {factor.check(code, now=START + late) for late in (-30, -0.5, 0, 29, 30, 59)}
    assert len(uses) == 1
    assert None not in uses


def test_the_next_code_is_another_use_and_so_is_another_secret():
    now, other = TotpFactor(RFC_SECRET), TotpFactor(new_secret())
    use = now.check(pyotp.TOTP(RFC_SECRET).at(int(START)), now=START)
    later = now.check(pyotp.TOTP(RFC_SECRET).at(int(START) + 30), now=START)
    theirs = other.check(pyotp.TOTP(other.secret).at(int(START)), now=START)
    assert len({use, later, theirs}) == 3


def test_one_secret_under_two_ids_has_one_use_a_step():
    code = pyotp.TOTP(RFC_SECRET).at(int(START))
    first, second = TotpFactor(RFC_SECRET, id="a"), TotpFactor(RFC_SECRET.lower() + " ", id="b")
    assert first.check(code, now=START) == second.check(code, now=START)


def test_a_new_secret_has_160_bits_and_no_twin():
    assert len(base64.b32decode(new_secret())) == 20
    assert len({new_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize("n_bytes", [5, 9])
def test_a_secret_below_80_bits_is_refused(n_bytes):
    with pytest.raises(ConfigError, match="80 bits"):
        TotpFactor(base64.b32encode(bytes(n_bytes)).decode())


def test_a_secret_of_80_bits_that_the_app_has_works_with_one_warning(caplog):
    secret = base64.b32encode(b"old secret").decode()
    for _ in range(3):
        factor = TotpFactor(secret)
    assert factor.check(factor.code(at=START), now=START) is not None
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "80 bits" in warning
    assert secret not in warning


@pytest.mark.parametrize("n_bytes", [10, 15])
def test_a_new_secret_below_128_bits_is_not_enrolled(n_bytes):
    enrolled = Enrolled(MemoryStore(), KeyRing(["key"]))
    with pytest.raises(ConfigError, match="128 bits"):
        enrolled.add_totp("ada", base64.b32encode(bytes(n_bytes)).decode())
    assert enrolled.count("ada") == 0


@pytest.mark.parametrize(
    ("algorithm", "secret", "code"),
    [
        ("SHA1", b"12345678901234567890", "94287082"),
        ("SHA256", b"12345678901234567890123456789012", "46119246"),
        ("SHA512", b"1234567890123456789012345678901234567890123456789012345678901234", "90693936"),
    ],
)
def test_tokens_with_eight_digits_and_other_hashes_are_those_of_rfc_6238(algorithm, secret, code):
    """Appendix B, at 59 s."""
    factor = TotpFactor(base64.b32encode(secret).decode(), digits=8, algorithm=algorithm)
    assert factor.code(at=59) == code
    assert factor.check(code, now=59) is not None


def test_a_token_of_60_seconds_shows_one_code_for_as_long():
    factor = TotpFactor(RFC_SECRET, period_s=60)
    begun = START - START % 60
    code = pyotp.TOTP(RFC_SECRET, interval=60).at(int(begun))
    uses = {factor.check(code, now=begun + late) for late in (-60, 0, 59, 119)}
    assert len(uses) == 1
    assert None not in uses
    assert factor.check(code, now=begun + 120) is None


@pytest.mark.parametrize(
    "token", [{"digits": 5}, {"digits": 9}, {"period_s": 0}, {"period_s": 121}, {"algorithm": "MD5"}]
)
def test_a_token_that_nobody_has_is_refused(token):
    with pytest.raises(ConfigError, match="6 to 8 digits"):
        TotpFactor(RFC_SECRET, **token)


@pytest.mark.parametrize(
    "typed", ["jbsw y3dp-ehpk 3pxp\u200bjbsw y3dp ehpk 3pxp", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"]
)
def test_a_secret_has_one_spelling(typed):
    assert TotpFactor(typed).secret == "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def test_a_secret_of_128_bits_is_taken_without_its_padding():
    padded = base64.b32encode(b"0123456789abcdef").decode()
    assert TotpFactor(padded).check(pyotp.TOTP(padded.rstrip("=")).at(0), now=40) is not None


def test_a_secret_that_is_not_base32_is_refused_and_not_echoed():
    with pytest.raises(ConfigError, match="base32") as refused:
        TotpFactor("not-base32-at-all-0189")
    assert "0189" not in str(refused.value)


def test_the_address_for_the_qr_code_names_issuer_and_account():
    uri = TotpFactor(RFC_SECRET).provisioning_uri(account="ada@example.org", issuer="The Bank")
    parts = urllib.parse.urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert urllib.parse.unquote(parts.path) == "/The Bank:ada@example.org"
    assert dict(urllib.parse.parse_qsl(parts.query)) == {"secret": RFC_SECRET, "issuer": "The Bank"}


def test_the_address_names_what_differs_from_a_usual_app():
    """Also of an existing secret of 80 bits, which pyotp's own class refuses."""
    factor = TotpFactor("JBSWY3DPEHPK3PXP", digits=8, period_s=60, algorithm="SHA256")
    query = urllib.parse.urlsplit(factor.provisioning_uri(account="ada", issuer="Bank")).query
    parts = {
        "secret": "JBSWY3DPEHPK3PXP",
        "issuer": "Bank",
        "algorithm": "SHA256",
        "digits": "8",
        "period": "60",
    }
    assert dict(urllib.parse.parse_qsl(query)) == parts


def test_nothing_can_be_sent_to_an_authenticator_app():
    with pytest.raises(ConfigError, match="Nothing can be sent"):
        TotpFactor(RFC_SECRET).send("123456", action="a", host="h")


# Factors that cannot be used


@pytest.mark.parametrize(
    "make",
    [
        lambda: TotpFactor("no base32 !"),
        lambda: TotpFactor("JBSWY3DP"),
        lambda: TotpFactor(None),
        lambda: SmsFactor("07700 900123", Outbox()),
        lambda: EmailFactor("ada", Outbox()),
        lambda: EmailFactor(None, Outbox()),
    ],
)
def test_a_factor_that_cannot_be_used_is_made_only_to_be_left_out(make):
    with leaving_out() as problems:
        factor = make()
    assert len(problems) == 1
    assert not is_usable(factor)
    with pytest.raises(ConfigError):
        make()


def test_an_authenticator_without_a_secret_takes_no_code():
    with leaving_out():
        factor = TotpFactor("no base32 !")
    empty = HOTP(b"", 6, SHA1(), enforce_key_length=False)
    assert factor.check(empty.generate(int(START // 30)).decode(), now=START) is None


# Text messages


@dataclass
class Outbox:
    """A sender that keeps what it is given."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, number: str, text: str) -> None:
        self.sent.append((number, text))


def test_a_message_names_the_action_warns_and_ends_with_the_webotp_line():
    outbox = Outbox()
    SmsFactor("+44 7700 900123", outbox).send("012345", action="send a transfer", host="bank.example:5000")
    ((number, text),) = outbox.sent
    assert number == NUMBER
    assert text.startswith('Your code for "send a transfer" is 012345. Never share it')
    assert text.splitlines()[-2:] == ["", "@bank.example #012345"]


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("bank.example", "bank.example"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:8080", "[::1]"),
        ("[::1]", "[::1]"),
    ],
)
def test_the_webotp_line_has_no_port(host, shown):
    assert message("123456", action="a", host=host).endswith(f"\n@{shown} #123456")


@pytest.mark.parametrize(
    "action", ["pay\n\n@evil.example #999999", 'pay" now', "x" * 200, "pay\u2028\x00all"]
)
def test_the_name_of_an_action_cannot_change_the_shape_of_a_message(action):
    lines = message("123456", action=action, host="bank.example").splitlines()
    assert len(lines) == 3
    assert lines[0].count("#") == lines[0].count("@") == 0
    assert lines[0].count('"') == 2


def test_a_message_fits_into_one_of_160_characters():
    assert len(message("123456", action="x" * 200, host="a-rather-long-name.bank.example")) <= 160


def test_a_label_shows_two_digits_of_the_number_unless_the_app_has_a_better_one():
    assert SmsFactor(NUMBER, Outbox()).label == "Text message to the number ending in 23"
    assert SmsFactor(NUMBER, Outbox(), label="Work phone").label == "Work phone"


def test_numbers_are_brought_into_one_form():
    assert canonical_number(" +44 (7700) 900-123 ") == NUMBER


@pytest.mark.parametrize(
    "typed",
    [
        "+44 (0)7700 900123",
        "+44 (0) 7700 / 900-123",
        "+4407700900123",
        "0044 7700 900123",
        "00 44 (0)7700 900123",
        "+44\u20117700\u2011900123",
        "\u202a+44 7700 900123\u202c",
        "\uff0b44 7700 900123",
        "+٤٤ ٧٧٠٠ ٩٠٠١٢٣",
    ],
)
def test_every_way_to_write_a_number_is_one_number(typed):
    assert canonical_number(typed) == NUMBER


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+39 (0)6 1234 5678", "+390612345678"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+34 (0)612 345 678", "+34612345678"),
        ("+49 (0)176 1234 5678", "+4917612345678"),
        ("+225 (0)7 12 34 56 78", "+2250712345678"),
        ("+352 621 000 001", "+352621000001"),
    ],
)
def test_a_domestic_zero_goes_and_one_that_belongs_to_the_number_stays(typed, number):
    assert canonical_number(typed) == number
    assert canonical_number(number) == number


@pytest.mark.parametrize(
    "number",
    [
        *(
            "07700 900123",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "+44x",
            "",
            "+1 212 555 01",
            "+999 123456789",
        ),
        *("+1 800 FLOWERS", "+44 7700 900123 ext. 5", "+" + "4" * 100_000, None, 447700900123),
    ],
)
def test_a_number_that_is_not_international_is_refused_and_not_echoed(number):
    with pytest.raises(ConfigError, match="international form") as refused:
        canonical_number(number)
    assert not number or str(number) not in str(refused.value)


def test_a_text_message_factor_judges_no_code():
    assert SmsFactor(NUMBER, Outbox()).check("123456", now=START) is None


# The console


def test_the_console_prints_and_keeps_what_it_sends(capsys, caplog):
    caplog.set_level(logging.DEBUG)
    sender = ConsoleSender(lambda: True, clock=lambda: START)
    SmsFactor(NUMBER, sender).send("123456", action="pay", host="bank.example")
    (kept,) = sender.outbox
    assert (kept.to, kept.code, kept.at) == (NUMBER, "123456", START)
    assert kept.text in capsys.readouterr().out
    assert caplog.records == []


def test_the_outbox_is_bounded_and_keeps_the_newest(capsys):
    sender = ConsoleSender(lambda: True)
    for number in range(60):
        sender.send(NUMBER, f"@h #{number:06d}")
    assert [m.code for m in sender.outbox] == [f"{n:06d}" for n in range(10, 60)]


def test_messages_cannot_be_changed_and_hide_their_code(capsys):
    sender = ConsoleSender(lambda: True)
    sender.send(NUMBER, "@h #123456")
    with pytest.raises(FrozenInstanceError):
        sender.outbox[0].code = "other"
    assert "123456" not in repr(sender.outbox)
    assert NUMBER not in repr(sender.outbox)


def test_a_text_without_a_code_has_none(capsys):
    sender = ConsoleSender(lambda: True)
    sender.send(NUMBER, "Hello")
    assert sender.outbox[0].code == ""


def test_the_console_refuses_outside_debug_and_testing():
    with pytest.raises(ConfigError, match="DEBUG or TESTING"):
        ConsoleSender(lambda: False).check()


# Twilio, over real HTTP to this machine

SERVICE = "MG" + "0123456789abcdef" * 2
TEXT = message("123456", action="pay", host="bank.example")


def to(twilio: FakeTwilio, from_: str = "+15005550006", timeout_s: float = 5.0) -> TwilioSender:
    return TwilioSender(SID, TOKEN, from_, timeout_s, twilio.client(timeout_s))


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTwilio]:
    monkeypatch.setenv("NO_PROXY", "*")
    with serve_twilio(FakeTwilio()) as fake:
        yield fake


@pytest.fixture(scope="module")
def messages_api(shared_data: Path) -> Described:
    """What Twilio's OpenAPI description says of creating a message."""
    return describe(shared_data, "twilio_api_v2010", "/2010-04-01/Accounts/{AccountSid}/Messages.json")


@pytest.mark.parametrize("from_", ["+15005550006", SERVICE])
def test_a_request_to_twilio_is_as_its_description_says(twilio, messages_api, from_):
    to(twilio, from_).send(NUMBER, TEXT)
    ((_, path, headers, form),) = twilio.requests
    assert problems(messages_api, path, headers, form) == []
    sender = "MessagingServiceSid" if from_ == SERVICE else "From"
    assert form == {"To": [NUMBER], "Body": [TEXT], sender: [from_]}
    credentials = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert headers["Authorization"] == f"Basic {credentials}"


def test_a_sender_name_that_begins_like_a_messaging_service_is_a_name(twilio):
    to(twilio, "MGBank").send(NUMBER, TEXT)
    assert twilio.requests[0][3]["From"] == ["MGBank"]


def test_the_check_against_the_description_sees_mistakes(messages_api):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    form = {"Text": ["x"], "From": ["me"], "MessagingServiceSid": ["MGshort"]}
    found = problems(messages_api, "/2010-04-01/Accounts/AC1/Messages.json", kind, form)
    assert found == [
        "path /2010-04-01/Accounts/AC1/Messages.json",
        "To is missing",
        "Text is unknown or repeated",
        "From is not a number",
        "MessagingServiceSid does not match ^MG[0-9a-fA-F]{32}$",
    ]


def refusal(twilio: FakeTwilio, timeout_s: float = 5.0) -> SenderError:
    with pytest.raises(SenderError) as refused:
        to(twilio, timeout_s=timeout_s).send(NUMBER, TEXT)
    return refused.value


@pytest.mark.parametrize(
    ("code", "blocked"), [(21610, True), (21614, True), (21211, True), (20003, False), (30001, False)]
)
def test_what_twilio_refuses_is_told_without_number_and_code(twilio, code, blocked):
    twilio.answer(
        400, {"code": code, "message": f"The number {NUMBER} is not right: {TEXT}", "status": 400}
    )
    error = refusal(twilio)
    assert error.blocked is blocked
    assert str(code) in str(error)
    assert NUMBER not in str(error)
    assert "123456" not in str(error)


def test_the_exception_that_knows_the_number_is_not_chained(twilio):
    twilio.answer(400, {"code": 21610, "message": f"Stopped by {NUMBER}", "status": 400})
    error = refusal(twilio)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_twilio_that_does_not_answer_is_given_up(twilio):
    twilio.wait = threading.Event()
    error = refusal(twilio, timeout_s=0.2)
    assert "within 0.2 s" in str(error)
    assert not error.blocked
    assert len(twilio.requests) == 1


def test_a_twilio_that_is_not_there_is_a_sender_error(twilio):
    twilio.url = "http://127.0.0.1:9"
    assert "ConnectionError" in str(refusal(twilio))


@pytest.mark.parametrize("status", [201, 500, 503])
def test_an_answer_that_is_no_json_is_a_sender_error(twilio, status):
    twilio.status, twilio.body = status, b"<html>down for maintenance"
    assert "twilio.com" in str(refusal(twilio))


def test_nothing_that_twilios_client_logs_holds_number_or_code(twilio, caplog):
    caplog.set_level(logging.DEBUG)
    to(twilio).send(NUMBER, TEXT)
    assert caplog.records
    assert "7700900123" not in caplog.text
    assert "123456" not in caplog.text.replace(SID, "")
    assert TOKEN not in caplog.text


def test_the_timeout_reaches_the_client_that_is_made_here():
    sender = TwilioSender(SID, "token", "+15005550006", 7.5)
    assert sender._messages._version.domain.twilio.http_client.timeout == 7.5


@pytest.mark.parametrize(
    ("more", "login", "host"),
    [
        ({"auth_token": "token"}, (SID, "token"), "api.twilio.com"),
        ({"api_key": "SK1", "api_secret": "secret"}, ("SK1", "secret"), "api.twilio.com"),
        (
            {"auth_token": "token", "region": "ie1", "edge": "dublin"},
            (SID, "token"),
            "api.dublin.ie1.twilio.com",
        ),
    ],
)
def test_an_account_is_reached_by_its_token_or_a_key_and_where_it_is(more, login, host):
    config = {f"ZEROTRUST_TWILIO_{name.upper()}": value for name, value in more.items()}
    app = Flask("site")
    app.config.update(
        SECRET_KEY="key",
        TESTING=True,
        ZEROTRUST_STORE="memory://",
        ZEROTRUST_SMS_SENDER="twilio",
        ZEROTRUST_TWILIO_ACCOUNT_SID=SID,
        ZEROTRUST_TWILIO_FROM="+15005550006",
        ZEROTRUST_SMS_PREFIXES=["+44"],
        **config,
    )
    ZeroTrust(app)
    client = app.extensions["zerotrust"].sender._twilio.client
    assert (client.auth, client.account_sid) == (login, SID)
    assert urllib.parse.urlsplit(client.get_hostname("https://api.twilio.com")).netloc == host


@pytest.mark.parametrize(("given", "wanted"), [("API_KEY", "API_SECRET"), ("EDGE", "AUTH_TOKEN")])
def test_half_an_account_says_what_is_missing(given, wanted):
    config = {"SMS_SENDER": "twilio", "TWILIO_ACCOUNT_SID": SID, "TWILIO_FROM": "+15005550006"}
    config |= {"SMS_PREFIXES": ["+44"], f"TWILIO_{given}": "x"}
    with pytest.raises(ConfigError, match=f"ZEROTRUST_TWILIO_{wanted}"):
        Settings.from_mapping({f"ZEROTRUST_{name}": value for name, value in config.items()})


def test_without_the_twilio_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    with pytest.raises(ConfigError, match=r'pip install "Flask-ZeroTrust\[sms\]"'):
        TwilioSender(SID, "token", "+15005550006", 10)


# What people enrolled


@pytest.fixture
def enrolled() -> Enrolled:
    return Enrolled(MemoryStore(), KeyRing(["key"]))


def ids(factors: list[Factor]) -> list[str]:
    return [factor.id for factor in factors]


def test_factors_come_back_in_the_order_in_which_they_were_added(enrolled):
    secret, sender = new_secret(), Outbox()
    assert enrolled.add_totp("ada", secret, "My app") == "totp"
    assert enrolled.add_sms("ada", "+44 7700 900123") == "sms"
    totp, sms = enrolled.factors("ada", sender=sender)
    assert (totp.id, totp.kind, totp.label, totp.secret) == ("totp", "totp", "My app", secret)
    assert (sms.id, sms.kind, sms.recipient, sms.sender) == ("sms", "sms", NUMBER, sender)


def test_a_number_is_left_out_when_there_is_no_sender(enrolled):
    enrolled.add_sms("ada", NUMBER)
    assert enrolled.factors("ada") == []


def test_a_second_factor_of_a_kind_has_an_id_of_its_own_that_stays(enrolled):
    for _ in range(3):
        enrolled.add_totp("ada", new_secret())
    enrolled.remove("ada", "totp-2")
    assert ids(enrolled.factors("ada")) == ["totp", "totp-3"]
    assert enrolled.add_totp("ada", new_secret()) == "totp-4"


def test_an_id_is_not_given_out_twice_even_when_all_are_gone(enrolled):
    for made in ("sms", "sms-2"):
        assert enrolled.add_sms("ada", NUMBER) == made
        enrolled.remove("ada", made)
    assert enrolled.add_sms("ada", NUMBER) == "sms-3"
    assert enrolled.add_totp("ada", new_secret(), avoid={"totp"}) == "totp-2"


def unknown_kind() -> Enrolled:
    """Return what ada enrolled, one factor of it with a newer version."""
    store, keys = MemoryStore(), KeyRing(["key"])
    rows = [
        {"id": "key", "kind": "passkey"},
        {"id": "totp", "kind": "totp", "label": "l", "secret": RFC_SECRET},
    ]
    record = json.dumps({"user": "ada", "factors": rows}).encode()
    store.put("factors:ada", keys.encrypt("enrolled-factors", record), ttl_s=60)
    return Enrolled(store, keys)


@pytest.mark.parametrize("sender", [None, Outbox()])
def test_an_unknown_kind_is_left_out_with_a_warning(sender, caplog):
    assert ids(unknown_kind().factors("ada", sender=sender)) == ["totp"]
    assert [(r.levelname, "'passkey'" in r.message) for r in caplog.records] == [("WARNING", True)]


def test_an_unknown_kind_stays_in_the_record_and_counts():
    enrolled = unknown_kind()
    enrolled.remove("ada", "totp")
    assert enrolled.add_totp("ada", new_secret()) == "totp"
    assert enrolled.count("ada") == 2


def test_recovery_codes_come_last_and_cannot_be_sent(enrolled):
    codes = enrolled.make_recovery("ada", avoid={"recovery"})
    enrolled.add_totp("ada", new_secret())
    totp, listed = enrolled.factors("ada")
    assert [(f.id, f.kind, f.sends, f.recipient) for f in (totp, listed)] == [
        ("totp", "totp", False, None),
        ("recovery-2", "recovery", False, None),
    ]
    assert shown(codes[0]) == "-".join(codes[0][i : i + 4] for i in range(0, 24, 4))
    with pytest.raises(ConfigError, match="Nothing can be sent"):
        listed.send("123456", action="a", host="h")


def test_a_new_list_can_be_made_by_whoever_has_as_many_factors_as_one_can(enrolled):
    for _ in range(MAX_FACTORS):
        enrolled.add_totp("ada", new_secret())
    enrolled.make_recovery("ada")
    enrolled.make_recovery("ada")
    assert enrolled.count("ada") == MAX_FACTORS + 1
    assert enrolled.recovery_left("ada") == 10


def test_people_have_their_own_factors(enrolled):
    enrolled.add_totp("ada", new_secret())
    assert enrolled.factors("bob") == []


def test_removing_what_is_not_there_changes_nothing(enrolled):
    enrolled.add_totp("ada", new_secret())
    enrolled.remove("ada", "sms")
    assert ids(enrolled.factors("ada")) == ["totp"]


def test_the_number_of_factors_is_bounded(enrolled):
    for _ in range(MAX_FACTORS):
        enrolled.add_totp("ada", new_secret())
    with pytest.raises(ConfigError, match="Remove one first"):
        enrolled.add_totp("ada", new_secret())


def test_a_bad_secret_or_number_is_not_enrolled(enrolled):
    with pytest.raises(ConfigError):
        enrolled.add_totp("ada", "SHORT")
    with pytest.raises(ConfigError):
        enrolled.add_sms("ada", "0123")
    assert enrolled.factors("ada", sender=Outbox()) == []


def test_a_record_moved_under_another_user_is_refused():
    store = MemoryStore()
    enrolled = Enrolled(store, KeyRing(["key"]))
    enrolled.add_totp("mallory", new_secret())
    store.put("factors:ada", store.get("factors:mallory"), ttl_s=60)
    with pytest.raises(StoreError, match="another user"):
        enrolled.factors("ada")


def test_factors_belong_to_their_user_in_the_store():
    store = MemoryStore()
    Enrolled(store, KeyRing(["key"])).add_totp("ada", new_secret())
    assert store.disown("user:ada") == 1
    assert Enrolled(store, KeyRing(["key"])).factors("ada") == []


def test_factors_do_not_expire():
    now = START
    store = MemoryStore(clock=lambda: now)
    enrolled = Enrolled(store, KeyRing(["key"]))
    enrolled.add_totp("ada", new_secret())
    now += 50 * 365 * 86_400
    assert ids(enrolled.factors("ada")) == ["totp"]
