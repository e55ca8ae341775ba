"""Row 21 for all that is kept and routed: no row, form, path or query ends in a 500 or opens a view.

Rows, forms and routes are looked up, not listed, so that what is new is tried as well.
``ZEROTRUST_FUZZ=10000`` looks harder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.forms import Form, form_with, read_forms
from tests.integration.known import Key, pass_with_key
from tests.integration.sites import SECRET, FixedScorer, Site, Visitor, build_app
from tests.security.test_bodies_cannot_crash import anything, mutated

#: Of each test.
EXAMPLES = int(os.environ.get("ZEROTRUST_FUZZ", "60"))
TEXTS = st.text(max_size=200) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))
KINDS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@cache
def site() -> Site:
    """Return a site in which Eve has used all there is, and whose clock stands still from then on."""
    made = build_app(
        Clock(),
        FixedScorer(),
        ZEROTRUST_NEW_BROWSER="challenge",
        ZEROTRUST_SMS_SENDER="console",
        ZEROTRUST_EMAIL_SENDER="console",
        ZEROTRUST_PASSKEYS=True,
        ZEROTRUST_EXPOSE_RISK=True,
    )
    made.zt.factors_loader(lambda user: [])
    enrolled = made.app.extensions["zerotrust"].enrolled
    enrolled.add_totp("eve", SECRET)
    enrolled.add_sms("eve", "+447400123456")
    enrolled.add_email("eve", "eve@post.example")
    enrolled.make_recovery("eve")
    return made


@cache
def owner() -> Visitor:
    """Return Eve in a browser that is remembered, with a code that she has passed just now."""
    eve = site().visitor().login("eve")
    assert pass_with_key(eve, Key(), remember=True).status_code == 303
    site().clock.tick(301)
    eve.move(6, says=4.0).step_up("/admin")
    stranger()
    return eve


@cache
def stranger() -> Visitor:
    """Return a browser with Eve's password, in which nothing was passed: a wrong code and a sent one."""
    thief = site().visitor().login("eve").move(2)
    url = thief.open("/secret").location
    thief.press_send(url + "?factor=sms")
    assert thief.answer(url + "?factor=sms", "000000").status_code == 422
    return thief


def store() -> MemoryStore:
    kept: MemoryStore = site().app.extensions["zerotrust"].store
    return kept


@cache
def good_rows() -> dict[str, bytes]:
    """Return what the store holds after all of that."""
    owner()
    return {key: value for key in store().keys("") if (value := store().get(key)) is not None}


@contextmanager
def as_it_was() -> Iterator[None]:
    """Put the store and both cookie jars back afterwards."""
    good_rows()
    rows, logs = dict(store()._rows), dict(store()._logs)
    jars = [(visitor.client, dict(visitor.client._cookies)) for visitor in (owner(), stranger())]
    try:
        yield
    finally:
        store()._rows, store()._logs = rows, logs
        for client, jar in jars:
            client._cookies = jar


def no_crash(answer: Any) -> Any:
    """Check that an answer is no 500. A row that cannot be read shuts the view with a 503."""
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    return answer


def is_shut() -> bool:
    """Return whether the stranger is asked for a code, or was logged out by the owner's form."""
    return stranger().open("/admin").status_code in (303, 401)


# Forms, paths and queries


@cache
def pages() -> dict[str, str]:
    """Return the extension's pages that the owner reaches by links, by path."""
    good_rows()
    with as_it_was():
        found: dict[str, str] = {}
        challenge = stranger().open("/admin").location
        left = ["/zerotrust/factors", "/zerotrust/enrol", challenge, challenge + "?factor=sms"]
        while left:
            path = left.pop()
            visitor = stranger() if "/challenge/" in path else owner()
            answer = no_crash(visitor.open(path))
            found[path] = answer.text if answer.mimetype == "text/html" else ""
            links = re.findall(r'href="(/zerotrust/[^"#?]*)', found[path])
            left += [link for link in links if link not in found and "/static/" not in link]
    return found


@cache
def forms() -> tuple[tuple[str, Form], ...]:
    """Return the pages' forms, each with the path of its page."""
    read = [(path, form) for path, html in pages().items() for form in read_forms(html)]
    return tuple((path, form) for path, form in read if form.method == "post")


def visitor_of(path: str) -> Visitor:
    return stranger() if "/challenge/" in path else owner()


def test_every_page_with_a_form_was_found() -> None:
    """Else the tests below would try less and less."""
    posts = {rule.endpoint for rule in rules() if "POST" in (rule.methods or ())}
    adapter = site().app.url_map.bind("localhost")
    reached = {adapter.match(form.action.partition("?")[0], method="POST")[0] for _, form in forms()}
    without_forms = {"zerotrust.events", "zerotrust.prove", "zerotrust.begin_again"}
    after_a_code_was_sent = {"zerotrust.send_contact", "zerotrust.confirm_contact"}
    assert posts - reached <= without_forms | after_a_code_was_sent


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_any_value_in_any_field_of_any_form(data: st.DataObject) -> None:
    path, form = data.draw(st.sampled_from(forms()))
    name = data.draw(st.sampled_from(sorted({*form.fields, "code", "factor"})))
    more = data.draw(st.dictionaries(st.text(max_size=20), TEXTS, max_size=3))
    with as_it_was():
        no_crash(visitor_of(path).submit(form.action, {**form.fields, **more, name: data.draw(TEXTS)}))
        assert is_shut()


@settings(max_examples=EXAMPLES)
@given(st.data(), st.integers(0, 2**32), st.sampled_from(KINDS))
def test_any_octets_in_place_of_any_form(data: st.DataObject, seed: int, kind: str) -> None:
    path, form = data.draw(st.sampled_from(forms()))
    body = mutated(urlencode(form.fields or {"code": "1"}).encode(), seed)
    with as_it_was():
        client = visitor_of(path).client
        no_crash(client.post(form.action, data=body, content_type=kind, headers=SAME_ORIGIN))
        assert is_shut()


def rules() -> list[Any]:
    return [rule for rule in site().app.url_map.iter_rules() if rule.endpoint.startswith("zerotrust.")]


@settings(max_examples=EXAMPLES)
@given(st.data(), TEXTS, st.dictionaries(st.sampled_from(["news", "page", "new", "factor", "x"]), TEXTS))
def test_any_path_and_any_query(data: st.DataObject, name: str, query: dict[str, str]) -> None:
    rule = data.draw(st.sampled_from(rules()))
    method = data.draw(st.sampled_from(sorted(rule.methods)))
    path = re.sub(r"<[^>]*>", lambda _: quote(name or "x", safe=""), rule.rule)
    fields = {"_zerotrust_csrf": name, "code": name} if method == "POST" else None
    with as_it_was():
        for visitor in (owner(), stranger(), site().visitor()):
            asked = {"query_string": query, "data": fields, "headers": SAME_ORIGIN}
            no_crash(visitor.client.open(path, method=method, **asked)).close()
        assert is_shut()


# Rows

# Too deep, too long, no number, no time, no text, and empty.
NOISE = [b"[" * 50_000, b"1" + b"0" * 5_000, b"1e999", b"nan", b"-1", b"\xff", b'""', b"{}", b"[]", b""]


def in_its_place(key: str, good: bytes) -> st.SearchStrategy[bytes]:
    """Return what may stand in place of a good row: noise, other JSON, and rows that are nearly good."""
    kinds = [
        st.binary(max_size=80),
        anything.map(lambda value: json.dumps(value).encode()),
        st.integers(0, 2**32).map(lambda seed: mutated(good, seed)),
        st.sampled_from(
            [b"[" * 50_000, b"1" + b"0" * 5_000, b"1e999", b"nan", b"-1", b"\xff", b'""', b"{}"]
        ),
    ]
    try:
        row = json.loads(good)
    except ValueError:
        return st.one_of(kinds)
    if isinstance(row, dict) and row:
        one = st.tuples(st.sampled_from(sorted(row)), anything)
        kinds.append(one.map(lambda pair: json.dumps({**row, pair[0]: pair[1]}).encode()))
    if isinstance(row, list) and row:
        one_place = st.tuples(st.integers(0, len(row) - 1), anything)
        kinds.append(one_place.map(lambda pair: json.dumps(_with(row, *pair)).encode()))
    return st.one_of(kinds)


def _with(row: list[Any], place: int, value: Any) -> list[Any]:
    return [value if at == place else kept for at, kept in enumerate(row)]


def walk(visitor: Visitor) -> list[Any]:
    """Do all that the extension reads rows for, and return what guarded views answered."""
    views = [no_crash(visitor.open(path)) for path in ("/secret", "/admin", "/transfer")]
    no_crash(visitor.open("/"))
    no_crash(visitor.submit("/transfer", {"to": "Grace"}))
    for path, html in pages().items():
        no_crash(visitor.open(path))
        if "/challenge/" in path and 'name="code"' in html:
            form = form_with(html, "code")
            for code, factor in (("000000", "totp"), ("000000", "sms"), ("A" * 24, "recovery")):
                no_crash(visitor.submit(form.action, {**form.fields, "code": code, "factor": factor}))
            no_crash(visitor.submit(form.action + "/send", {**form.fields, "factor": "email"}))
    no_crash(visitor.fetch("/zerotrust/status"))
    token = no_crash(visitor.fetch(f"/zerotrust/token?page={visitor.nonce}"))
    if token.status_code == 200:
        no_crash(visitor.send(visitor.body(1, token=token.json["token"])))
    return views


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_any_row_in_place_of_any_other(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(good_rows())))
    row = data.draw(in_its_place(key, good_rows()[key]))
    with as_it_was():
        store().put(key, row, ttl_s=3_600)
        walk(owner())
        views = walk(stranger())
        assert all(view.status_code in (303, 503) for view in views), key


#: Each takes all kinds of rows through all pages, so `make test` takes the first and the last only.
EACH = [pytest.param(row, marks=() if row in (NOISE[0], NOISE[-1]) else pytest.mark.slow) for row in NOISE]


@pytest.mark.parametrize("row", EACH, ids=[row[:6].decode("latin-1") for row in NOISE])
def test_no_kind_of_row_is_forgotten(row: bytes) -> None:
    """Each kind of key once, whatever the examples above happen to draw."""
    firsts = {key.partition(":")[0]: key for key in sorted(good_rows(), reverse=True)}
    for key in firsts.values():
        with as_it_was():
            store().put(key, row, ttl_s=3_600)
            walk(owner())
            assert all(view.status_code in (303, 503) for view in walk(stranger())), key
