"""Row 21: whatever octets come, the answer is 2xx or 4xx, and what is refused leaves nothing.

``make test-all`` tries 300 examples of each instead of 100, and ``make fuzz`` 10,000.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import tracemalloc
from functools import cache
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_zerotrust.stores import MemoryStore
from tests.clock import Clock
from tests.forms import form_with
from tests.integration.sites import FixedScorer, Visitor, build_app, use_store
from tests.stored import contents

EXAMPLES = int(os.environ.get("ZEROTRUST_FUZZ", "50"))
FIELDS = ("v", "token", "nonce", "seq", "t0", "sent", "viewport", "planes")
# What each answer may be; 429 is for those who send too much, 5xx is never right.
TAKEN, REFUSED = {204}, {400, 401, 403, 409, 413}


@cache
def ada() -> Visitor:
    """Return Ada, logged in; the store is new in each example, so that nothing is used up."""
    return build_app(Clock(), FixedScorer(), ZEROTRUST_ENROL="first-use").visitor().login()


@cache
def token() -> str:
    return ada().token()


def guarded(send: Any) -> Any:
    """Send something to a fresh store, and check that what is refused leaves nothing there."""
    store = MemoryStore(clock=ada().site.clock)
    use_store(ada().site.app, store)
    answer = send()
    assert answer.status_code in TAKEN | REFUSED, answer.text
    if answer.status_code != 204:
        assert answer.content_type == "application/problem+json"
        assert set(answer.json) >= {"type", "title", "status", "detail"}
        assert contents(store) == {}
    return answer


def envelope(**changes: Any) -> dict[str, Any]:
    ada().seq = 0
    return {**json.loads(ada().body(1, token=token())), **changes}


numbers = st.one_of(
    st.integers(),
    st.integers(0, 5_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -1, 2**31, 2**63, 10**17, 1e300, 0.1]),
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=40)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
int16 = st.integers(-32_768, 32_767)
small = st.integers(0, 400)
rows = st.lists(
    st.one_of(
        st.tuples(int16, int16, int16, int16),
        st.tuples(small, st.integers(-30, 30), st.integers(-30, 30), st.sampled_from([1, 1, 1, 2, 3, 4])),
        st.tuples(st.just(32_767), st.just(0), st.just(0), st.just(0)),
    ),
    max_size=60,
)


def encoded(table: list[tuple[int, int, int, int]]) -> str:
    planes = np.array(table, dtype="<i2").reshape(-1, 4).T.tobytes()
    return base64.urlsafe_b64encode(b"\x01" + planes).decode().rstrip("=")


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=300))
def test_any_octets(body: bytes) -> None:
    assert guarded(lambda: ada().send(body)).status_code in REFUSED


@settings(max_examples=EXAMPLES)
@given(anything)
def test_any_json(value: Any) -> None:
    assert guarded(lambda: ada().send(json.dumps(value))).status_code in REFUSED


@settings(max_examples=EXAMPLES)
@given(st.dictionaries(st.sampled_from(FIELDS), anything, min_size=1, max_size=3))
def test_any_values_in_a_good_envelope(changes: dict[str, Any]) -> None:
    guarded(lambda: ada().send(json.dumps(envelope(**changes))))


@settings(max_examples=EXAMPLES)
@given(rows, numbers, numbers)
def test_any_movement(table: list[tuple[int, int, int, int]], t0: float, sent: float) -> None:
    """Signed, in shape, and absurd: planes that no mouse has drawn."""
    guarded(lambda: ada().send(json.dumps(envelope(planes=encoded(table), t0=t0, sent=sent))))
    risk = ada().fetch("/level").json["value"]
    assert 0 <= risk <= 1


def mutated(body: bytes, seed: int) -> bytes:
    """Return the octets with a few of them changed, repeated, cut out or moved."""
    rng = np.random.default_rng(seed)
    octets = bytearray(body)
    for _ in range(int(rng.integers(1, 6))):
        i, j = sorted(int(n) for n in rng.integers(0, len(octets) + 1, 2))
        act = int(rng.integers(5))
        if act == 0 and i < len(octets):
            octets[i] = int(rng.integers(256))
        elif act == 1:
            del octets[i : min(j, i + 20)]
        elif act == 2:
            octets[i:i] = octets[i:j][:200]
        elif act == 3:
            octets[i:i] = rng.bytes(int(rng.integers(1, 8)))
        else:
            octets[i:j] = octets[i:j][::-1]
        octets = octets or bytearray(b"{")
    return bytes(octets)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32))
def test_a_good_batch_with_a_few_octets_changed(seed: int) -> None:
    body = json.dumps(envelope()).encode()
    guarded(lambda: ada().send(mutated(body, seed)))


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32))
def test_good_planes_with_a_few_octets_changed(seed: int) -> None:
    """Past the envelope and the token, where the arithmetic is."""
    good = envelope()
    raw = base64.urlsafe_b64decode(good["planes"] + "==")
    changed = mutated(raw, seed)
    body = {**good, "planes": base64.urlsafe_b64encode(changed).decode()}
    guarded(lambda: ada().send(json.dumps(body)))


@settings(max_examples=EXAMPLES // 3)
@given(st.text(max_size=80))
def test_any_page_may_ask_for_a_token(nonce: str) -> None:
    answer = ada().fetch("/zerotrust/token", query_string={"page": nonce})
    assert answer.status_code in (200, 400)


# 40 B a body over the few hundred of every run: a list that keeps them, or their claims, grows faster.
MOST_GROWN_BYTES = 12_000 + 40 * EXAMPLES


def test_bodies_leave_nothing_in_memory() -> None:
    body = json.dumps(envelope()).encode()
    for seed in range(50):  # what is made once is made here
        guarded(lambda seed=seed: ada().send(mutated(body, seed)))
    gc.collect()
    tracemalloc.start()
    try:
        for seed in range(50, 50 + EXAMPLES):
            guarded(lambda seed=seed: ada().send(mutated(body, seed)))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < MOST_GROWN_BYTES, f"{grown} bytes more after {EXAMPLES} bodies"


# Challenges


@settings(max_examples=EXAMPLES // 3)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_code_for_any_factor(code: str, factor: str, csrf: str) -> None:
    use_store(ada().site.app, MemoryStore(clock=ada().site.clock))
    url = ada().open("/admin").location
    fields = form_with(ada().open(url).text, "code").fields
    for changes in ({"code": code}, {"code": code, "factor": factor}, {"_zerotrust_csrf": csrf}):
        status = ada().submit(url, {**fields, **changes}).status_code
        assert status in (400, 422, 429)
    assert ada().asked("/admin")


@settings(max_examples=EXAMPLES // 3)
@given(st.integers(0, 2**32), st.sampled_from(["", "/send", "/confirm"]), st.binary(max_size=40))
def test_any_octets_to_a_challenge(seed: int, ending: str, name: bytes) -> None:
    use_store(ada().site.app, MemoryStore(clock=ada().site.clock))
    url = ada().open("/admin").location
    form = form_with(ada().open(url).text, "code").fields
    body = mutated(
        "&".join(f"{k}={quote(v)}" for k, v in {**form, "code": "123456"}.items()).encode(), seed
    )
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
    for path in (url + ending, "/zerotrust/challenge/" + quote(name, safe="") + ending):
        for kind in kinds:
            answer = ada().client.post(path, data=body, content_type=kind)
            assert answer.status_code < 500
    assert ada().asked("/admin")


@settings(max_examples=EXAMPLES // 3)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=6))
def test_any_form_is_kept_as_it_is_or_not_at_all(fields: dict[str, str]) -> None:
    use_store(ada().site.app, MemoryStore(clock=ada().site.clock))
    ada().site.clock.tick(90)
    url = ada().submit("/transfer", fields).location
    confirm = ada().answer(url)
    assert confirm.status_code == 303
    page = ada().open(confirm.location)
    assert page.status_code == 200
    assert "<script>" not in page.text.replace("<script type", "")


@pytest.mark.parametrize("depth", [10, 1_000, 8_000])
def test_nesting_costs_no_stack(depth: int) -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        body = opened * depth + "1" + closed * depth
        if len(body) <= 16_384:
            assert guarded(lambda body=body: ada().send(body)).status_code == 400
