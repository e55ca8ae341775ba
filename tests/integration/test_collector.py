"""What the collector takes, and what it refuses: origins, tokens, sequences, sizes and schemas."""

from __future__ import annotations

import base64
import gzip
import io
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any

import numpy as np
import pytest
from werkzeug.serving import make_server

from flask_zerotrust.movement import wire
from tests.stored import contents, keys

from .sites import Site, Visitor, give, movement, reads_older_sessions


def refused(visitor: Visitor, answer: Any, status: int, field: str) -> None:
    """Check that an answer is problem JSON of this status that names the field."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.json["field"] == field
    assert answer.json["status"] == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]


@contextmanager
def nothing_stored(site: Site) -> Iterator[None]:
    """Check that nothing is stored but counts of batches and of new sessions."""

    def stored() -> dict[str, Any]:
        rows = contents(site.app.extensions["zerotrust"].store)
        return {key: row for key, row in rows.items() if not key.startswith(("batches-", "new-sessions:"))}

    before = stored()
    yield
    assert stored() == before


# Origins


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": None, "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None, "Origin": "https://localhost"},
        {"Sec-Fetch-Site": None, "Origin": "http://localhost:8080"},
        {"Sec-Fetch-Site": None, "Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": None, "Referer": "http://localhost.evil.example/"},
        {"Sec-Fetch-Site": None, "Referer": "http://localhost@evil.example/"},
    ],
)
def test_other_origins_get_neither_token_nor_a_hearing(
    site: Site, ada: Visitor, headers: dict[str, str | None]
) -> None:
    body, url = ada.body(1), f"/zerotrust/token?page={ada.nonce}"
    sent = {name: value for name, value in headers.items() if value is not None}
    with nothing_stored(site):
        # Straight from the client, because a Visitor always says Sec-Fetch-Site.
        posted = ada.client.post("/zerotrust/events", data=body, headers=sent)
        asked = ada.client.get(url, headers=sent)
    assert (posted.status_code, asked.status_code) == (403, 403)
    assert "token" not in asked.json


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost"},
        {"Referer": "http://localhost/page?x"},
        {},
    ],
)
def test_the_sites_own_pages_are_heard(ada: Visitor, headers: dict[str, str]) -> None:
    answer = ada.client.post("/zerotrust/events", data=ada.body(1), headers=headers)
    assert answer.status_code == 204


def test_a_token_is_for_the_sites_own_scripts(ada: Visitor) -> None:
    answer = ada.fetch(f"/zerotrust/token?page={ada.nonce}")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]
    assert answer.json["expires_in"] == 3_600


# Tokens


def test_a_batch_with_a_good_token_is_taken_without_a_word(ada: Visitor) -> None:
    answer = ada.send(ada.body(1))
    assert (answer.status_code, answer.data) == (204, b"")


@pytest.mark.parametrize("nonce", ["", "short", "x" * 65, "with space in the middle", "nonce/nonce/nonce"])
def test_a_page_has_to_name_itself_properly(ada: Visitor, nonce: str) -> None:
    refused(ada, ada.fetch("/zerotrust/token", query_string={"page": nonce}), 400, "page")


def test_a_token_of_another_session_is_refused(site: Site, ada: Visitor) -> None:
    other = site.visitor().login("grace")
    other.nonce = ada.nonce
    with nothing_stored(site):
        refused(ada, ada.send(ada.body(1, token=other.token())), 401, "token")


def test_a_token_of_another_page_is_refused(site: Site, ada: Visitor) -> None:
    token = ada.token()
    ada.nonce = "another-page-of-the-same-session"
    with nothing_stored(site):
        refused(ada, ada.send(ada.body(1, token=token)), 401, "token")


def test_a_token_without_its_session_is_refused(site: Site, ada: Visitor) -> None:
    body = ada.body(1)
    with nothing_stored(site):
        refused(ada, site.visitor().send(body), 401, "token")


def test_a_token_made_for_a_form_is_no_page_token(site: Site, ada: Visitor) -> None:
    guard = site.app.extensions["zerotrust"]
    with ada.client.session_transaction() as session:
        session_id = session["_zerotrust"]["id"]
    forged = guard.form_tokens.dumps([session_id, ada.nonce])
    refused(ada, ada.send(ada.body(1, token=forged)), 401, "token")


def test_a_changed_token_is_refused(ada: Visitor) -> None:
    signed, _, signature = ada.token().rpartition(".")
    # Not its last character: two bits of that are padding, so some changes change nothing.
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    refused(ada, ada.send(ada.body(1, token=f"{signed}.{other}")), 401, "token")


def test_a_page_without_a_session_gets_no_token(site: Site) -> None:
    stranger = site.visitor()
    answer = stranger.fetch(f"/zerotrust/token?page={stranger.nonce}")
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.headers.getlist("Set-Cookie") == []


def test_a_token_grows_old(make_site: Callable[..., Site]) -> None:
    """Both sides of TOKEN_S."""
    site = make_site(TOKEN_S=60)
    ada = site.visitor().login()
    young, old = ada.body(1), ada.body(1)
    site.clock.tick(60)
    assert ada.send(young).status_code == 204
    site.clock.tick(1)
    refused(ada, ada.send(old), 401, "token")


@pytest.mark.parametrize("moment", ["login", "logout", "step-up"])
def test_a_token_ends_with_the_sessions_id(site: Site, moment: str) -> None:
    visitor = site.visitor()
    visitor.open("/")
    if moment != "login":
        visitor.login()
    visitor.move(1)
    body = visitor.body(1)
    if moment == "login":
        visitor.login()
    elif moment == "logout":
        visitor.submit("/logout", {})
    else:
        visitor.answer(visitor.open("/admin").headers["Location"])
    with nothing_stored(site):
        refused(visitor, visitor.send(body), 401, "token")


def test_an_old_cookie_cannot_speak_for_a_rotated_session(site: Site, ada: Visitor) -> None:
    """The id has a tombstone: its cookie still gets tokens, but nothing sent with them is stored."""
    ada.move(1)
    old = ada.cookie()
    ada.answer(ada.open("/admin").headers["Location"])
    ada.put_back(old)
    body = ada.body(1)
    with nothing_stored(site):
        refused(ada, ada.send(body), 401, "token")


@reads_older_sessions
def test_a_new_key_leaves_open_pages_working(make_site: Callable[..., Site]) -> None:
    """SECRET_KEY_FALLBACKS counts for page tokens and user tags, as it does for Flask's cookie."""
    site = make_site()
    ada = site.visitor().login().move(1)
    body = ada.body(1)
    renewed = make_site(SECRET_KEY="second-key", SECRET_KEY_FALLBACKS=["first-key"])
    renewed.app.extensions["zerotrust"].store = site.app.extensions["zerotrust"].store
    renewed.app.extensions["zerotrust"].sessions._store = site.app.extensions["zerotrust"].store
    later = replace(ada, site=renewed, client=renewed.app.test_client()).put_back(ada.cookie())
    assert later.send(body).status_code == 204
    assert later.send(later.body(1)).status_code == 204


def test_without_the_former_key_its_tokens_are_refused(make_site: Callable[..., Site]) -> None:
    old, new = make_site(), make_site(SECRET_KEY="second-key")
    signed = old.app.extensions["zerotrust"].page_tokens.dumps(["id", "nonce-nonce-nonce-nonce"])
    ada = new.visitor().login()
    refused(ada, ada.send(ada.body(1, token=signed)), 401, "token")


# Sequence


def test_a_batch_counts_once(site: Site, ada: Visitor) -> None:
    body = ada.body(1)
    assert ada.send(body).status_code == 204
    with nothing_stored(site):
        refused(ada, ada.send(body), 409, "seq")


def test_fifty_copies_at_once_count_once(site: Site, ada: Visitor) -> None:
    body = ada.body(1)
    cookie = ada.cookie()

    def post(_: int) -> int:
        client = site.app.test_client()
        give(client, cookie)
        return int(client.post("/zerotrust/events", data=body).status_code)

    with ThreadPoolExecutor(50) as pool:
        codes = sorted(pool.map(post, range(50)))
    assert codes == [204] + [409] * 49
    assert ada.fetch("/level").status_code == 200
    assert site.app.extensions["zerotrust"].sessions.record(_id(ada), user="ada").strokes == 1


def test_the_same_number_from_another_page_counts(ada: Visitor) -> None:
    assert ada.send(ada.body(1, seq=7)).status_code == 204
    ada.nonce = "another-page-of-the-same-session"
    assert ada.send(ada.body(1, seq=7)).status_code == 204


@pytest.mark.parametrize("moment", ["login", "step-up"])
def test_a_batch_counts_once_also_under_the_sessions_next_id(site: Site, moment: str) -> None:
    """A page whose token is refused sends its batch again with a new one; what had counted must not."""
    visitor = site.visitor()
    visitor.open("/")
    if moment == "step-up":
        visitor.login()
    body = visitor.body(1)
    assert visitor.send(body).status_code == 204
    if moment == "login":
        visitor.login()
    else:
        visitor.step_up("/admin")
    again = json.dumps({**json.loads(body), "token": visitor.token()})
    with nothing_stored(site):
        refused(visitor, visitor.send(again), 409, "seq")


def test_a_batch_refused_for_its_token_counts_with_a_new_one(site: Site) -> None:
    visitor = site.visitor()
    visitor.open("/")
    visitor.move(1)
    body = visitor.body(1)
    visitor.login()
    refused(visitor, visitor.send(body), 401, "token")
    again = json.dumps({**json.loads(body), "token": visitor.token()})
    assert visitor.send(again).status_code == 204


def test_a_batch_counts_once_whether_by_form_or_by_beacon(site: Site, ada: Visitor) -> None:
    body = ada.body(1)
    ada.submit("/transfer", {"to": "bob", "zerotrust_batch": body})
    with nothing_stored(site):
        refused(ada, ada.send(body), 409, "seq")


def test_a_batch_that_was_not_stored_can_be_sent_again(site: Site, ada: Visitor, monkeypatch: Any) -> None:
    """The page was told to keep it; the number must not be spent."""
    from flask_zerotrust.errors import StoreError

    guard = site.app.extensions["zerotrust"]
    body = ada.body(1)
    swap = guard.store.swap

    def fails_on_records(key: str, **values: Any) -> bool:
        if key.startswith("session:"):
            raise StoreError("the disk is full")
        return bool(swap(key, **values))

    with monkeypatch.context() as patched, nothing_stored(site):
        patched.setattr(guard.store, "swap", fails_on_records)
        assert ada.send(body).status_code == 503
    assert ada.send(body).status_code == 204


def test_a_failed_model_spends_no_number(site: Site, ada: Visitor) -> None:
    guard = site.app.extensions["zerotrust"]
    body, scorer = ada.body(1), guard.scorer

    class Broken(type(scorer)):  # type: ignore[misc]
        def log_odds(self, features: Any) -> Any:
            raise ValueError("no model")

    guard.scorer = Broken()
    with nothing_stored(site), pytest.raises(ValueError, match="no model"):
        ada.send(body)
    guard.scorer = scorer
    assert ada.send(body).status_code == 204


def _id(visitor: Visitor) -> str:
    with visitor.client.session_transaction() as session:
        return str(session["_zerotrust"]["id"])


# Sizes


def test_a_body_of_16_kib_is_read_and_no_byte_more(site: Site, ada: Visitor) -> None:
    assert ada.send(ada.body(1).ljust(16_384)).status_code == 204
    body = ada.body(1).ljust(16_385)
    with nothing_stored(site):
        refused(ada, ada.send(body), 413, "body")


def still(n: int) -> str:
    """Return the planes of n moves in which nothing moves."""
    raw = bytes([1]) + np.array([[10] * n, [0] * n, [0] * n, [1] * n], dtype="<i2").tobytes()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_1500_events_are_taken_and_not_one_more(site: Site, ada: Visitor) -> None:
    assert ada.send(ada.body(1, planes=still(1_500), sent=1_500)).status_code == 204
    body = ada.body(1, planes=still(1_501), sent=1_501)
    with nothing_stored(site):
        refused(ada, ada.send(body), 413, "planes")


def test_the_form_takes_16_kib_and_not_one_byte_more(site: Site, ada: Visitor) -> None:
    """A batch too large for a form is left out; it stays pending in the page."""
    big = ada.body(1).ljust(16_385)
    ada.fetch("/transfer", "POST", data={"zerotrust_batch": big})
    assert keys(site.app.extensions["zerotrust"].store, "batch:") == []
    fits = ada.body(1).ljust(16_384)
    ada.fetch("/transfer", "POST", data={"zerotrust_batch": fits})
    refused(ada, ada.send(fits), 409, "seq")


# Bodies that lie, over a raw socket


@pytest.fixture
def raw(site: Site) -> Iterator[Callable[[bytes], bytes]]:
    """Return a function that sends octets to the site and returns the octets it answers."""
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def talk(octets: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    yield talk
    server.shutdown()
    thread.join()
    server.server_close()


def head(ada: Visitor, *lines: str) -> bytes:
    start = ["POST /zerotrust/events HTTP/1.1", "Host: localhost", f"Cookie: {ada.cookie().header}"]
    return "\r\n".join([*start, "Connection: close", *lines, "", ""]).encode()


def chunked(body: bytes, size: int = 1_000) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_body_in_chunks_is_taken(ada: Visitor, raw: Callable[[bytes], bytes]) -> None:
    answer = raw(head(ada, "Transfer-Encoding: chunked") + chunked(ada.body(1).encode()))
    assert status(answer) == 204


def test_chunks_over_the_cap_are_not_read_to_their_end(
    site: Site, ada: Visitor, raw: Callable[[bytes], bytes]
) -> None:
    body = ada.body(1).encode().ljust(16_385)
    with nothing_stored(site):
        answer = raw(head(ada, "Transfer-Encoding: chunked") + chunked(body))
    assert status(answer) == 413
    assert b'"field":"body"' in answer.replace(b" ", b"")


class Endless(io.RawIOBase):
    """A body without an end, that counts what is read of it."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.taken += len(buffer)
        buffer[:] = b" " * len(buffer)
        return len(buffer)


def test_of_a_body_without_an_end_one_byte_over_the_cap_is_read(site: Site, ada: Visitor) -> None:
    body = Endless()
    with nothing_stored(site):
        overrides = {"wsgi.input": body, "wsgi.input_terminated": True}
        answer = ada.fetch("/zerotrust/events", "POST", environ_overrides=overrides)
        refused(ada, answer, 413, "body")
    assert body.taken == 16_385


def test_a_length_that_promises_more_than_comes_is_refused(
    site: Site, ada: Visitor, raw: Callable[[bytes], bytes]
) -> None:
    body = ada.body(1).encode()
    with nothing_stored(site):
        answer = raw(head(ada, f"Content-Length: {len(body) + 10}") + body)
    assert status(answer) == 400
    assert b"application/problem+json" in answer
    assert b"Set-Cookie" not in answer


@pytest.mark.parametrize("length", ["5", "0", "-1", "many"])
def test_a_length_that_promises_too_little_is_refused(
    site: Site, ada: Visitor, raw: Callable[[bytes], bytes], length: str
) -> None:
    body = ada.body(1).encode()
    with nothing_stored(site):
        answer = raw(head(ada, f"Content-Length: {length}") + body)
    assert status(answer) == 400


def test_a_length_over_the_cap_is_refused_before_a_byte_is_read(
    site: Site, ada: Visitor, raw: Callable[[bytes], bytes]
) -> None:
    with nothing_stored(site):
        assert status(raw(head(ada, "Content-Length: 99999999999"))) == 413


def test_a_compressed_body_is_not_unpacked(site: Site, ada: Visitor) -> None:
    bomb = gzip.compress(ada.body(1).encode() + b" " * 10_000_000)
    assert len(bomb) < 65_536
    with nothing_stored(site):
        answer = ada.fetch("/zerotrust/events", "POST", data=bomb, headers={"Content-Encoding": "gzip"})
        refused(ada, answer, 400, "body")


# Schema


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"\x00" * 100,
        b"[" * 16_000,
        b'{"v":' + b"[" * 8_000 + b"]" * 8_000 + b"}",
        b'{"a":' * 3_000,
        b'{"v":1,"seq":' + b"9" * 4_300 + b"}",
        b'{"v":1,"seq":' + b"9" * 16_000 + b"}",
        b'{"v":NaN}',
        b'{"v":Infinity}',
        b'{"v":-Infinity}',
    ],
    ids=lambda body: body[:24],
)
def test_what_is_not_a_plain_json_object_is_refused(site: Site, ada: Visitor, body: bytes) -> None:
    with nothing_stored(site):
        refused(ada, ada.send(body), 400, "body")


def planes(*rows: tuple[int, int, int, int]) -> str:
    raw = bytes([1]) + np.array(rows, dtype="<i2").reshape(-1, 4).T.tobytes()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


BAD = [
    ("v", 2),
    ("v", "1"),
    ("v", True),
    ("v", None),
    ("token", ""),
    ("token", 5),
    ("token", "x" * 513),
    ("token", "tök"),
    ("nonce", "short"),
    ("nonce", ["x" * 22]),
    ("nonce", "\u0660" * 22),
    ("seq", -1),
    ("seq", 1.5),
    ("seq", "0"),
    ("seq", True),
    ("seq", 2**31),
    ("t0", -0.1),
    ("t0", "0"),
    ("t0", None),
    ("t0", 1e300),
    ("sent", []),
    ("sent", -1),
    ("viewport", [1280]),
    ("viewport", [1280, 720, 1]),
    ("viewport", [1280.5, 720]),
    ("viewport", [-1, 720]),
    ("viewport", [True, 720]),
    ("viewport", "1280x720"),
    ("planes", ""),
    ("planes", 5),
    ("planes", "AQ"),
    ("planes", "not base64!"),
    ("planes", "Ag" + "A" * 20),
    ("planes", planes((-1, 0, 0, 1))),
    ("planes", planes((1, 0, 0, 7))),
    ("planes", planes((1, 0, 0, -1))),
    ("planes", planes((1, 0, 0, 0))),
    ("planes", planes(*[(1, 32_000, 0, 1)] * 2)),
    ("planes", planes((1, 0, 0, 1 | 3 << 4))),
    ("extra", 1),
    ("__proto__", {}),
]


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda part: str(part)[:24])
def test_the_refusal_names_the_field(site: Site, ada: Visitor, field: str, value: Any) -> None:
    body = json.dumps({**json.loads(ada.body(1)), field: value})
    with nothing_stored(site):
        refused(ada, ada.send(body), 400, field)


@pytest.mark.parametrize("field", ["v", "token", "nonce", "seq", "t0", "sent", "viewport", "planes"])
def test_no_field_may_be_missing(site: Site, ada: Visitor, field: str) -> None:
    data = json.loads(ada.body(1))
    del data[field]
    with nothing_stored(site):
        refused(ada, ada.send(json.dumps(data)), 400, field)


def test_a_number_too_large_for_a_float_is_refused(site: Site, ada: Visitor) -> None:
    body = ada.body(1).replace('"t0": 0', '"t0": 1e999')
    with nothing_stored(site):
        refused(ada, ada.send(body), 400, "t0")


def test_a_refusal_never_repeats_what_was_sent(ada: Visitor) -> None:
    answer = ada.send(ada.body(1, nonce="my secret words"))
    assert "secret" not in answer.text
    long = ada.send(ada.body(1, **{"x" * 5_000: 1}))
    assert len(long.data) < 400


def test_touch_says_nothing(site: Site, ada: Visitor) -> None:
    planes = wire.encode_planes(movement(5, pointer=wire.TOUCH), t0_ms=0)
    assert ada.send(ada.body(1, planes=planes, sent=6_000)).status_code == 204
    assert ada.fetch("/level").json["level"] == "unknown"


def test_scripted_movement_makes_an_unknown_session_high(site: Site, ada: Visitor) -> None:
    """It is no movement of a mouse, so only the browser's word stands against it."""
    body = ada.body(1, planes=wire.encode_planes(movement(5, trusted=False), t0_ms=0), sent=6_000)
    assert ada.send(body).status_code == 204
    assert ada.fetch("/level").json["level"] == "high"


# Status


def test_the_status_is_hidden_unless_switched_on(make_site: Callable[..., Site]) -> None:
    hidden, shown = make_site(), make_site(ZEROTRUST_EXPOSE_RISK=True)
    answer = hidden.visitor().login().move(3).fetch("/zerotrust/status")
    assert answer.status_code == 404
    assert "risk" not in answer.json
    told = shown.visitor().login().move(3).fetch("/zerotrust/status").json
    assert (told["level"], told["strokes"], told["granted"]) == ("low", 3, False)


def test_looking_at_the_status_does_not_start_or_end_a_session(make_site: Callable[..., Site]) -> None:
    """An app with a loader of its own may be between two users when somebody follows a link to it."""
    site = make_site(ZEROTRUST_EXPOSE_RISK=True)
    visitor = site.visitor()
    visitor.open("/")
    visitor.move(3)
    users = [None]
    site.zt.user_id_loader(lambda: users[0])
    users[0] = "ada"  # type: ignore[call-overload]
    with nothing_stored(site):
        assert visitor.open("/zerotrust/status").json["strokes"] == 0
    visitor.open("/")
    assert visitor.fetch("/zerotrust/status").json["strokes"] == 3
