"""Who is logged in and with what they can prove it, from the app or from the extension's own store."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from flask_zerotrust import Factor, ZeroTrust, step_up_required
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.factors.totp import TotpFactor

from .sites import NUMBER, SECRET, Site, totp

OTHER_SECRET = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def app() -> Flask:
    app = Flask("own")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    app.add_url_rule("/x", "x", step_up_required(lambda: "in"))
    return app


def kinds(site: Site, user: str) -> list[tuple[str, str]]:
    with site.app.test_request_context():
        return [(factor.id, factor.kind) for factor in site.app.extensions["zerotrust"].factors.of(user)]


def test_flask_login_names_the_user(site: Site) -> None:
    assert site.visitor().login("ada").asked("/secret")


def test_a_loader_registered_after_init_app_beats_flask_login(site: Site) -> None:
    site.zt.user_id_loader(lambda: "bob")
    assert site.visitor().open("/secret").status_code == 403


def test_a_loader_is_enough_without_flask_login(app: Flask) -> None:
    zt = ZeroTrust(app)

    @zt.user_id_loader
    def user() -> str:
        return "ada"

    zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    assert app.test_client().get("/x", headers=BROWSER).status_code == 303


def test_without_either_the_first_request_says_what_to_do(app: Flask) -> None:
    ZeroTrust(app)
    app.add_url_rule("/free", "free", lambda: "free")
    with pytest.raises(ConfigError, match="set up Flask-Login, or name a function"):
        app.test_client().get("/free")


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_loader_that_finds_nobody_means_not_logged_in(app: Flask, nobody: str | None) -> None:
    ZeroTrust(app).user_id_loader(lambda: nobody)
    assert app.test_client().get("/x", headers=BROWSER).status_code == 401


@pytest.mark.parametrize(
    ("found", "user"), [(0, "0"), (UUID(int=5), "00000000-0000-0000-0000-000000000005"), ("ada", "ada")]
)
def test_numbers_and_uuids_are_ids_too_and_reach_the_app_as_text(app: Flask, found: Any, user: str) -> None:
    seen = []
    zt = ZeroTrust(app)
    zt.user_id_loader(lambda: found)
    zt.factors_loader(lambda user: seen.append(user) or [])
    assert app.test_client().get("/x", headers=BROWSER).status_code == 403
    assert seen == [user]


@pytest.mark.parametrize("found", [False, True, b"ada", object()])
def test_a_loader_that_returns_no_id_is_refused(app: Flask, found: Any) -> None:
    ZeroTrust(app).user_id_loader(lambda: found)
    with pytest.raises(ConfigError, match="must return the user's id as a string"):
        app.test_client().get("/x", headers=BROWSER)


def test_factors_come_from_the_apps_loader(site: Site) -> None:
    assert kinds(site, "ada") == [("totp", "totp")]


def test_a_token_with_eight_digits_sha_256_and_60_seconds_opens_the_view(site: Site) -> None:
    token = TotpFactor(SECRET, digits=8, period_s=60, algorithm="SHA256")
    site.zt.factors_loader(lambda user: [token])
    ada = site.visitor().login("ada")
    asked = ada.open("/secret")
    assert "8-digit code" in ada.open(asked.location).text
    code = token.code(at=site.clock.now)
    assert ada.answer(asked.location, code[:6]).status_code == 422
    assert ada.answer(asked.location, f"{code[:4]} {code[4:]}").status_code == 303


def test_factors_come_from_the_extensions_own_store(site: Site) -> None:
    site.app.extensions["zerotrust"].enrolled.add_totp("bob", OTHER_SECRET)
    assert kinds(site, "bob") == [("totp", "totp")]
    bob = site.visitor().login("bob")
    asked = bob.open("/secret")
    assert bob.answer(asked.location, totp(site.clock.now, OTHER_SECRET)).status_code == 303


def test_the_apps_factors_stand_before_those_enrolled_here_and_win(site: Site) -> None:
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.add_totp("ada", OTHER_SECRET)
    enrolled.add_totp("ada", OTHER_SECRET)
    assert kinds(site, "ada") == [("totp", "totp"), ("totp-2", "totp")]
    with site.app.test_request_context():
        first: Factor = site.app.extensions["zerotrust"].factors.of("ada")[0]
    assert first.check(totp(site.clock.now), now=site.clock.now) is not None


def test_one_bad_contact_takes_no_other_factor_away(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.app.extensions["zerotrust"].enrolled.add_totp("ada", OTHER_SECRET)
    site.zt.factors_loader(
        lambda user: [
            site.zt.email_factor("ada@localhost"),
            site.zt.sms_factor("07700 900123", id="phone"),
            site.zt.sms_factor(None),  # type: ignore[arg-type]
            TotpFactor("not base32 !", id="old"),
            TotpFactor(SECRET, id="new"),
        ]
    )
    assert site.visitor().login("ada").asked("/secret")
    assert kinds(site, "ada") == [("new", "totp"), ("totp", "totp")]
    warnings = {record.getMessage() for record in caplog.records}
    assert any("a factor of user ada is left out: An e-mail address" in line for line in warnings)
    assert "localhost" not in caplog.text
    assert "07700" not in caplog.text


def test_a_bad_contact_still_raises_outside_of_the_loader(site: Site) -> None:
    with site.app.test_request_context(), pytest.raises(ConfigError, match="must look like"):
        site.zt.email_factor("ada@localhost")


def test_a_loader_may_return_nothing_at_all(site: Site) -> None:
    site.zt.factors_loader(lambda user: None)  # type: ignore[arg-type,return-value]
    assert kinds(site, "ada") == []


def test_in_production_a_phone_needs_a_configured_sender(site: Site) -> None:
    site.app.testing = False
    with (
        site.app.app_context(),
        pytest.raises(ConfigError, match="set it to 'console', 'app', 'twilio' or 'twilio-verify'"),
    ):
        site.zt.sms_factor(NUMBER)


def test_in_production_an_address_needs_a_configured_sender(site: Site) -> None:
    site.app.testing = False
    with site.app.app_context(), pytest.raises(ConfigError, match="set it to 'console' or 'smtp'"):
        site.zt.email_factor("ada@bank.example")


@pytest.mark.parametrize("way", ["debug", "testing"])
def test_while_developing_codes_go_to_the_terminal_without_any_sender(
    site: Site, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    site.app.testing, site.app.debug = way == "testing", way == "debug"
    with site.app.test_request_context():
        site.zt.email_factor("ada@bank.example").send("123456", action="pay", host="bank.example")
        site.zt.sms_factor(NUMBER).send("654321", action="pay", host="bank.example")
    printed = capsys.readouterr().out
    assert "123456" in printed
    assert "654321" in printed


def test_debugging_alone_lets_nobody_add_a_number_or_an_address(site: Site) -> None:
    site.app.debug = True
    with site.app.test_request_context():
        assert not site.app.extensions["zerotrust"].factors.has_choice()


# The first run: an app that has no factors yet


def refusal(app: Flask, **headers: str) -> Any:
    ZeroTrust(app).user_id_loader(lambda: "ada")
    return app.test_client().get("/x", headers={**BROWSER, **headers})


def test_in_debug_mode_the_refusal_tells_the_developer_the_ways(app: Flask) -> None:
    app.debug = True
    answer = refusal(app)
    assert answer.status_code == 403
    for way in ("@zt.factors_loader", "ZEROTRUST_EMAIL_SENDER", "ZEROTRUST_ENROL"):
        assert way in answer.text


def test_in_debug_mode_programs_are_told_the_ways(app: Flask) -> None:
    app.debug = True
    answer = refusal(app, Accept="application/json")
    assert (answer.status_code, len(answer.json["developer"])) == (403, 2)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_in_production_the_refusal_speaks_to_the_user_alone(app: Flask, kind: str) -> None:
    answer = refusal(app, Accept=kind)
    assert answer.status_code == 403
    assert "ZEROTRUST_" not in answer.text
    assert "developer" not in answer.text


def test_in_debug_mode_a_user_who_may_enrol_is_led_there_without_hints(app: Flask) -> None:
    app.debug = True
    app.config["ZEROTRUST_ENROL"] = "first-use"
    assert "ZEROTRUST_" not in refusal(app).text


def warnings_of(app: Flask, caplog: pytest.LogCaptureFixture, **config: Any) -> int:
    """Send two requests to an app in production and return how often it warns that nobody has a factor."""
    app.config.update(config)
    zt = ZeroTrust(app)
    zt.user_id_loader(lambda: None)
    if config.get("LOADER"):
        zt.factors_loader(lambda user: [])
    app.testing = False
    for _ in range(2):
        app.test_client().get("/nowhere")
    return sum("No user can have a factor" in record.message for record in caplog.records)


def test_an_app_in_which_nobody_can_have_a_factor_is_warned_once(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    assert warnings_of(app, caplog) == 1


@pytest.mark.parametrize(
    "config",
    [
        {"LOADER": True},
        {"ZEROTRUST_ENROL": "first-use"},
        {"ZEROTRUST_MODE": "observe"},
    ],
)
def test_an_app_in_which_somebody_can_have_a_factor_is_not_warned(
    app: Flask, caplog: pytest.LogCaptureFixture, config: dict[str, Any]
) -> None:
    assert warnings_of(app, caplog, **config) == 0


def test_a_sender_alone_gives_nobody_a_factor(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of(app, caplog, ZEROTRUST_EMAIL_SENDER="console", ZEROTRUST_SMS_SENDER="console") == 1


def test_an_app_in_which_somebody_has_enrolled_before_is_not_warned(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.app.extensions["zerotrust"].enrolled.add_totp("eve", SECRET)
    site.app.testing = False
    site.zt.factors_loader(None)  # type: ignore[arg-type]
    site.visitor().open("/")
    assert "No user can have a factor" not in caplog.text


def senderless(app: Flask, loader: Any, **config: Any) -> None:
    """Send a first request to an app in production whose loader names a factor."""
    app.config.update(config)
    zt = ZeroTrust(app)
    zt.user_id_loader(lambda: None)
    zt.factors_loader(loader(zt))
    app.testing = False
    app.test_client().get("/nowhere")


LOADERS = {
    "email": lambda zt: lambda user: [zt.email_factor("ada@bank.example")],
    "sms": lambda zt: lambda user: [zt.sms_factor(number) for number in [NUMBER]],
}


@pytest.mark.parametrize("kind", LOADERS)
def test_a_factor_without_its_sender_is_told_at_the_first_request(
    app: Flask, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    senderless(app, LOADERS[kind])
    assert f"ZEROTRUST_{kind.upper()}_SENDER is 'none'" in caplog.text
    assert caplog.text.count("_SENDER is 'none'") == 1


class Loader:
    """A loader that is no function, so nothing is known of its code."""

    def __call__(self, user: str) -> list[Any]:
        return []


def test_a_loader_without_code_to_read_is_not_judged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    senderless(app, lambda zt: Loader())
    assert caplog.text == ""


def test_a_store_that_is_away_warns_of_no_factors(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(prefix: str) -> list[str]:
        raise StoreError("gone")

    zt = ZeroTrust(app)
    zt.user_id_loader(lambda: None)
    monkeypatch.setattr(app.extensions["zerotrust"].store, "keys", fail)
    app.testing = False
    assert app.test_client().get("/nowhere").status_code == 404
    assert "No user can have a factor" not in caplog.text


def test_a_factor_with_its_sender_is_not_told(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    senderless(app, LOADERS["email"], ZEROTRUST_EMAIL_SENDER="console")
    assert "_SENDER" not in caplog.text


def test_in_debug_mode_the_terminal_is_the_sender(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.debug = True
    senderless(app, LOADERS["email"])
    assert "_SENDER" not in caplog.text


def test_enrolled_phones_are_left_out_where_nothing_can_reach_them(site: Site) -> None:
    site.app.extensions["zerotrust"].enrolled.add_sms("bob", NUMBER)
    assert kinds(site, "bob") == []


def test_what_is_no_factor_is_refused_with_what_to_write(site: Site) -> None:
    """A class of before, which only had the shape of a factor, among them."""

    class Shaped:
        id, kind, label, sends, recipient = "own", "own", "Own", False, None

    site.zt.factors_loader(lambda user: [Shaped()])  # type: ignore[list-item,return-value]
    ada = site.visitor().login()
    with pytest.raises(ConfigError, match=r"returned a Shaped.*subclass flask_zerotrust\.Factor"):
        ada.open("/admin")


def test_a_factor_of_ones_own_opens_a_view_once(site: Site) -> None:
    """By the defaults of the base class, apart from what it checks."""

    class Sheet(Factor):
        id, kind, label = "sheet", "sheet", "Code from your sheet"

        def check(self, code: str, *, now: float) -> str | None:
            return "1" if code == "402911" else None

    site.zt.factors_loader(lambda user: [Sheet()])
    ada = site.visitor().login()
    assert ada.answer(ada.open("/admin").location, "402 911").status_code == 303
    assert ada.open("/admin").status_code == 200
    eve = site.visitor().login()
    again = eve.answer(eve.open("/admin").location, "402911")
    assert (again.status_code, "already used" in again.text) == (422, True)
