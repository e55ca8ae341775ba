"""ZEROTRUST_* keys: every one is checked, and a refusal says what to write instead."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust import config
from flask_zerotrust.config import PREFIX, EmailLimits, Settings, SmsLimits
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.factors.phone_numbers import check_countries

FIELDS = {PREFIX + f.name.upper(): f for f in dataclasses.fields(Settings)}
RANGED = [key for key, f in FIELDS.items() if f.metadata["low"] is not None]
WHOLE = [key for key in RANGED if isinstance(FIELDS[key].default, int)]
LISTS = ["ZEROTRUST_NEVER_PARK", "ZEROTRUST_SMS_PREFIXES", "ZEROTRUST_SMS_DENIED"]
# Longer than the longest grant, so that grants can be tried over their whole range.
LONG = {"ZEROTRUST_KEYLESS_S": 86_400}

TWILIO = {
    "ZEROTRUST_SMS_SENDER": "twilio",
    "ZEROTRUST_TWILIO_ACCOUNT_SID": "AC1",
    "ZEROTRUST_TWILIO_AUTH_TOKEN": "hush-hush",
    "ZEROTRUST_TWILIO_FROM": "+15005550006",
    "ZEROTRUST_SMS_PREFIXES": ["+44", "+1"],
}


def read(**keys: object) -> Settings:
    return Settings.from_mapping(keys)


def refusal(**keys: object) -> str:
    with pytest.raises(ConfigError) as caught:
        Settings.from_mapping(keys)
    return str(caught.value)


def test_an_app_without_keys_gets_the_defaults():
    assert Settings.from_mapping({"SECRET_KEY": "x", "DEBUG": True}) == Settings()


def test_the_defaults_pass_their_own_checks():
    """Every default, written out as a key, is accepted and changes nothing."""
    written = {key: f.default for key, f in FIELDS.items()}
    assert Settings.from_mapping(written) == Settings()


def test_the_defaults_of_the_security_promises():
    """Numbers that the security design fixes; NIST 800-63B allows a sent code 600 s at most."""
    settings = Settings()
    assert (settings.mode, settings.enrol, settings.expose_risk) == ("enforce", "factor", False)
    assert (settings.grant_s, settings.keyless_s) == (300, 1_800)
    assert (settings.new_browser, settings.browser_days) == ("challenge", 30)
    assert (config.CODE_S, config.CODE_TRIES) == (300, 5)
    assert (config.MAX_BATCH_BYTES, config.MAX_BATCH_EVENTS) == (16_384, 1_500)
    assert settings.store.startswith("sqlite:///")


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().mode = "off"  # type: ignore[misc]


def test_every_key_says_what_it_means():
    assert all(len(f.metadata["doc"]) > 10 for f in FIELDS.values())


# --- keys that do not exist ---------------------------------------------------------------------


def test_a_mistyped_key_is_refused_with_the_nearest_one():
    said = refusal(ZEROTRUST_GRANT_SECS=60)
    assert (
        said == "ZEROTRUST_GRANT_SECS is not a setting of Flask-ZeroTrust. Did you mean ZEROTRUST_GRANT_S?"
    )


def test_a_key_like_no_other_points_to_the_docs():
    assert "configuration page" in refusal(ZEROTRUST_XYZ_QQQQQQQQQQQQQQQQ=1)


def test_keys_of_others_are_left_alone():
    assert Settings.from_mapping({"ZERO_TRUST": 1, "zerotrust_mode": "?", 5: 1}) == Settings()


@pytest.mark.parametrize("name", sorted(config._FORMER))
def test_a_key_of_before_says_what_to_write_now(name):
    said = refusal(**{PREFIX + name: 1})
    assert said.startswith(f"{PREFIX}{name} is no longer a setting. ")
    named = re.findall(r"ZEROTRUST_[A-Z_]+", said)[1:]
    assert set(named) <= set(FIELDS)
    assert named or said.endswith("leave it out.")
    assert PREFIX + name not in FIELDS


def test_there_are_at_most_fifty_settings():
    """A new one replaces another, or says who would miss it."""
    assert len(FIELDS) <= 50


# --- budgets --------------------------------------------------------------------------------------


def test_what_a_budget_leaves_out_stays():
    settings = read(ZEROTRUST_SMS_LIMITS={"total": 50}, ZEROTRUST_EMAIL_LIMITS={})
    assert settings.sms_limits == SmsLimits(number=5, user=6, prefix=60, total=50)
    assert settings.email_limits == EmailLimits(address=5, user=6, total=1_000)


@pytest.mark.parametrize("value", [None, 5, ["total"], {"totals": 5}, {5: 5}, {"address": 1}], ids=repr)
def test_a_budget_that_there_is_not_is_refused(value):
    said = refusal(ZEROTRUST_SMS_LIMITS=value)
    assert said.startswith(
        "ZEROTRUST_SMS_LIMITS must be a dictionary with any of number, user, prefix, total"
    )


def test_a_budget_has_a_range_and_a_type():
    for limit in (1, 10_000_000):
        assert read(ZEROTRUST_EMAIL_LIMITS={"user": limit}).email_limits.user == limit
    for limit in (0, 10_000_001):
        said = refusal(ZEROTRUST_EMAIL_LIMITS={"user": limit})
        assert said.startswith("ZEROTRUST_EMAIL_LIMITS['user'] must be between 1 and 10000000, got ")
    assert refusal(ZEROTRUST_EMAIL_LIMITS={"user": True}).endswith("must be int, got bool True.")


# --- the model ------------------------------------------------------------------------------------


def test_a_model_is_a_folder_with_or_without_a_hash():
    sha256 = "0a" * 32
    assert read().model_and_hash() == (None, None)
    assert read(ZEROTRUST_MODEL="my#model").model_and_hash() == ("my#model", None)
    assert read(ZEROTRUST_MODEL=f"my-model#sha256={sha256}").model_and_hash() == ("my-model", sha256)


@pytest.mark.parametrize("sha256", ["", "0a", "0A" * 32, "0a" * 33, "x" * 64])
def test_a_hash_that_is_none_is_refused(sha256):
    assert "64 hexadecimal digits" in refusal(ZEROTRUST_MODEL=f"my-model#sha256={sha256}")


# --- ranges: both sides of both ends ------------------------------------------------------------


@pytest.mark.parametrize("key", RANGED)
def test_both_ends_of_a_range_are_allowed_and_a_step_beyond_is_not(key):
    low, high = FIELDS[key].metadata["low"], FIELDS[key].metadata["high"]
    extra = LONG if key == "ZEROTRUST_GRANT_S" else {}
    step = 1 if key in WHOLE else 1e-6 * high
    name = FIELDS[key].name
    floor = max(low, Settings().grant_s) if key == "ZEROTRUST_KEYLESS_S" else low
    for value in (floor, high):
        assert getattr(read(**{key: value}, **extra), name) == value
    for value in (low - step, high + step):
        said = refusal(**{key: value}, **extra)
        assert said.startswith(f"{key} must be between {low} and {high}, got ")


@pytest.mark.parametrize("key", [key for key in RANGED if key not in WHOLE])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400], ids=repr)
def test_a_number_that_is_no_number_is_out_of_range(key, value):
    assert refusal(**{key: value}).startswith(f"{key} must be between")


def test_a_whole_number_will_do_for_seconds():
    half_life_s = read(ZEROTRUST_HALF_LIFE_S=60).half_life_s
    assert (half_life_s, type(half_life_s)) == (60.0, float)


# --- types --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "wanted", "got"),
    [
        ("ZEROTRUST_GRANT_S", "300", "float", "str '300'"),
        ("ZEROTRUST_GRANT_S", True, "float", "bool True"),
        ("ZEROTRUST_GRANT_S", None, "float", "NoneType None"),
        ("ZEROTRUST_SMTP_PORT", 587.0, "int", "float 587.0"),
        ("ZEROTRUST_SMTP_PORT", True, "int", "bool True"),
        ("ZEROTRUST_EXPOSE_RISK", 1, "bool", "int 1"),
        ("ZEROTRUST_EXPOSE_RISK", "false", "bool", "str 'false'"),
        ("ZEROTRUST_STORE", None, "str", "NoneType (hidden)"),
        ("ZEROTRUST_MODEL", 3, "str", "int 3"),
        ("ZEROTRUST_MAX_RISK", "0.5", "float", "str '0.5'"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_was_wanted(key, value, wanted, got):
    assert refusal(**{key: value}) == f"{key} must be {wanted}, got {got}."


@pytest.mark.parametrize("value", ["enforced", "", None, True, ["enforce"]])
def test_a_choice_lists_what_may_be_chosen(value):
    said = refusal(ZEROTRUST_MODE=value)
    assert said == f"ZEROTRUST_MODE must be one of 'enforce', 'observe', 'off', got {value!r}."


@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize("value", ["+44", 44, None, b"", b"+44", [44], [""], {"+44": 1}], ids=repr)
def test_a_list_of_strings_is_nothing_else(key, value):
    assert refusal(**{key: value}).startswith(f"{key} must be a list of strings")


def test_lists_become_tuples():
    assert read(ZEROTRUST_SMS_PREFIXES=["+44", "+1"]).sms_prefixes == ("+44", "+1")


@given(
    key=st.sampled_from(sorted(FIELDS)),
    value=st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.binary(),
        st.lists(st.integers() | st.text()),
        st.dictionaries(st.text(), st.text()),
    ),
)
def test_whatever_is_written_it_is_a_setting_or_a_config_error_that_names_the_key(key, value):
    try:
        kept = getattr(read(**{key: value}), FIELDS[key].name)
    except ConfigError as error:
        said = str(error)
    else:
        said = key
        assert kept == (tuple(value) if key in LISTS else value)
    assert key in said


# --- keys that must go together -------------------------------------------------------------------


@pytest.mark.parametrize("value", ["zerotrust", "/", "/zerotrust/", ""])
def test_the_prefix_starts_with_a_slash_and_does_not_end_with_one(value):
    assert refusal(ZEROTRUST_URL_PREFIX=value).startswith("ZEROTRUST_URL_PREFIX must start with '/'")


def test_browsers_without_a_key_are_not_asked_more_often_than_others():
    assert read(ZEROTRUST_GRANT_S=1_800).grant_s == 1_800
    said = refusal(ZEROTRUST_GRANT_S=1_801)
    assert "ZEROTRUST_KEYLESS_S (1800)" in said
    assert "ZEROTRUST_GRANT_S (1801)" in said


def test_twilio_with_everything_it_needs():
    assert Settings.from_mapping(TWILIO).sms_sender == "twilio"


@pytest.mark.parametrize("key", sorted(TWILIO.keys() - {"ZEROTRUST_SMS_SENDER"}))
def test_twilio_names_what_is_missing(key):
    rest = {name: value for name, value in TWILIO.items() if name != key}
    said = refusal(**rest)
    assert said.startswith(f"ZEROTRUST_SMS_SENDER = 'twilio' also needs {key}.")


@pytest.mark.parametrize(
    "entry", ["44", "+", "+44 7", "0044", "+4 4", "+٤٤", "+44\n", "gb", "GBR", "G", "mobile"]
)
def test_what_is_neither_a_prefix_nor_a_country_is_refused(entry):
    assert refusal(ZEROTRUST_SMS_PREFIXES=[entry]).startswith("ZEROTRUST_SMS_PREFIXES must hold '+'")


@pytest.mark.parametrize("entry", ["44", "gb", "premium", "PAGER"])
def test_what_is_no_kind_of_numbers_is_refused(entry):
    assert refusal(ZEROTRUST_SMS_DENIED=[entry]).startswith("ZEROTRUST_SMS_DENIED must hold kinds")


def test_numbers_may_be_allowed_and_denied_by_country_prefix_and_kind():
    settings = read(ZEROTRUST_SMS_PREFIXES=["GB", "+353"], ZEROTRUST_SMS_DENIED=["voip", "JE", "+3538"])
    assert settings.sms_prefixes == ("GB", "+353")
    assert settings.sms_denied == ("voip", "JE", "+3538")


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install"):
        check_countries("+44")


@pytest.mark.parametrize(("entry", "word"), [("UK", "is 'GB'"), ("+999", "begin with '\\+999'")])
def test_a_country_that_there_is_not_is_refused(entry, word):
    with pytest.raises(ConfigError, match=word):
        check_countries("+44", "CA", "pager", entry)


# --- secrets --------------------------------------------------------------------------------------


def test_the_auth_token_is_shown_neither_in_the_repr_nor_in_errors():
    assert "hush-hush" not in repr(Settings.from_mapping(TWILIO))
    assert "hush" not in refusal(ZEROTRUST_TWILIO_AUTH_TOKEN=b"hush")


def test_every_key_that_sounds_like_a_secret_is_marked_as_one():
    secret = re.compile(r"auth_token|secret|password|private")
    assert [f.name for f in FIELDS.values() if secret.search(f.name) and f.repr] == []


SMTP = {
    "ZEROTRUST_EMAIL_SENDER": "smtp",
    "ZEROTRUST_SMTP_HOST": "mail.example",
    "ZEROTRUST_SMTP_FROM": "Bank <no-reply@bank.example>",
}


def test_mail_needs_a_server_and_a_sender():
    assert Settings.from_mapping(SMTP).smtp_port == 587
    for key in ("ZEROTRUST_SMTP_HOST", "ZEROTRUST_SMTP_FROM"):
        said = refusal(**{name: value for name, value in SMTP.items() if name != key})
        assert said == f"ZEROTRUST_EMAIL_SENDER = 'smtp' also needs {key}."


def test_a_mail_password_needs_a_user_and_is_never_sent_in_the_clear():
    login = {"ZEROTRUST_SMTP_USER": "bank", "ZEROTRUST_SMTP_PASSWORD": "hush"}
    assert "hush" not in repr(Settings.from_mapping({**SMTP, **login}))
    for key in login:
        assert "go together" in refusal(**{**SMTP, key: login[key]})
    said = refusal(**{**SMTP, **login, "ZEROTRUST_SMTP_SECURITY": "none"})
    assert "in the clear" in said
    assert "hush" not in said


def test_verify_needs_a_service_instead_of_a_number():
    verify = {**TWILIO, "ZEROTRUST_SMS_SENDER": "twilio-verify"}
    del verify["ZEROTRUST_TWILIO_FROM"]
    said = refusal(**verify)
    assert said.startswith(
        "ZEROTRUST_SMS_SENDER = 'twilio-verify' also needs ZEROTRUST_TWILIO_VERIFY_SERVICE."
    )
    service = "VA" + "0" * 32
    found = Settings.from_mapping({**verify, "ZEROTRUST_TWILIO_VERIFY_SERVICE": service})
    assert found.twilio_verify_service == service
