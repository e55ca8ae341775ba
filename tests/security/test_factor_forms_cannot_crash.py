"""Row 21 for the pages of factors: whatever is typed or posted there, no 5xx, and nothing is added."""

from __future__ import annotations

import json
import os
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clock import Clock
from tests.forms import form_to, form_with
from tests.integration.sites import SECRET, FixedScorer, Visitor, build_app

#: Of each test; ZEROTRUST_FUZZ=10000 looks harder.
EXAMPLES = int(os.environ.get("ZEROTRUST_FUZZ", "40"))
FACTORS = "/zerotrust/factors"
ANYTHING = st.text(max_size=300) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))


@cache
def eve() -> Visitor:
    """Eve has used her factor just now; time stands still."""
    site = build_app(
        Clock(),
        FixedScorer(),
        ZEROTRUST_SMS_SENDER="console",
        ZEROTRUST_EMAIL_SENDER="console",
        ZEROTRUST_PASSKEYS=True,
    )
    site.zt.factors_loader(lambda user: [])
    enrolled = site.app.extensions["zerotrust"].enrolled
    enrolled.add_totp("eve", SECRET)
    enrolled.add_email("eve", "eve@post.example")
    return site.visitor().login("eve").step_up("/admin")


def kept() -> list[str]:
    return list(eve().site.app.extensions["zerotrust"].enrolled.ids("eve"))


@settings(max_examples=EXAMPLES)
@given(ANYTHING, ANYTHING)
def test_any_contact_and_any_code(contact: str, code: str) -> None:
    for kind in ("sms", "email"):
        page = eve().open(f"{FACTORS}/add/{kind}?new=1").text
        form = form_with(page, "contact")
        assert eve().submit(form.action, {**form.fields, "contact": contact}).status_code < 500
        fields = {**form.fields, "code": code}
        assert eve().submit(f"{form.action}/code", fields).status_code in (404, 422, 429)
    assert kept() == ["totp", "email"]


@settings(max_examples=EXAMPLES)
@given(ANYTHING)
def test_any_name_and_any_id(label: str) -> None:
    form = form_with(eve().open(f"{FACTORS}/email").text, "label")
    assert eve().submit(form.action, {**form.fields, "label": label}).status_code in (303, 422)
    page = eve().open(f"{FACTORS}/email")
    assert page.status_code == 200
    assert form_to(page.text, "/remove").action == f"{FACTORS}/email/remove"
    assert kept() == ["totp", "email"]


@settings(max_examples=EXAMPLES)
@given(ANYTHING | st.dictionaries(st.text(max_size=9), st.text(max_size=9)).map(json.dumps))
def test_any_answer_of_a_passkey(said: str) -> None:
    form = form_with(eve().open(f"{FACTORS}/add/passkey").text, "code")
    assert eve().submit(form.action, {**form.fields, "code": said}).status_code == 422
    assert kept() == ["totp", "email"]
