"""Challenges: open, send, check, pass; parked forms; enrolment."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import flask_zerotrust
from flask_zerotrust import config, errors
from flask_zerotrust.challenge import MESSAGES, Challenges, Parked, park
from flask_zerotrust.challenge.codes import read
from flask_zerotrust.challenge.parking import is_secret
from flask_zerotrust.config import NEVER_PARK, Settings
from flask_zerotrust.errors import ChallengeError, ConfigError, SenderError
from flask_zerotrust.factors.sms import SmsFactor
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.constants import set_constants
from tests.desk import NUMBER, SECRET, Desk

FORM = Parked(
    "/transfer?x=1", fields=(("to", "Grace"), ("tag", "a"), ("tag", "ü\ud800")), left_out=("pin",)
)


# Opening and loading


def test_a_challenge_keeps_what_was_wanted(desk):
    pending = desk.open(parked=FORM, action="send a transfer", return_path="/transfer?x=1", method="POST")
    assert (pending.user, pending.session_id) == ("ada", "s1")
    assert (pending.action, pending.return_path, pending.method) == (
        "send a transfer",
        "/transfer?x=1",
        "POST",
    )
    assert pending.parked == FORM
    assert pending.opened_at == desk.clock()
    assert (pending.factor_id, pending.sent_at, pending.passed_at) == (None, None, None)


def test_a_challenge_has_an_id_of_128_bits_and_no_twin(desk):
    ids = {desk.open(session_id=f"s{n}").id for n in range(50)}
    assert len(ids) == 50
    assert {len(challenge_id) for challenge_id in ids} == {22}


def test_opening_a_challenge_sends_nothing(desk):
    desk.open()
    assert desk.phone.messages == []


@pytest.mark.parametrize(("user", "session_id"), [("bob", "s1"), ("ada", "s2"), ("", ""), ("Ada", "s1")])
def test_a_challenge_is_for_its_user_and_session_only(desk, user, session_id):
    pending = desk.open()
    assert desk.reason(desk.load, pending.id, user, session_id) == "not_yours"


def test_a_challenge_expires(desk):
    pending = desk.open()
    desk.clock.tick(config.CHALLENGE_S - 1)
    desk.load(pending.id)
    desk.clock.tick(1)
    assert desk.reason(desk.load, pending.id) == "gone"
    assert desk.reason(desk.check, pending, desk.app_code(), desk.totp) == "gone"


def test_sending_a_code_does_not_lengthen_a_challenge(desk):
    pending = desk.open()
    desk.clock.tick(config.CHALLENGE_S - 1)
    desk.send(pending)
    desk.clock.tick(1)
    assert desk.reason(desk.load, pending.id) == "gone"


@pytest.mark.parametrize("challenge_id", ["", "x" * 22, "../../etc/passwd", "ü" * 22, "a" * 10_000])
def test_an_id_that_was_never_given_out_is_gone(desk, challenge_id):
    assert desk.reason(desk.load, challenge_id) == "gone"


def test_a_session_has_eight_challenges_and_a_ninth_drops_the_oldest(desk):
    ids = [desk.open().id for _ in range(8)]
    other = desk.open(session_id="s2").id
    assert [desk.reason(desk.load, one) for one in ids] == [None] * 8
    desk.open()
    assert [desk.reason(desk.load, one) for one in ids] == ["gone"] + [None] * 7
    assert desk.reason(desk.load, other, "ada", "s2") is None


def test_forms_of_one_user_are_bounded_over_all_sessions(desk):
    kept = [desk.open(session_id=f"s{n}", parked=FORM).parked for n in range(41)]
    assert kept[39] == FORM
    assert kept[40] == Parked(FORM.path, too_large=True)
    assert desk.open(user="bob", parked=FORM).parked == FORM


def test_a_closed_challenge_is_gone_with_its_code(desk):
    pending = desk.send(desk.open())
    desk.challenges.close(pending)
    assert desk.reason(desk.load, pending.id) == "gone"
    assert desk.reason(desk.check, pending, desk.phone.code) == "not_sent"


def test_a_key_that_was_changed_without_fallback_lets_people_start_again(desk):
    pending = desk.open()
    after = Desk(store=desk.store, clock=desk.clock)
    after.challenges = type(desk.challenges)(
        desk.store, flask_zerotrust.keys.KeyRing(["new"]), desk.settings
    )
    assert desk.reason(after.load, pending.id) == "gone"


def test_a_challenge_expires_by_the_servers_clock_where_the_stores_runs_late():
    desk = Desk(store=MemoryStore(clock=Clock()), clock=Clock())
    pending = desk.open()
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    desk.clock.tick(config.CHALLENGE_S)
    assert desk.reason(desk.load, pending.id) == "gone"
    assert desk.challenges.enrolment.begin("ada", "s1", now=desk.clock()) != secret


def test_an_enrolment_begins_again_after_a_key_change_without_fallback(desk):
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    after = Challenges(desk.store, KeyRing(["new"]), desk.settings)
    assert after.enrolment.begin("ada", "s1", now=desk.clock()) != secret


# Sending


def test_a_sent_code_is_right_and_the_challenge_says_where_it_went(desk):
    pending = desk.send(desk.open())
    assert (pending.factor_id, pending.sent_at) == ("sms", desk.clock())
    assert desk.load(pending.id) == pending
    assert desk.phone.messages[0][0] == NUMBER
    assert 'for "send a transfer"' in desk.phone.messages[0][1]
    desk.check(pending, desk.phone.code)


def test_codes_have_six_digits_also_small_ones(desk, monkeypatch):
    monkeypatch.setattr("secrets.randbelow", lambda _: 42)
    desk.send(desk.open())
    assert desk.phone.code == "000042"


def test_nothing_is_sent_for_a_factor_that_knows_its_codes(desk):
    assert desk.reason(desk.send, desk.open(), desk.totp) == "not_sending"


def test_a_message_that_could_not_be_handed_over_leaves_no_code_behind(desk):
    desk.phone.failure = SenderError("down", blocked=True)
    pending = desk.open()
    with pytest.raises(SenderError, match="down"):
        desk.send(pending)
    assert desk.load(pending.id).sent_at is None
    assert desk.reason(desk.check, pending, "123456") == "not_sent"


def test_a_code_of_one_factor_is_no_code_of_another(desk):
    pending = desk.send(desk.open())
    other = SmsFactor(NUMBER, desk.phone, id="sms-2")
    assert desk.reason(desk.check, pending, desk.phone.code, other) == "not_sent"


def test_a_code_of_one_challenge_is_no_code_of_another(desk):
    first = desk.send(desk.open())
    code = desk.phone.code
    desk.clock.tick(config.RESEND_S)
    second = desk.send(desk.open())
    assert desk.phone.code != code
    assert desk.reason(desk.check, second, code) == "wrong"
    desk.check(first, code)


# Checking


@pytest.mark.parametrize(
    "typed",
    [
        "{}",
        " {} ",
        "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}",
        "{0[0]}-{0[1]}{0[2]}\u2013{0[3]}\u00a0{0[4]}{0[5]}\n",
    ],
)
def test_spaces_and_dashes_do_not_matter(desk, typed):
    desk.check(desk.open(), typed.format(desk.app_code()), desk.totp)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "+123456",
        "1_234_5",
        "0x1234",
        "12.345",
        "1e5000",
        "123456" * 1_000,
    ],
)
def test_what_is_not_six_digits_is_a_matter_of_format(typed):
    with pytest.raises(ChallengeError, match="format"):
        read(TotpFactor(SECRET), typed)


def test_without_a_sent_code_there_is_nothing_to_check(desk):
    assert desk.reason(desk.check, desk.open(), "123456") == "not_sent"


def test_a_passed_challenge_is_bound_to_the_new_session_and_keeps_its_form(desk):
    pending = desk.open(parked=FORM)
    desk.check(pending, desk.app_code(), desk.totp)
    passed = desk.challenges.passed(pending, session_id="s2", now=desk.clock())
    assert passed.passed_at == desk.clock()
    assert passed.parked == FORM
    assert desk.load(pending.id, session_id="s2") == passed
    assert desk.reason(desk.load, pending.id) == "not_yours"


def test_a_passed_challenge_lives_on_long_enough_to_be_confirmed(desk):
    pending = desk.open(parked=FORM)
    desk.clock.tick(config.CHALLENGE_S - 1)
    desk.challenges.passed(pending, session_id="s2", now=desk.clock())
    desk.clock.tick(config.CHALLENGE_S - 1)
    assert desk.load(pending.id, session_id="s2").parked == FORM
    desk.clock.tick(1)
    assert desk.reason(desk.load, pending.id, "ada", "s2") == "gone"


def test_passed_challenges_count_among_the_eight_of_the_new_session(desk):
    for _ in range(9):
        desk.challenges.passed(pending := desk.open(), session_id="s2", now=desk.clock())
    first_kept = pending.id
    assert len([k for k in desk.store.owned("user:ada") if k.startswith("challenge:")]) == 8
    assert desk.load(first_kept, session_id="s2").passed_at == desk.clock()


def test_a_closed_challenge_cannot_be_passed(desk):
    pending = desk.open()
    desk.challenges.close(pending)
    assert desk.reason(desk.challenges.passed, pending, session_id="s2", now=desk.clock()) == "gone"


def test_everything_pending_can_be_erased_with_its_user(desk):
    pending = desk.send(desk.open(parked=FORM))
    desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    desk.store.disown("user:ada")
    assert desk.reason(desk.load, pending.id) == "gone"
    assert desk.reason(desk.challenges.enrolment.secret, "ada", "s1", now=desk.clock()) == "gone"


# Messages


def test_every_reason_that_is_raised_has_a_sentence_that_says_what_to_do():
    package = Path(inspect.getfile(flask_zerotrust)).parent
    calls = [
        node
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ChallengeError"
    ]
    reasons = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    assert len(reasons) > 10
    assert reasons <= set(MESSAGES)


@pytest.mark.parametrize("reason", sorted(MESSAGES))
def test_sentences_are_plain_and_short(reason):
    sentence = MESSAGES[reason]
    assert sentence.endswith(".")
    assert len(sentence) < 110
    assert not set(sentence) & set("{}_<>")


def test_a_refusal_shows_its_reason_and_how_long_to_wait():
    error = errors.ChallengeError("budget", retry_after_s=12.5)
    assert (error.reason, error.retry_after_s, str(error)) == ("budget", 12.5, "budget")


# Parking


SETTINGS = Settings()
SECRET_NAMES = re.findall(
    r"\S+",
    """
    password Password pass PASSWORD2 new_password newPassword user[password] mypassword confirm-password
    passwd user.passwd passphrase pass_word pwd userPwd pin PIN card_pin newPin pin2 pins pin-code secret
    client_secret card cardNumber card_number card-number cardnumber creditcard credit_card cc-number ccNum
    cvv CVV2 cvvCode cvc card_cvc csc code Code otp otp_code smsCode smscode totp 2fa 2fa_code mfa_code
    security_code securityCode verification-code one_time_code recovery_codes backupCode tan api_key apiKey
    haslo hasło noweHaslo nové_heslo jelszó şifre lösenord salasana passord kodeord adgangskode lozinka
    clave mdp parola geheimzahl geheimwort mtan pincode ssn security_answer mima
    新密码 パスワード 비밀번호 пароль كلمة_المرور mật_khẩu
    access_token passwort contraseña mot_de_passe ｐin caféPin naïvePIN ÉtéPin3
    """,
)
INNOCENT_NAMES = re.findall(
    r"\S+",
    """
    passenger passengers passport_country compass postcode post_code postCode country_code countryCode
    zip_code zipCode area_code sort_code bank_code promo_code currencyCode language_code product_codes
    shipping shippingAddress opinion spinner pinned pinterest opinions discard cardigan cardholderless
    scorecard postcard encode decoder codec barcode qrcode secretary title tank titan amount
    to reference description iban bic email username name phone
    csrf_token csrfToken _csrf csrfmiddlewaretoken authenticity_token
    __RequestVerificationToken xsrf_code form_token country tags captain
    """,
)


def test_a_parked_form_keeps_order_and_repeats_and_leaves_secrets_and_files_out():
    items = [
        ("to", "Grace"),
        ("tag", "a"),
        ("Password", "x"),
        ("tag", "b"),
        ("Password", "y"),
        ("csrf_token", "t"),
    ]
    parked = park("/transfer", items, ["receipt", "receipt"], settings=SETTINGS)
    assert parked == Parked(
        "/transfer",
        fields=(("to", "Grace"), ("tag", "a"), ("tag", "b"), ("csrf_token", "t")),
        left_out=("Password",),
        files=("receipt",),
    )


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_fields_named_like_passwords_cards_and_codes_are_secret(name):
    assert is_secret(name, NEVER_PARK)


@pytest.mark.parametrize("name", INNOCENT_NAMES)
def test_fields_with_innocent_names_are_kept(name):
    assert not is_secret(name, NEVER_PARK)


def test_fields_that_the_browser_masks_are_left_out_besides_those_with_secret_names():
    items = [("geheim", "x"), ("password", "y"), ("to", "Grace")]
    parked = park("/", items, [], masked={"geheim", "elsewhere"}, settings=SETTINGS)
    assert parked.left_out == ("geheim", "password")
    assert parked.fields == (("to", "Grace"),)


def test_a_site_can_name_its_own_secrets():
    settings = Settings(never_park=("tax id", "maiden"))
    items = [("taxId", "1"), ("mothers_maiden_name", "2"), ("password", "3"), ("syntax_idea", "4")]
    parked = park("/", items, [], settings=settings)
    assert parked.left_out == ("taxId", "mothers_maiden_name")


def test_no_words_to_look_for_keep_everything():
    assert park("/", [("password", "x")], [], settings=Settings(never_park=())).left_out == ()


@pytest.mark.parametrize(("over", "kept"), [(0, True), (1, False)])
def test_a_form_is_kept_up_to_the_limit_in_bytes(over, kept, monkeypatch):
    set_constants(monkeypatch, {"PARK_BYTES": 100})
    value = "ü" * 48 + "x" * (3 + over)
    parked = park("/", [("a", value)], [], settings=SETTINGS)
    assert parked.too_large is not kept
    assert parked.fields == ((("a", value),) if kept else ())


def test_names_of_fields_and_files_count_as_well(monkeypatch):
    set_constants(monkeypatch, {"PARK_BYTES": 100})
    assert park("/", [("n" * 60, "")], ["f" * 41], settings=SETTINGS).too_large
    assert park("/", [("password" * 13, "")], [], settings=SETTINGS) == Parked("/", too_large=True)


def test_a_name_made_of_many_words_is_read_to_its_end():
    assert park("/", [("a_" * 98, "")], [], settings=SETTINGS).left_out == ()
    assert park("/", [("a_" * 98 + "pin", "")], [], settings=SETTINGS).left_out


def numbered(count, chars):
    return [(f"{i:0{chars}}", "") for i in range(count)]


@pytest.mark.parametrize(
    ("items", "files", "kept"),
    [
        (numbered(1, 200), [], True),
        (numbered(1, 201), [], False),
        ([], ["f" * 201], False),
        (numbered(300, 8), [], True),
        (numbered(301, 8), [], False),
        ([("tag", "x")] * 301, [], False),
        (numbered(32, 128), [], True),
        (numbered(33, 128), [], False),
        (numbered(31, 128), ["f" * 129], False),
    ],
)
def test_a_form_with_many_or_long_names_is_not_kept(items, files, kept):
    """Looking for secrets costs time by name."""
    assert park("/", items, files, settings=SETTINGS).too_large is not kept


def test_a_name_of_ligatures_that_stand_for_many_letters_is_left_out():
    """One of these characters is eighteen letters."""
    assert park("/", [("\ufdfa" * 12, "")], [], settings=SETTINGS).left_out == ("\ufdfa" * 12,)
    assert park("/", [("\ufdfa" * 11, "")], [], settings=SETTINGS).left_out == ()


# Enrolment


def test_enrolling_hands_out_one_secret_a_session_until_a_code_confirms_it(desk):
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    assert desk.challenges.enrolment.begin("ada", "s1", now=desk.clock()) == secret
    assert desk.challenges.enrolment.secret("ada", "s1", now=desk.clock()) == secret
    assert desk.challenges.enrolment.begin("ada", "s2", now=desk.clock()) != secret
    code = desk.app_code(secret=secret)
    assert desk.challenges.enrolment.confirm("ada", "s1", code, now=desk.clock()) == secret
    assert desk.reason(desk.challenges.enrolment.secret, "ada", "s1", now=desk.clock()) == "gone"


def test_a_secret_that_is_being_enrolled_is_for_its_user_and_session_only(desk):
    desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    for user, session_id in (("bob", "s1"), ("ada", "s2")):
        assert desk.reason(desk.challenges.enrolment.secret, user, session_id, now=desk.clock()) == "gone"
        assert (
            desk.reason(desk.challenges.enrolment.confirm, user, session_id, "123456", now=desk.clock())
            == "gone"
        )


def test_an_enrolment_expires_and_begins_again_with_a_new_secret(desk):
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    desk.clock.tick(config.CHALLENGE_S)
    code = desk.app_code(secret=secret)
    assert desk.reason(desk.challenges.enrolment.confirm, "ada", "s1", code, now=desk.clock()) == "gone"
    assert desk.challenges.enrolment.begin("ada", "s1", now=desk.clock()) != secret


def test_after_five_wrong_codes_an_enrolment_begins_again(desk):
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    right = desk.app_code(secret=secret)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    answers = [
        desk.reason(desk.challenges.enrolment.confirm, "ada", "s1", wrong, now=desk.clock())
        for _ in range(5)
    ]
    assert answers == ["wrong"] * 4 + ["too_many"]
    assert desk.reason(desk.challenges.enrolment.confirm, "ada", "s1", right, now=desk.clock()) == "gone"
    fresh = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    assert fresh != secret
    code = desk.app_code(secret=fresh)
    assert desk.challenges.enrolment.confirm("ada", "s1", code, now=desk.clock()) == fresh


def test_an_enrolment_tells_of_a_clock_that_is_off(desk):
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    code = desk.app_code(4, secret=secret)
    assert desk.reason(desk.challenges.enrolment.confirm, "ada", "s1", code, now=desk.clock()) == "clock"
    desk.challenges.enrolment.confirm("ada", "s1", desk.app_code(secret=secret), now=desk.clock())


def test_enrolment_without_a_maker_of_factors_says_what_is_missing(desk):
    bare = Challenges(desk.store, desk.keys, desk.settings)
    bare.enrolment.begin("ada", "s1", now=desk.clock())
    with pytest.raises(ConfigError, match="totp=TotpFactor"):
        bare.enrolment.confirm("ada", "s1", "123456", now=desk.clock())


def test_the_factor_that_was_enrolled_answers_the_next_challenge(desk):
    secret = desk.challenges.enrolment.begin("ada", "s1", now=desk.clock())
    desk.challenges.enrolment.confirm("ada", "s1", desk.app_code(secret=secret), now=desk.clock())
    desk.clock.tick(30)
    code = desk.app_code(secret=secret)
    desk.check(desk.open(), code, TotpFactor(secret))
    assert secret != SECRET
