"""Below a guard a view finds the request as it came: raw body, streams, and limits of its own."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from io import BytesIO, RawIOBase
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from flask_zerotrust import step_up_required
from flask_zerotrust.web.form_movement import (
    BATCH_FIELD,
    MAX_AHEAD_BYTES,
    _Rejoined,
    form_batches,
    form_proof,
)

from .known import Key, remembered
from .known import form_proof as proof_field
from .sites import Site, Visitor

LARGE = 3 * MAX_AHEAD_BYTES
FORM = "application/x-www-form-urlencoded"
KINDS = [FORM, "multipart/form-data; boundary=b", "application/octet-stream", "text/plain"]
# Flask reads these of the request itself from 3.1 on.
own_limits = pytest.mark.skipif(version("flask") < "3.1", reason="limits of one request need Flask 3.1")


def raw() -> dict[str, Any]:
    return {"body": request.get_data().decode("latin-1")}


def streamed() -> dict[str, Any]:
    parts = iter(lambda: request.stream.read(1_000), b"")
    return {"body": b"".join(parts).decode("latin-1")}


def from_the_server() -> dict[str, Any]:
    body = request.environ["wsgi.input"].read(request.content_length)
    return {"body": body.decode("latin-1")}


def parsed() -> dict[str, Any]:
    files = {name: len(file.read()) for name, file in request.files.items()}
    return {"form": request.form.to_dict(flat=False), "files": files}


def raised() -> dict[str, Any]:
    request.max_content_length = 5_000_000
    request.max_form_memory_size = 5_000_000
    return parsed()


def taken() -> dict[str, Any]:
    """Return how much of the body was read before the view."""
    return {"taken": request.environ["test.body"].taken}


def own() -> list[str]:
    """Return the extension's own fields."""
    return [*form_batches(), form_proof()]


def lowered() -> dict[str, Any]:
    request.max_content_length = 10
    return parsed()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A site with each view twice, of which one is guarded."""
    site = make_site()
    for view in (raw, streamed, from_the_server, parsed, raised, lowered, taken, own):
        name = view.__name__
        site.app.add_url_rule(f"/plain/{name}", f"plain_{name}", view, methods=["POST"])
        guarded = step_up_required(view)
        site.app.add_url_rule(f"/guarded/{name}", f"guarded_{name}", guarded, methods=["POST"])
    return site


@pytest.fixture
def trusted(ada: Visitor) -> Visitor:
    return ada.move(3)


def both(visitor: Visitor, view: str, body: Any, kind: str | None = None) -> list[tuple[int, str]]:
    """Post a body to a view without and with a guard, and return what each answered."""
    found = []
    for place in ("plain", "guarded"):
        data = body() if callable(body) else body
        answer = visitor.submit(f"/{place}/{view}", data, content_type=kind)
        found.append((answer.status_code, answer.text))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", ["raw", "streamed", "from_the_server"])
@pytest.mark.parametrize("body", [b"a=1&b=2", b"--b\r\nbroken", b"x" * LARGE])
def test_the_raw_body_is_all_there(trusted: Visitor, view: str, kind: str, body: bytes) -> None:
    plain, guarded = both(trusted, view, body, kind)
    assert guarded == plain
    assert guarded[0] == 200
    assert len(guarded[1]) >= len(body)


def test_the_raw_body_holds_what_the_browser_sent(trusted: Visitor) -> None:
    """A signature over it is checked over these octets, movement included."""
    body = f"{BATCH_FIELD}=x&a=1".encode()
    assert both(trusted, "raw", body, FORM)[1] == both(trusted, "raw", body, FORM)[0]


def test_a_form_with_files_is_parsed_by_the_view(trusted: Visitor) -> None:
    plain, guarded = both(
        trusted, "parsed", lambda: {"to": "Grace", BATCH_FIELD: "x", "f": (BytesIO(b"y" * LARGE), "y.bin")}
    )
    assert guarded == plain
    assert trusted.site.app.json.loads(guarded[1]) == {"form": {"to": ["Grace"]}, "files": {"f": LARGE}}


@own_limits
@pytest.mark.parametrize("view", ["raised", "lowered"])
@pytest.mark.parametrize("key", ["MAX_CONTENT_LENGTH", "MAX_FORM_MEMORY_SIZE"])
@pytest.mark.parametrize("size", [100, LARGE])
def test_a_view_sets_its_own_limits(trusted: Visitor, view: str, key: str, size: int) -> None:
    trusted.site.app.config[key] = 1_000
    for data in (lambda: {"a": "x" * size}, lambda: {"f": (BytesIO(b"x" * size), "x.bin")}):
        plain, guarded = both(trusted, view, data)
        assert guarded == plain
        assert guarded[0] == (200 if view == "raised" else 413)


class Counted(RawIOBase):
    """A body that counts the octets that were read of it."""

    def __init__(self, body: bytes) -> None:
        self.body, self.taken = BytesIO(body), 0

    def read(self, size: int | None = -1) -> bytes:
        found = self.body.read(size)
        self.taken += len(found)
        return found


def count(visitor: Visitor, body: bytes, kind: str, **environ: Any) -> int:
    """Return how many octets of a body are read before a guarded view runs."""
    counted = Counted(body)
    environ = {"wsgi.input": counted, "test.body": counted, "CONTENT_LENGTH": str(len(body)), **environ}
    answer = visitor.submit("/guarded/taken", {}, content_type=kind, environ_overrides=environ)
    return int(answer.json["taken"])


@pytest.mark.parametrize("kind", KINDS)
def test_little_is_read_before_the_view(trusted: Visitor, kind: str) -> None:
    assert count(trusted, b"x" * 10 * LARGE, kind) <= MAX_AHEAD_BYTES


def test_nothing_is_read_of_a_body_without_a_length(trusted: Visitor) -> None:
    """It may come a byte at a time, and no form of a browser is sent so."""
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    assert count(trusted, b"x=1", FORM, **environ) == 0


def test_movement_before_a_large_file_counts(ada: Visitor) -> None:
    data = {BATCH_FIELD: ada.body(3), "to": "Grace", "f": (BytesIO(b"y" * LARGE), "y.bin")}
    assert ada.submit("/transfer", data).json == {"got": {"to": "Grace"}}


def test_a_known_browser_proves_itself_with_a_large_file(make_site: Callable[..., Site]) -> None:
    ada, key = make_site(ZEROTRUST_NEW_BROWSER="challenge").visitor().login(), Key()
    remembered(ada, key)
    data = {**proof_field(ada, key), "to": "Grace", "f": (BytesIO(b"y" * LARGE), "y.bin")}
    assert ada.submit("/transfer", data).json == {"got": {"to": "Grace"}}


@pytest.mark.parametrize("size", [10_000, LARGE])
@pytest.mark.parametrize("kind", [FORM, "multipart/form-data"])
def test_fields_in_front_are_found_in_forms_of_any_size(ada: Visitor, kind: str, size: int) -> None:
    data = {BATCH_FIELD: ["{é", "2"], "zerotrust_proof": "p q", "a": "x" * size, "b": ["1", "2"]}
    assert ada.submit("/plain/own", data, content_type=kind).json == ["{é", "2", "p q"]


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data"])
def test_a_field_that_was_cut_is_left_out(ada: Visitor, kind: str) -> None:
    data = {"a": "x" * (MAX_AHEAD_BYTES - 500), "zerotrust_proof": "p" * 1_000}
    assert ada.submit("/plain/own", data, content_type=kind).json == [""]


def before_requests(site: Site, read: Callable[[], object]) -> None:
    """Let the app read each request before its view."""

    def reads() -> None:
        read()

    site.app.before_request_funcs[None].append(reads)


@pytest.mark.parametrize("read", [lambda: request.form, lambda: request.get_data()])
def test_a_body_that_the_app_has_read_already_is_looked_at(
    site: Site, ada: Visitor, read: Callable[[], object]
) -> None:
    before_requests(site, read)
    answer = ada.submit("/transfer", {"to": "Grace", BATCH_FIELD: ada.body(3)})
    assert answer.json == {"got": {"to": "Grace"}}


def test_a_stream_that_the_app_reads_itself_is_left_alone(site: Site, ada: Visitor) -> None:
    ada.move(3)
    before_requests(site, lambda: request.stream)
    assert both(ada, "streamed", b"a=1&b=2", FORM)[1] == (200, '{"body":"a=1&b=2"}\n')


class Gone(RawIOBase):
    """A body whose client has gone."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError("gone")

    def readinto(self, buffer: Any) -> int:
        raise OSError("gone")


def test_a_client_that_is_gone_is_the_views_affair(trusted: Visitor) -> None:
    environ = {"wsgi.input": Gone(), "CONTENT_LENGTH": "9"}
    answer = trusted.submit("/guarded/raw", {}, content_type=FORM, environ_overrides=environ)
    assert answer.status_code == 400


def test_an_upload_over_the_apps_limit_opens_a_challenge(site: Site, ada: Visitor) -> None:
    """The view may take more, so the guard does not answer 413."""
    site.app.config["MAX_CONTENT_LENGTH"] = 20_000
    asked = ada.submit("/guarded/raised", {"f": (BytesIO(b"x" * LARGE), "x.bin")})
    assert asked.status_code == 303
    page = ada.open(ada.answer(asked.location).location)
    assert "too large to keep" in page.text


@pytest.mark.parametrize(
    "body",
    [
        b"--b",
        b"--b\r\n\r\n",
        b'--b\r\nContent-Disposition: form-data; name="zerotrust_batch"\r\n\r\nx',
        b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--b--',
        b'--b\r\nContent-Disposition: form-data; name="zerotrust_batch"; filename="f"\r\n\r\nx\r\n--b--',
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 3_000,
    ],
)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "multipart/form-data"])
def test_a_broken_form_holds_no_fields_of_ours(body: bytes, kind: str) -> None:
    environ = EnvironBuilder(method="POST", data=body, content_type=kind).get_environ()
    app = Flask("parts")
    with app.request_context(environ):
        assert (form_batches(), form_proof()) == ((), "")
        assert request.get_data() == body


@given(st.binary(max_size=60), st.integers(0, 60), st.lists(st.integers(-1, 20) | st.none(), max_size=12))
def test_a_rejoined_body_reads_as_it_came(body: bytes, cut: int, sizes: list[int | None]) -> None:
    plain, rejoined = BytesIO(body), _Rejoined(body[:cut], BytesIO(body[cut:]))
    assert [rejoined.read(size) for size in sizes] == [plain.read(size) for size in sizes]
    assert rejoined.readlines() == plain.readlines()
