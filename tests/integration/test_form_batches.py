"""Movement that rides in a form post: counted before the view decides, and never seen by the view."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import request

from flask_zerotrust import step_up_required
from flask_zerotrust.web.form_movement import BATCH_FIELD, MAX_BATCHES, MAX_FIELD_BYTES, form_batches

from .sites import Site, Visitor


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    site = make_site()
    site.app.add_url_rule("/free", "free", lambda: request.form.to_dict(flat=False), methods=["POST"])
    site.app.add_url_rule("/batches", "batches", lambda: list(form_batches()), methods=["POST", "PUT"])
    upload = step_up_required(lambda: f"{len(request.stream.read())} bytes")
    site.app.add_url_rule("/upload", "upload", upload, methods=["POST"])
    return site


def test_the_batch_in_the_form_decides_that_very_post(ada: Visitor) -> None:
    """No race: the evidence arrives with the request that it is about."""
    answer = ada.submit("/transfer", {"to": "Grace", BATCH_FIELD: ada.body(3)})
    assert answer.json == {"got": {"to": "Grace"}}


def test_bad_movement_in_the_form_is_counted_too(ada: Visitor, site: Site) -> None:
    ada.move(3, says=-2.0)
    site.scorer.says = 4.0
    assert ada.submit("/transfer", {BATCH_FIELD: ada.body(6)}).status_code == 303
    assert ada.fetch("/level").json["latched"] is True


def test_several_batches_ride_in_one_form(ada: Visitor) -> None:
    """The one that is still on its way, and the tail."""
    data = {BATCH_FIELD: [ada.body(2), ada.body(1)]}
    assert ada.submit("/transfer", data).status_code == 200


def test_a_batch_that_arrives_twice_counts_once(ada: Visitor) -> None:
    body = ada.body(2)
    ada.send(body)
    assert ada.submit("/transfer", {BATCH_FIELD: body}).status_code == 303


def test_movement_on_the_login_page_rides_in_the_login(site: Site) -> None:
    visitor = site.visitor()
    visitor.open("/")
    answer = visitor.submit("/login", {"username": "ada", BATCH_FIELD: visitor.body(3)})
    assert answer.text == "in"
    assert not visitor.asked()


@pytest.mark.parametrize("encoding", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_the_view_never_sees_the_field(ada: Visitor, encoding: str) -> None:
    data = {"a": ["1", "2"], "b": "3", BATCH_FIELD: ["x", "y"]}
    answer = ada.submit("/free", data, content_type=encoding)
    assert answer.json == {"a": ["1", "2"], "b": ["3"]}


def test_files_arrive_beside_the_field(ada: Visitor, site: Site) -> None:
    ada.move(3)
    data = {BATCH_FIELD: "x", "file": (BytesIO(b"bytes"), "a.txt")}
    assert ada.submit("/transfer", data).json == {"got": {}}


def test_the_field_is_not_parked(ada: Visitor) -> None:
    asked = ada.submit("/transfer", {"to": "Grace", BATCH_FIELD: ada.body(1)})
    page = ada.open(ada.answer(asked.location).location)
    assert "Grace" in page.text
    assert BATCH_FIELD not in page.text


@pytest.mark.parametrize("batch", ["", "{", "{}", "[]", '{"v":1}', "x" * 20_000])
def test_a_batch_that_is_none_is_left_out(ada: Visitor, batch: str) -> None:
    ada.move(3)
    assert ada.submit("/transfer", {"to": "Grace", BATCH_FIELD: batch}).json == {"got": {"to": "Grace"}}


def test_another_sessions_batch_is_left_out(ada: Visitor, site: Site) -> None:
    grace = site.visitor().login("grace")
    assert ada.submit("/transfer", {BATCH_FIELD: grace.body(3)}).status_code == 303


@pytest.mark.parametrize(
    ("batches", "taken"),
    [
        (["x"] * MAX_BATCHES, MAX_BATCHES),
        (["x"] * (MAX_BATCHES + 1), 0),
        (["x" * MAX_FIELD_BYTES], 1),
        (["x" * MAX_FIELD_BYTES, "y"], 0),
    ],
)
def test_too_much_in_one_form_is_not_looked_at(ada: Visitor, batches: list[str], taken: int) -> None:
    assert len(ada.submit("/batches", {BATCH_FIELD: batches}).json) == taken


def test_only_posts_carry_movement(ada: Visitor) -> None:
    answer: Any = ada.client.put("/batches", data={BATCH_FIELD: "x"})
    assert answer.json == []


def test_a_streamed_upload_stays_a_stream(ada: Visitor) -> None:
    ada.move(3)
    answer = ada.client.post("/upload", data=b"x" * 1_000, content_type="application/octet-stream")
    assert answer.text == "1000 bytes"
