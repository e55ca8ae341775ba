"""Row 25: nothing that helps a thief is written to a log, at any level, on any way through."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_zerotrust.errors import SenderError, StoreError
from flask_zerotrust.factors.totp import TotpFactor
from tests.authenticator import Authenticator, text
from tests.forms import form_to, read_forms
from tests.integration.sites import ADDRESS, NUMBER, SECRET, Site, Visitor
from tests.integration.test_passkeys import ADD, answer, question
from tests.mailbox import FROM, serve_mail

FACTORS = "/zerotrust/factors"
NEW_ADDRESS, NEW_NUMBER = "mia-2@post.example", "+447700900456"


@pytest.fixture
def written(caplog: Any) -> Callable[[], str]:
    """Return a function that returns all that was logged, tracebacks and arguments included."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("flask_zerotrust").setLevel(logging.DEBUG)

    def text() -> str:
        formatter = logging.Formatter("%(levelname)s %(name)s %(message)s")
        lines = [formatter.format(record) for record in caplog.records]
        return "\n".join([*lines, *(repr(record.args) for record in caplog.records)])

    return text


def is_clean(text: str, *secrets: str) -> bool:
    assert all(len(secret) >= 6 for secret in secrets)
    return not any(secret in text for secret in secrets)


def test_a_day_with_an_authenticator_app(site: Site, ada: Visitor, written: Callable[[], str]) -> None:
    bodies = [ada.body(1), ada.body(1, token="forged-token-value"), "not json, but secret-ish"]
    for body in (*bodies, bodies[0], bodies[0].ljust(70_000)):
        ada.send(body)
    ada.submit("/transfer", {"to": "bob", "password": "hunter22", "zerotrust_batch": bodies[1]})
    url = ada.submit("/transfer", {"to": "bob", "password": "hunter22"}).location
    code = ada.code()
    ada.answer(url, code="999999")
    ada.answer(url, code=code)
    ada.answer(ada.open("/admin").location, code=code) if ada.asked("/admin") else None
    ada.submit("/logout", {})
    sent = json.loads(bodies[0])
    secrets = (SECRET, code, "999999", "hunter22", sent["token"], sent["planes"][:40], sent["nonce"])
    assert is_clean(written(), *secrets, ada.nonce, "forged-token-value", "secret-ish")
    assert "movement in a form post was left out" in written(), "the log was read"


def test_a_day_with_a_phone(make_site: Callable[..., Site], written: Callable[[], str]) -> None:
    site = make_site(ZEROTRUST_SMS_SENDER="console")
    sue = site.visitor().login("sue")
    url = sue.open("/admin").location
    form = next(form for form in read_forms(sue.open(url).text) if form.action.endswith("/send"))
    for _ in range(2):
        sue.submit(form.action, form.fields)
    (message,) = site.app.extensions["zerotrust"].sender.outbox
    assert sue.answer(url, code=message.code).status_code == 303
    assert is_clean(written(), message.code, NUMBER, NUMBER.lstrip("+"), message.text)


def test_a_day_with_mail_over_smtp(
    make_site: Callable[..., Site], written: Callable[[], str], monkeypatch: Any, tmp_path: Path
) -> None:
    """Adding an address and removing one, with a server that takes mail, and then with none."""
    # The server's own log, since it runs in this process.
    monkeypatch.setattr(logging.getLogger("mail.log"), "propagate", False)
    with serve_mail(tmp_path) as box:
        site = make_site(
            ZEROTRUST_AUDIT_LOG=True,
            ZEROTRUST_EMAIL_SENDER="smtp",
            ZEROTRUST_SMTP_HOST="127.0.0.1",
            ZEROTRUST_SMTP_PORT=box.port,
            ZEROTRUST_SMTP_SECURITY="none",
            ZEROTRUST_SMTP_FROM=FROM,
        )
        site.zt.factors_loader(lambda user: [TotpFactor(SECRET)])
        site.app.extensions["zerotrust"].enrolled.add_email("ada", "ada.byron@post.example")
        ada = site.visitor().login().step_up("/admin")
        page = ada.open("/zerotrust/factors/add/email?new=1").text
        page = ada.open(ada.fill(page, "contact", "lady.l@bank.example").location).text
        code = re.findall(r"^([0-9]{6})$", box.text(), re.MULTILINE)[0]
        ada.fill(page, "code", "000000")
        assert ada.fill(page, "code", code).status_code == 303
    form = form_to(ada.open("/zerotrust/factors/email").text, "/remove")
    assert ada.submit(form.action, form.fields).status_code == 303
    assert "could not be told" in written()
    assert is_clean(written(), code, "ada.byron", "lady.l", "post.example", "bank.example", SECRET)


def test_a_day_with_a_passkey(make_site: Callable[..., Site], written: Callable[[], str]) -> None:
    site = make_site(ZEROTRUST_AUDIT_LOG=True, ZEROTRUST_PASSKEYS=True)
    key, ada = Authenticator(), site.visitor().login().step_up(ADD)
    answer(ada, ADD, key.create, origin="https://evil.example")
    assert answer(ada, ADD, key.create).status_code == 303
    site.clock.tick(301)
    url = ada.open("/admin").location + "?factor=webauthn"
    asked = json.loads(question(ada.open(url).text))["challenge"]
    assert answer(ada, url, key.get).status_code == 303
    site.clock.tick(301)
    key.count = 0
    url = ada.open("/admin").location + "?factor=webauthn"
    assert answer(ada, url, key.get).status_code == 422
    assert "counter did not go up" in written()
    assert is_clean(written(), key.id.hex(), text(key.id), asked, "evil.example")


def test_a_day_with_mail_and_with_ways_that_are_added(
    make_site: Callable[..., Site], written: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(
        ZEROTRUST_SMS_SENDER="console", ZEROTRUST_EMAIL_SENDER="console", ZEROTRUST_AUDIT_LOG=True
    )
    guard = site.app.extensions["zerotrust"]
    mia = site.visitor().login("mia")
    url = mia.open("/admin").location
    form = form_to(mia.open(url).text, "/send")
    mia.submit(form.action, form.fields)
    code = guard.mailer.outbox[-1].code
    assert mia.answer(url, code=code).status_code == 303
    for kind, contact in (("email", NEW_ADDRESS), ("sms", NEW_NUMBER)):
        page = mia.open(mia.fill(mia.open(f"{FACTORS}/add/{kind}").text, "contact", contact).location).text
        box = (guard.mailer if kind == "email" else guard.sender).outbox
        assert mia.fill(page, "code", box[-1].code).status_code == 303
    page = mia.open(f"{FACTORS}/email-2").text
    assert mia.fill(page, "label", f"Mail to {NEW_ADDRESS}").status_code == 303
    site.clock.tick(60)
    monkeypatch.setattr(guard.mailer, "send", _fails)
    mia.fill(mia.open(f"{FACTORS}/add/email?new=1").text, "contact", "new@post.example")
    lines = re.findall(r"INFO flask_zerotrust.audit (.*)", written())
    assert {"factor-enrolled", "factor-renamed"} <= {json.loads(line)["event"] for line in lines}
    contacts = (ADDRESS, NEW_ADDRESS, NEW_NUMBER, NEW_NUMBER[1:], "new@post.example", "post.example")
    assert is_clean(written(), code, *contacts)


def _fails(address: str, subject: str, text: str) -> None:
    raise SenderError("The mail server refused the recipient (550).")


def test_a_day_with_a_broken_store(
    site: Site, ada: Visitor, written: Callable[[], str], monkeypatch: Any
) -> None:
    """Tracebacks show code, not values."""
    body, url = ada.body(1), ada.open("/admin").location
    fields = next(iter(read_forms(ada.open(url).text))).fields
    store = site.app.extensions["zerotrust"].store

    def fails(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is gone")

    for name in ("get", "put", "swap", "claim", "increment", "delete"):
        monkeypatch.setattr(store, name, fails)
    code = ada.code()
    assert ada.send(body).status_code == 503
    assert ada.submit(url, {**fields, "code": code}).status_code == 503
    assert ada.submit("/transfer", {"to": "bob", "password": "hunter22"}).status_code == 503
    assert "the disk is gone" in written()
    assert is_clean(written(), code, SECRET, "hunter22", json.loads(body)["token"])


def test_enrolling_an_app(make_site: Callable[..., Site], written: Callable[[], str]) -> None:
    site = make_site(ZEROTRUST_ENROL="first-use")
    bob = site.visitor().login("bob")
    page = bob.open("/zerotrust/enrol").text
    guard = site.app.extensions["zerotrust"]
    secret = guard.challenges.enrolment.secret("bob", bob.entry()["c"], now=site.clock.now)
    assert " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)) in page
    bob.submit("/zerotrust/enrol", {**read_forms(page)[-1].fields, "code": "123456"})
    assert is_clean(written(), secret, "123456")


def test_making_and_using_recovery_codes(
    make_site: Callable[..., Site], written: Callable[[], str]
) -> None:
    site = make_site(ZEROTRUST_AUDIT_LOG=True)
    ada = site.visitor().login().step_up("/zerotrust/recovery")
    (form,) = read_forms(ada.open("/zerotrust/recovery").text)
    codes = re.findall(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){5}", ada.submit(form.action, form.fields).text)
    site.clock.tick(301)
    url = ada.open("/admin").location + "?factor=recovery"
    assert ada.answer(url, "A" * 24).status_code == 422
    assert ada.answer(url, codes[0]).status_code == 303
    assert "factor-enrolled" in written()
    groups = [group for code in codes for group in (code, code.replace("-", ""))]
    assert len(groups) == 20
    assert is_clean(written(), "A" * 24, *groups)


def test_a_field_name_cannot_forge_a_line(ada: Visitor, written: Callable[[], str]) -> None:
    forged = "x\nERROR flask_zerotrust the store was opened"
    ada.submit("/transfer", {"to": "bob", "zerotrust_batch": ada.body(1, **{forged: 1})})
    assert "left out" in written()
    assert "\nERROR flask_zerotrust the store" not in written()


def test_signals_carry_no_secrets(site: Site, ada: Visitor) -> None:
    from flask_zerotrust import signals

    heard: list[str] = []
    receivers = [lambda sender, **values: heard.append(repr(values))]
    for signal in signals.every():
        signal.connect(receivers[0], site.app)
    ada.move(3)
    url = ada.open("/admin").location
    ada.answer(url, code="999999")
    code = ada.code()
    ada.answer(url, code=code)
    assert len(heard) >= 6
    assert is_clean("\n".join(heard), code, "999999", SECRET, ada.nonce)
