"""The extension's pages, rendered by Jinja alone: safe, accessible, and usable without JavaScript."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import flask_zerotrust.errors
from flask_zerotrust.extension import TEXTS
from flask_zerotrust.web.first_run import WAYS

# As in an app without a nonce in its policy and without Flask-SeaSurf.
PLAIN = {**TEXTS, "zt_nonce": lambda: "", "zt_csrf_field": lambda: "csrf_token"}
FOLDER = Path(flask_zerotrust.errors.__file__).parent
CSS = (FOLDER / "static" / "zerotrust.css").read_text(encoding="utf-8")
EVIL = "<script>alert(1)</script>\"'&"
SMS = {"id": "sms", "kind": "sms", "label": "Text message to the number ending in 42", "sends": True}
TOTP = {"id": "totp", "kind": "totp", "label": "Authenticator app", "sends": False}
CHALLENGE: dict[str, Any] = {
    "action": "send a transfer",
    "factors": [TOTP, SMS],
    "factor": TOTP,
    "sent": False,
    "retry_after_s": None,
    "error": None,
    "zerotrust_csrf": "ours",
    "app_csrf": None,
    "submit_url": "/check",
    "send_url": "/check/send",
    "choose_url": "/check",
    "cancel_url": "/",
    "field_name": "code",
}
FIELDS = [
    {"name": "csrf_token", "label": "Csrf token", "value": "apps", "kind": "hidden"},
    {"name": "to", "label": "To", "value": "grace", "kind": "text"},
    {"name": "amount", "label": "Amount", "value": "12.50", "kind": "text"},
    {"name": "note", "label": "Note", "value": "one\ntwo", "kind": "multiline"},
    {"name": "iban", "label": "Iban", "value": "DE89 3704 0044 0532 0130 00", "kind": "text"},
    {"name": "password", "label": "Password", "value": "", "kind": "secret"},
]
CONFIRM: dict[str, Any] = {
    "action": "send a transfer",
    "target": "/transfer",
    "fields": FIELDS,
    "files": [],
    "form_url": "/transfer",
}
ENROL: dict[str, Any] = {
    "qr_svg": Markup('<svg viewBox="0 0 9 9"><path d="M1 1h1"/></svg>'),
    "secret": "ABCD EFGH",
    "account": "ada",
    "issuer": "Harbour Bank",
    "error": None,
    "zerotrust_csrf": "ours",
    "app_csrf": None,
    "submit_url": "/enrol",
    "return_url": "/factors",
}
RECOVERY: dict[str, Any] = {
    "sessions_url": "/sessions",
    "codes": [],
    "left": 3,
    "zerotrust_csrf": "ours",
    "app_csrf": None,
    "submit_url": "/recovery",
    "return_url": "/",
}
LIST = {"id": "recovery", "kind": "recovery", "label": "Recovery code", "sends": False, "digits": False}
DAY = {"iso": "2027-01-01", "text": "1 January 2027"}
FACTORS: dict[str, Any] = {
    "sessions_url": "/sessions",
    "factors": [
        {**TOTP, "url": "/factors/totp", "added": DAY, "used": DAY},
        {**SMS, "url": None, "added": None, "used": None},
    ],
    "removed": [
        {"label": "Mobile number", "added": DAY, "removed": DAY},
        {"label": "E-mail address", "added": None, "removed": DAY},
    ],
    "few_left": True,
    "recovery_left": 3,
    "recovery_url": "/recovery",
    "ways": [{"label": "Authenticator app", "url": "/enrol"}],
    "news": "Added.",
    "return_url": "/",
    "app_csrf": None,
    "browsers": [
        {
            "name": "Firefox on Windows",
            "since": {"iso": "2027-01-15", "text": "15 January 2027"},
            "used": {"iso": "2027-01-16", "text": "16 January 2027"},
            "is_this": True,
            "forget_url": "/browsers/a/forget",
        },
        {
            "name": "Safari on iPhone",
            "since": {"iso": "2027-01-02", "text": "2 January 2027"},
            "used": {"iso": "2027-01-03", "text": "3 January 2027"},
            "is_this": False,
            "forget_url": "/browsers/b/forget",
        },
    ],
    "forget_others_url": "/browsers/forget",
    "browsers_csrf": "ours",
}
FACTOR: dict[str, Any] = {
    "factor": TOTP,
    "last": False,
    "typed": "Authenticator app",
    "error": None,
    "field_error": False,
    "max_label": 60,
    "zerotrust_csrf": "ours",
    "app_csrf": None,
    "rename_url": "/factors/totp",
    "remove_url": "/factors/totp/remove",
    "return_url": "/factors",
}
CONTACT: dict[str, Any] = {
    "kind": "sms",
    "recipient": None,
    "sent": False,
    "typed": "",
    "retry_after_s": None,
    "error": None,
    "field_error": False,
    "zerotrust_csrf": "ours",
    "app_csrf": None,
    "submit_url": "/add",
    "send_url": "/add/send",
    "code_url": "/add/code",
    "new_url": "/add?new=1",
    "return_url": "/factors",
}
KEY = {"id": "webauthn", "kind": "webauthn", "label": "Passkey", "sends": False, "digits": False}
PASSKEY: dict[str, Any] = {
    "question": '{"challenge": "x"}',
    "error": None,
    "zerotrust_csrf": "ours",
    "app_csrf": None,
    "submit_url": "/add/passkey",
    "return_url": "/factors",
}
NO_FACTOR = {"action": "send a transfer", "enrol_url": "/enrol", "return_url": "/"}
ELSEWHERE = {"end_others_url": "/sessions/end", "sessions_csrf": "ours", "app_csrf": None}
DAY = {"iso": "2027-01-15T08:00+00:00", "text": "15 January 2027, 08:00 UTC"}
SESSION = {"browser": "Firefox on Windows", "begun": DAY, "seen": DAY, "end_url": "/sessions/a/end"}
SESSIONS: dict[str, Any] = {
    **ELSEWHERE,
    "sessions": [
        {**SESSION, "is_this": True},
        {**SESSION, "is_this": False, "begun": {**DAY, "text": "16 January 2027, 09:00 UTC"}},
    ],
    "news": "That session is logged out.",
    "return_url": "/factors",
}
WRONG = "That code is not right."
OVER = {**CHALLENGE, "error": WRONG, "over": True, "again_url": "/pay"}
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "totp": ("challenge", CHALLENGE),
    "too many wrong": ("challenge", {**OVER, "renew_url": None}),
    "too many wrong, with a form": ("challenge", {**OVER, "renew_url": "/x/again"}),
    "totp wrong": ("challenge", {**CHALLENGE, "error": WRONG}),
    "sms": ("challenge", {**CHALLENGE, "factor": SMS}),
    "sms refused": ("challenge", {**CHALLENGE, "factor": SMS, "error": "Wait.", "retry_after_s": 20}),
    "sms sent": ("challenge", {**CHALLENGE, "factor": SMS, "sent": True}),
    "sms wrong": ("challenge", {**CHALLENGE, "factor": SMS, "sent": True, "error": WRONG}),
    "one factor": ("challenge", {**CHALLENGE, "factors": [TOTP]}),
    "recovery code": ("challenge", {**CHALLENGE, "factor": LIST, "error": WRONG}),
    "passkey": ("challenge", {**CHALLENGE, "factor": KEY, "question": "{}"}),
    "passkey wrong": ("challenge", {**CHALLENGE, "factor": KEY, "question": "{}", "error": WRONG}),
    "new passkey": ("passkey", PASSKEY),
    "new passkey wrong": ("passkey", {**PASSKEY, "error": WRONG}),
    "recovery": ("recovery", RECOVERY),
    "recovery codes": ("recovery", {**RECOVERY, "codes": ["ABCD-EFGH", "IJKL-MNOP"]}),
    "factors": ("factors", FACTORS),
    "no factors": ("factors", {**FACTORS, "factors": [], "news": None, "recovery_url": None}),
    "no browsers": ("factors", {**FACTORS, "browsers": [], "forget_others_url": None}),
    "factors without recovery codes": ("factors", {**FACTORS, "recovery_left": 0, "ways": []}),
    "factor": ("factor", FACTOR),
    "factor without a name": ("factor", {**FACTOR, "error": "Type a name.", "field_error": True}),
    "last factor": ("factor", {**FACTOR, "last": True}),
    "number": ("contact", CONTACT),
    "address wrong": ("contact", {**CONTACT, "kind": "email", "error": WRONG, "field_error": True}),
    "number waits": ("contact", {**CONTACT, "recipient": "+447700900123", "error": WRONG}),
    "number sent": ("contact", {**CONTACT, "recipient": "+447700900123", "sent": True}),
    "confirm": ("confirm", CONFIRM),
    "confirm without files": ("confirm", {**CONFIRM, "files": [{"name": "receipt", "label": "Receipt"}]}),
    "enrol": ("enrol", ENROL),
    "enrol wrong": ("enrol", {**ENROL, "error": WRONG}),
    "enrolled": ("enrolled", {**ELSEWHERE, "return_url": "/"}),
    "sessions": ("sessions", SESSIONS),
    "factors after a change": ("factors", {**FACTORS, **ELSEWHERE}),
    "no factor": ("no_factor", {**NO_FACTOR, "enrol_url": None}),
    "no factor yet": ("no_factor", NO_FACTOR),
    "no factor, in debug mode": ("no_factor", {**NO_FACTOR, "enrol_url": None, "developer": list(WAYS)}),
    "in a frame": ("elsewhere", {"url": "/pay", "framed": True, "onward": "/statements"}),
    "retry": ("retry", {"action": "send a transfer", "cancel_url": "/"}),
    "message": (
        "message",
        {"title": "Ended", "text": "It is over.", "links": [("Back", "/"), ("Help", "/h")]},
    ),
}


def url_for(endpoint: str, **values: str) -> str:
    assert endpoint == "zerotrust.static"
    return f"/zerotrust/static/{values['filename']}"


@pytest.fixture(scope="module")
def jinja() -> Environment:
    """Jinja as Flask sets it up for .html, but strict about names the context does not have."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
    )
    made.globals.update(url_for=url_for, request={"host": "bank.example"}, **PLAIN)
    return made


CODE_JS = {"type": "module", "src": "/zerotrust/static/code.js"}
PASSKEY_JS = {"type": "module", "src": "/zerotrust/static/passkey.js"}


class Tree(HTMLParser):
    """Every element of a page: its tag, its attributes and the text directly in it."""

    VOID = frozenset({"input", "meta", "link", "path", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(html)
        self.close()
        assert self._open == [], "an element is left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} says an attribute twice"
        self.elements.append((tag, dict(attrs), []))
        if tag not in self.VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.elements[self._open[-1]][2].append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs, _ in self.elements
            if name == tag and all(attrs.get(key) == value for key, value in wanted.items())
        ]

    def text(self, tag: str) -> str:
        (found,) = [" ".join("".join(text).split()) for name, _, text in self.elements if name == tag]
        return found


def render(jinja: Environment, template: str, context: dict[str, Any]) -> str:
    return jinja.get_template(f"zerotrust/{template}.html").render(**context)


@pytest.fixture(params=PAGES, ids=str)
def page(request: pytest.FixtureRequest, jinja: Environment) -> Tree:
    """Each page in each of its states."""
    return Tree(render(jinja, *PAGES[request.param]))


def tree(jinja: Environment, name: str, **changes: Any) -> Tree:
    template, context = PAGES[name]
    return Tree(render(jinja, template, {**context, **changes}))


# Every page


def test_every_page_obeys_a_strict_policy(page: Tree) -> None:
    """default-src 'self': no script or style in the page, no handler, nothing from elsewhere."""
    assert not page.all("style")
    assert all(script in (PASSKEY_JS, CODE_JS) for script in page.all("script"))
    assert [text for tag, _, text in page.elements if tag == "script" and text] == []
    for tag, attrs, _ in page.elements:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], tag
        assert not [v for v in attrs.values() if v and re.match(r"(https?:|//|data:|javascript:)", v)], tag


def test_every_page_stands_on_its_own(page: Tree) -> None:
    """A language, a title, one heading, one main, room to zoom."""
    (html,) = page.all("html")
    assert html["lang"] == "en"
    assert page.text("title")
    assert page.text("h1")
    assert len(page.all("main")) == 1
    (viewport,) = page.all("meta", name="viewport")
    assert viewport["content"] == "width=device-width, initial-scale=1"


def test_every_field_a_person_sees_has_a_label(page: Tree) -> None:
    """By for and id, and every description exists."""
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    shown = [i for i in page.all("input") + page.all("textarea") if i.get("type") != "hidden"]
    labels = [label["for"] for label in page.all("label")]
    assert sorted(field["id"] or "" for field in shown) == sorted(label or "" for label in labels)
    for _, attrs, _ in page.elements:
        for reference in ("aria-describedby", "aria-labelledby"):
            assert set((attrs.get(reference) or "").split()) <= set(ids)


def test_every_class_is_in_the_sheet(page: Tree) -> None:
    """A page that was restyled by half would show."""
    styled = set(re.findall(r"\.(zt-[\w-]+)", CSS))
    used = {name for _, attrs, _ in page.elements for name in (attrs.get("class") or "").split()}
    assert used <= styled


def test_every_post_carries_the_csrf_tokens(jinja: Environment) -> None:
    """Ours always, the app's where it has one; the confirm page returns the app's own fields instead."""
    for name in ("totp", "sms", "sms sent", "enrol", "recovery", "factors"):
        with_both = tree(jinja, name, app_csrf="apps")
        forms = with_both.all("form")
        assert all(form["method"] == "post" for form in forms)
        assert len(with_both.all("input", name="_zerotrust_csrf", value="ours")) == len(forms)
        assert len(with_both.all("input", name="csrf_token", value="apps")) == len(forms)
        assert not tree(jinja, name).all("input", name="csrf_token")


KINDS = ("text", "hidden", "secret", "multiline", "sms", "totp", "email", "webauthn")


def strings(value: Any) -> Any:
    """Replace every string in a context by something that tries to break out."""
    if isinstance(value, Markup) or value in KINDS:
        return value
    if isinstance(value, str):
        return value + EVIL
    if isinstance(value, dict):
        return {key: strings(inner) for key, inner in value.items()}
    return type(value)(map(strings, value)) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", PAGES)
def test_nothing_in_a_context_becomes_markup(jinja: Environment, name: str) -> None:
    """Names, values, labels, actions and addresses are text."""
    template, context = PAGES[name]
    found = Tree(render(jinja, template, strings(context)))
    plain = Tree(render(jinja, template, context))
    assert found.all("script") == plain.all("script")
    assert [tag for tag, _, _ in found.elements if tag != "textarea" and tag != "input"] == [
        tag for tag, _, _ in plain.elements if tag != "textarea" and tag != "input"
    ]


# The challenge


def test_an_app_is_asked_for_its_code_at_once(jinja: Environment) -> None:
    """One field that phones and password managers know, and no press before it."""
    found = tree(jinja, "totp")
    (code,) = found.all("input", type="text")
    assert (code["name"], code["autocomplete"], code["inputmode"]) == ("code", "one-time-code", "numeric")
    assert {"autofocus", "required"} <= set(code)
    assert not {"maxlength", "pattern", "aria-invalid"} & set(code), "pasting '123 456' is fine"
    assert [form["action"] for form in found.all("form")] == ["/check"]
    assert found.all("input", name="factor", value="totp")


def test_a_code_is_sent_only_when_asked_for(jinja: Environment) -> None:
    """Before: one button that posts. After: the field, and a new code in easy reach."""
    before, after = tree(jinja, "sms"), tree(jinja, "sms sent")
    assert not before.all("input", type="text")
    assert [form["action"] for form in before.all("form")] == ["/check/send"]
    assert before.text("button") == "Send the code"
    assert after.all("input", type="text")
    assert [form["action"] for form in after.all("form")] == ["/check", "/check/send"]
    assert len(after.all("input", name="factor", value="sms")) == 2


def test_the_title_names_the_state(jinja: Environment) -> None:
    """It is the first thing a screen reader says, and all that a tab shows."""
    assert tree(jinja, "totp").text("title") == "Enter your code – confirm it’s you"
    assert tree(jinja, "sms").text("title") == "Get a code – confirm it’s you"
    assert tree(jinja, "sms sent").text("title") == "Enter your code – confirm it’s you"
    assert tree(jinja, "sms wrong").text("title") == "Error: Enter your code – confirm it’s you"
    assert tree(jinja, "sms refused").text("title") == "Error: Get a code – confirm it’s you"


@pytest.mark.parametrize("name", ["totp wrong", "sms wrong", "enrol wrong"])
def test_an_error_is_announced_and_belongs_to_the_field(jinja: Environment, name: str) -> None:
    """role=alert, and what the field is described by."""
    found = tree(jinja, name)
    (alert,) = found.all("p", role="alert")
    (code,) = found.all("input", name="code")
    assert alert["id"] in (code["aria-describedby"] or "").split()
    assert code["aria-invalid"] == "true"
    assert "autofocus" in code


def test_what_was_typed_comes_back_with_the_error(jinja: Environment) -> None:
    """A name that cannot be taken is mended, not typed again."""
    found = tree(jinja, "factor without a name", typed="  ")
    (field,) = found.all("input", name="label")
    assert (field["value"], field["aria-invalid"]) == ("  ", "true")
    assert "autofocus" in field


def test_an_error_stands_right_above_what_it_is_about(jinja: Environment) -> None:
    """Browsers scroll to the field that has the focus: further up, an error is off a small screen."""
    for name in ("totp wrong", "sms wrong", "enrol wrong", "address wrong"):
        shown = [(tag, attrs) for tag, attrs, _ in tree(jinja, name).elements]
        alert = next(i for i, (_, attrs) in enumerate(shown) if attrs.get("role") == "alert")
        between = shown[alert + 1 : [tag for tag, _ in shown].index("label")]
        assert [tag for tag, attrs in between if attrs.get("type") != "hidden"] == ["form", "div"], name


def test_after_too_many_wrong_codes_there_is_no_field_but_a_way_to_begin_again(jinja: Environment) -> None:
    found = tree(jinja, "too many wrong")
    assert not found.all("form")
    assert found.all("p", role="alert")
    assert [a["href"] for a in found.all("a")] == ["/pay", "/"]
    assert "Start again" in render(jinja, *PAGES["too many wrong"])


def test_who_has_filled_in_a_form_begins_again_with_it(jinja: Environment) -> None:
    found = tree(jinja, "too many wrong, with a form")
    assert [form["action"] for form in found.all("form")] == ["/x/again"]
    assert [a["href"] for a in found.all("a")] == ["/"]
    assert "What you filled in is kept." in render(jinja, *PAGES["too many wrong, with a form"])


def test_no_error_no_alert(jinja: Environment) -> None:
    """An empty alert would be announced too."""
    assert not tree(jinja, "totp").all("p", role="alert")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "in 1 second."),
        (2, "in 2 seconds."),
        (89, "in 89 seconds."),
        (90, "in about 2 minutes."),
        (900, "in about 15 minutes."),
    ],
)
def test_how_long_to_wait_is_said_in_words(jinja: Environment, seconds: int, words: str) -> None:
    """Seconds while that is a number one can wait for."""
    html = render(jinja, "challenge", {**CHALLENGE, "error": "Wait.", "retry_after_s": seconds})
    assert f"Wait. You can try again {words}" in html


def test_other_ways_are_one_press_away(jinja: Environment) -> None:
    """Each other factor by its label, none when there is none, and a way out."""
    found = tree(jinja, "totp")
    links = [a["href"] for a in found.all("a")]
    assert links == ["/check?factor=sms", "/"]
    assert [a["href"] for a in tree(jinja, "one factor").all("a")] == ["/"]
    odd = {**SMS, "id": "sms&x=1 2"}
    encoded = tree(jinja, "totp", factors=[TOTP, odd], choose_url="/check?a=1")
    assert encoded.all("a")[0]["href"] == "/check?a=1&factor=sms%26x%3D1%202"


# The confirm page


def test_the_form_comes_back_with_its_own_names_and_values(jinja: Environment) -> None:
    """Visible and fixed, except what the app itself hid; to the same address, by the person's press."""
    found = tree(jinja, "confirm")
    (form,) = found.all("form")
    assert (form["action"], form["method"]) == ("/transfer", "post")
    sent = {i["name"]: i for i in found.all("input")}
    assert list(sent) == ["csrf_token", "to", "amount", "password"]
    assert (sent["to"]["value"], sent["amount"]["value"]) == ("grace", "12.50")
    assert "readonly" in sent["to"]
    assert "readonly" in sent["amount"]
    assert (sent["csrf_token"]["type"], sent["csrf_token"]["value"]) == ("hidden", "apps")
    assert found.text("button") == "Confirm and continue"


def test_a_value_is_never_cut_off(jinja: Environment) -> None:
    """What is too long for a narrow screen, or has lines, wraps: people confirm what they can see."""
    html = render(jinja, "confirm", CONFIRM)
    found = Tree(html)
    assert [area["name"] for area in found.all("textarea")] == ["note", "iban"]
    assert all("readonly" in area for area in found.all("textarea"))
    # A line feed right after the tag is not part of the value; a value may begin with one itself.
    assert "readonly>\none\ntwo</textarea>" in html
    assert "readonly>\nDE89 3704 0044 0532 0130 00</textarea>" in html


def test_a_secret_is_typed_again(jinja: Environment) -> None:
    """It was never kept, so there is nothing to show."""
    (secret,) = tree(jinja, "confirm").all("input", type="password")
    assert (secret["name"], secret["value"]) == ("password", "")
    assert "readonly" not in secret


def test_missing_files_are_said(jinja: Environment) -> None:
    """With the way to send them after all."""
    template, context = PAGES["confirm without files"]
    assert "receipt" in render(jinja, template, context)
    assert "Files" not in render(jinja, template, CONFIRM)


# Known browsers


def test_a_known_browser_is_named_dated_and_forgotten_by_its_own_button(jinja: Environment) -> None:
    found = tree(jinja, "factors")
    assert [time["datetime"] for time in found.all("time")[-4:]] == [
        "2027-01-15",
        "2027-01-16",
        "2027-01-02",
        "2027-01-03",
    ]
    actions = [form["action"] for form in found.all("form")]
    assert actions == ["/browsers/a/forget", "/browsers/b/forget", "/browsers/forget"]
    html = render(jinja, *PAGES["factors"])
    assert html.count("This browser") == 1
    assert 'Forget<span class="zt-unseen"> Safari on iPhone</span>' in html


def test_without_known_browsers_there_is_no_section(jinja: Environment) -> None:
    assert "Browsers that we know" not in render(jinja, *PAGES["no browsers"])
    assert not tree(jinja, "no browsers").all("form")


# Enrolment and the rest


def test_the_key_can_be_scanned_or_typed(jinja: Environment) -> None:
    """The picture is named for those who cannot see it, and the key is text."""
    found = tree(jinja, "enrol")
    (picture,) = found.all("div", role="img")
    assert picture["aria-label"]
    assert found.all("svg", viewbox="0 0 9 9")
    assert found.text("code") == "ABCD EFGH"
    (code,) = found.all("input", name="code")
    assert "autofocus" not in code, "the picture comes first"


def test_a_code_that_is_not_six_digits_is_not_asked_for_as_one(jinja: Environment) -> None:
    found = tree(jinja, "recovery code")
    (code,) = found.all("input", name="code")
    assert (code["inputmode"], code["autocomplete"]) == ("text", "off")
    assert "6-digit" not in render(jinja, *PAGES["recovery code"])


def test_codes_are_not_made_again_from_the_page_that_shows_them(jinja: Environment) -> None:
    found = tree(jinja, "recovery codes")
    assert not found.all("form")
    assert len(found.all("code")) == 2


def test_a_person_without_a_factor_is_told_what_to_do(jinja: Environment) -> None:
    """Set one up where the site lets them; else whom to ask."""
    assert [a["href"] for a in tree(jinja, "no factor yet").all("a")] == ["/enrol", "/"]
    assert [a["href"] for a in tree(jinja, "no factor").all("a")] == ["/"]
    assert "support" in render(jinja, *PAGES["no factor"])


def test_a_site_can_replace_the_frame() -> None:
    """The blocks title, head and main are all that the pages fill."""
    blocks = "".join(f"<{b}>{{% block {b} %}}{{% endblock %}}</{b}>" for b in ("title", "head", "main"))
    own = DictLoader({"zerotrust/base.html": blocks})
    made = Environment(loader=ChoiceLoader([own, FileSystemLoader(FOLDER / "templates")]), autoescape=True)
    made.globals.update(PLAIN, url_for=url_for)
    for template, context in PAGES.values():
        found = Tree(render(made, template, context))
        assert found.text("title")
        assert found.text("h1")
        assert not found.all("html")


# A site's own layout, with the blocks that the frames in the docs speak of.
LAYOUT = """<head><title>{% block title %}{% endblock %}</title>{% block styles %}{% endblock %}
{% block head %}<link rel="icon" href="/own.svg">{% endblock %}</head>
<body>{% block content %}{% endblock %}</body>"""


@pytest.mark.parametrize("page", ["how-to", "templates"])
def test_the_frames_of_the_docs_keep_sheet_and_scripts_on_every_page(page: str) -> None:
    """A page that brings a script into the head leaves there what the frame has put into it."""
    text = (FOLDER.parent / "docs" / f"{page}.md").read_text(encoding="utf-8")
    (frame,) = re.findall(r"^```jinja\n(.*layout\.html.*?)^```", text, re.MULTILINE | re.DOTALL)
    own = DictLoader({"layout.html": LAYOUT, "zerotrust/base.html": frame})
    made = Environment(loader=ChoiceLoader([own, FileSystemLoader(FOLDER / "templates")]), autoescape=True)
    made.globals.update(PLAIN, url_for=url_for)
    for name, (template, context) in PAGES.items():
        found = Tree(render(made, template, context))
        assert found.text("title")
        assert found.all("link", href="/zerotrust/static/zerotrust.css")
        assert found.all("link", href="/own.svg")
        assert bool(found.all("script", **PASSKEY_JS)) == ("passkey" in name)
