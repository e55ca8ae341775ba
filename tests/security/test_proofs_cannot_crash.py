"""Row 40: keys, signatures, tokens and rows of browsers in any shape prove nothing, and break nothing.

``ZEROTRUST_FUZZ=10000`` looks harder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flask_zerotrust.challenge import pending
from flask_zerotrust.errors import StoreError
from flask_zerotrust.sessions.browsers import Browser
from tests.clock import Clock
from tests.forms import form_with
from tests.integration.known import MAKE, Key, again, page_data, prove_to, remembered
from tests.integration.sites import FixedScorer, Visitor, build_app
from tests.security.test_bodies_cannot_crash import anything, mutated

EXAMPLES = int(os.environ.get("ZEROTRUST_FUZZ", "30"))
TEXTS = st.text(max_size=200) | st.binary(max_size=120).map(lambda raw: raw.decode("latin-1"))
KEY = Key()
ROWS = ("browsers:ada", "browser-marks:ada")


@pytest.fixture(autouse=True, scope="module")
def unhurried() -> Iterator[None]:
    """Let all examples open challenges in one minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending, "MAX_NEW_A_MINUTE", 1_000_000)
        yield


@cache
def ada() -> Visitor:
    """Ada in a browser that is remembered. Nothing is proven in this session, and time stands still."""
    site = build_app(Clock(), FixedScorer(), ZEROTRUST_NEW_BROWSER="challenge")
    return again(remembered(site.visitor().login(), KEY))


@cache
def owner() -> Visitor:
    """Ada in another browser, in which she has passed a factor just now."""
    return ada().site.visitor().login().step_up("/admin")


def challenge() -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return where a challenge is answered, with which fields, and what its script is told."""
    html = ada().open(ada().open("/secret").location).text
    form = form_with(html, "code")
    return form.action, form.fields, page_data(html)


def changed(text: str, seed: int) -> str:
    """Return a text with a few of its characters changed, cut out or moved; never the same."""
    other = mutated(text.encode(), seed).decode("latin-1")
    assume(other != text)
    return other


def refuses_key(point: str, signature: str) -> None:
    """Hand in the right code with a bad key, and check that the code is not even judged."""
    url, fields, _ = challenge()
    made = {"zerotrust_key": point, "zerotrust_key_signature": signature, "zerotrust_remember": "1"}
    assert ada().submit(url, {**fields, "code": ada().code(), **made}).status_code == 400
    assert kept() == [KEY.point]


def refuses_proof(proof: str) -> None:
    """Send a bad proof with a form and to a challenge, and check that both ask for a code."""
    assert ada().submit("/transfer", {"to": "Grace", "zerotrust_proof": proof}).status_code == 303
    answer = prove_to(ada(), KEY, ada().open("/secret").location, zerotrust_proof=proof)
    assert (answer.status_code, answer.json["passed"]) == (403, False)
    assert ada().asked()


def kept() -> list[str]:
    guard = ada().site.app.extensions["zerotrust"]
    return [browser.key for browser in guard.browsers.all("ada", now=ada().site.clock())]


def signed() -> tuple[str, str]:
    """Return a good key for the challenge that is open next, and its signature."""
    _, _, data = challenge()
    return KEY.point, KEY.sign(MAKE, data["challenge"], data["user"])


@settings(max_examples=EXAMPLES)
@given(TEXTS.filter(bool), TEXTS)
def test_any_key_and_any_signature(point: str, signature: str) -> None:
    refuses_key(point, signature)
    refuses_key(signed()[0], signature)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32))
def test_a_good_proof_with_a_few_characters_changed(seed: int) -> None:
    """Also where base64 reads other characters as the very same octets."""
    refuses_proof(changed(KEY.proof(ada().token()), seed))


@settings(max_examples=EXAMPLES)
@given(TEXTS)
def test_any_proof(proof: str) -> None:
    refuses_proof(proof)


def test_octets_have_one_spelling() -> None:
    """The last character of a signature holds four bits that count for nothing, and + is - elsewhere."""
    signature = ""
    while "-" not in signature:
        token, point, signature = KEY.proof(ada().token()).split(" ")
    for other in (signature[:-1] + chr(ord(signature[-1]) + 1), signature.replace("-", "+")):
        refuses_proof(f"{token} {point} {other}")


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32), st.sampled_from(["zerotrust_proof", "zerotrust_key"]))
def test_any_octets_in_place_of_a_form(seed: int, field: str) -> None:
    url, _, data = challenge()
    proof = KEY.proof(data["token"])
    body = mutated(f"{field}={proof}&code=1".encode(), seed)
    assume(proof not in unquote_plus(body.decode("latin-1")))  # a whole one may prove
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
    for path in (url, url + "/prove", "/transfer"):
        for kind in kinds:
            answer = ada().client.post(path, data=body, content_type=kind)
            assert answer.status_code < 500
            assert b'"passed":true' not in answer.data
    assert ada().asked()


@cache
def good_rows() -> dict[str, bytes]:
    owner()
    store = ada().site.app.extensions["zerotrust"].store
    return {name: store.get(name) for name in ROWS}


names = st.sampled_from(Browser.__slots__)
in_a_good_row = st.tuples(names, anything).map(
    lambda pair: json.dumps([{**json.loads(good_rows()["browsers:ada"])[0], pair[0]: pair[1]}]).encode()
)
rows = st.one_of(
    st.binary(max_size=80),
    anything.map(lambda value: json.dumps(value).encode()),
    in_a_good_row,
    st.integers(0, 2**32).map(lambda seed: mutated(good_rows()["browsers:ada"], seed)),
    st.sampled_from([b"[" * 50_000, b"[[" + b"1" * 5_000 + b"]]", b'[["a", 1' + b"0" * 400 + b"]]"]),
)


BAD = [
    *((name, 5) for name in ("id", "key", "name", "factor_id", "factor_tag", "thread")),
    *((name, value) for name in ("made_at", "used_at", "ends_at") for value in ("x", None, -1e300, 1e300)),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_row_with_one_bad_member_is_not_read(name: str, value: object) -> None:
    """A time that no date holds would be found out by the page that shows it."""
    store = ada().site.app.extensions["zerotrust"].store
    good = good_rows()["browsers:ada"]
    row = [{**browser, name: value} for browser in json.loads(good)]
    store.put("browsers:ada", json.dumps(row).encode(), ttl_s=3_600)
    try:
        assert owner().open("/zerotrust/factors").status_code == 503
        sent = ada().submit("/transfer", {"zerotrust_proof": KEY.proof(ada().token())})
        assert sent.status_code == 503
    finally:
        store.put("browsers:ada", good, ttl_s=3_600)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(ROWS), rows)
def test_any_row_in_the_store(name: str, row: bytes) -> None:
    """What cannot be read is 503, as every fault of the store, and never a guess."""
    good, store = good_rows()[name], ada().site.app.extensions["zerotrust"].store
    store.put(name, row, ttl_s=3_600)
    try:
        try:
            known = KEY.point in kept()
        except StoreError:
            known = False
        pages = [owner().open("/zerotrust/factors").status_code, ada().open("/secret").status_code]
        assert set(pages) <= {200, 303, 503}
        before = ada().cookie()
        proven = ada().submit("/transfer", {"zerotrust_proof": KEY.proof(ada().token())}).status_code
        assert proven in ((200, 303) if known else (303, 503))
        ada().put_back(before)
    finally:
        store.put(name, good, ttl_s=3_600)
    if proven == 200:  # that session was left
        again(ada())
