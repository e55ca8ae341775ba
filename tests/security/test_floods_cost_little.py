"""Rows 21, 26 and 30: what one client sends in bulk is bounded, and costs the others nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from werkzeug.formparser import FormDataParser

from flask_zerotrust.challenge import parking
from flask_zerotrust.stores import MemoryStore
from tests.integration.sites import Site, Visitor, use_store


class Counted(io.RawIOBase):
    """A body without an end, that counts the bytes that are read of it."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.taken += len(buffer)
        buffer[:] = b" " * len(buffer)
        return len(buffer)


def promised(visitor: Visitor, length: int) -> tuple[int, int]:
    """Send a batch of a declared length; return the status and the bytes that were read."""
    body = Counted()
    overrides = {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
    answer = visitor.fetch("/zerotrust/events", "POST", environ_overrides=overrides)
    return answer.status_code, body.taken


def test_a_batch_whose_declared_length_is_over_the_limit_is_refused_unread(ada: Visitor) -> None:
    assert promised(ada, 16_385) == (413, 0)
    assert promised(ada, 16_384) == (400, 16_384)


def test_a_batch_of_a_browser_without_a_session_is_refused_unread(site: Site) -> None:
    assert promised(site.visitor(), 10_000) == (401, 0)


@pytest.mark.parametrize("strokes", [40, 41])
def test_the_first_forty_strokes_of_a_batch_are_scored(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, strokes: int
) -> None:
    """Also at a site that takes larger batches."""
    site = make_site(MAX_BATCH_BYTES=65_536, MAX_BATCH_EVENTS=4_000)
    ada, scored = site.visitor().login(), list[int]()
    monkeypatch.setattr(
        site.scorer, "log_odds", lambda rows: scored.append(len(rows)) or np.full(len(rows), -1.0)
    )
    assert ada.send(ada.body(strokes)).status_code == 204
    assert scored == [40]


def fields(count: int) -> dict[str, Any]:
    return {"data": "&".join(["a="] * count), "content_type": "application/x-www-form-urlencoded"}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the lengths of the forms that were parsed, as a list that grows."""
    lengths: list[int] = []
    parse = FormDataParser.parse

    def noted(self: FormDataParser, stream: Any, mimetype: str, length: int | None, *more: Any) -> Any:
        lengths.append(length or 0)
        return parse(self, stream, mimetype, length, *more)

    monkeypatch.setattr(FormDataParser, "parse", noted)
    return lengths


@pytest.mark.parametrize(("count", "read"), [(2_000, True), (2_001, False), (150_000, False)])
def test_a_form_of_too_many_fields_is_not_parsed_for_a_challenge(
    ada: Visitor, parsed: list[int], count: int, read: bool
) -> None:
    answer = ada.fetch("/transfer", "POST", **fields(count))
    assert answer.status_code == 401
    assert bool(parsed) is read


@pytest.mark.parametrize(("size", "status"), [(30_000, 400), (70_000, 413)])
def test_a_form_of_the_extension_itself_is_small(
    ada: Visitor, parsed: list[int], size: int, status: int
) -> None:
    asked = ada.open("/secret").location
    answer = ada.submit(asked, {"code": "1" * size})
    assert answer.status_code == status
    assert bool(parsed) is (status == 400)


def test_a_form_of_the_extension_itself_has_few_fields(ada: Visitor, parsed: list[int]) -> None:
    asked = ada.open("/secret").location
    answer = ada.fetch(asked, "POST", **fields(3_000), headers={"Accept": "application/json"})
    assert answer.status_code == 413
    assert answer.json["detail"] == "This form is too large."
    assert parsed == []


def test_only_few_and_short_names_are_searched_for_secrets(
    ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    split = parking._split
    monkeypatch.setattr(parking, "_split", lambda name: searched.append(len(name)) or split(name))
    for data in ({"a1" * 32_000: ""}, {"a_" * 101: ""}, {f"{i:0100}": "" for i in range(50)}):
        ada.submit("/transfer", data)
    assert sum(searched) < 1_000  # the parts of secret names themselves
    ada.submit("/transfer", {f"{i:013}": "" for i in range(300)})
    assert 3_900 <= sum(searched) < 4_900


class WritingStore(MemoryStore):
    """Notes which keys are written."""

    def __init__(self, **keywords: object) -> None:
        super().__init__(**keywords)  # type: ignore[arg-type]
        self.written: list[str] = []

    def swap(self, key: str, **keywords: object) -> bool:  # type: ignore[override]
        self.written.append(key.partition(":")[0])
        return super().swap(key, **keywords)  # type: ignore[arg-type]


def test_a_latch_is_one_write_whatever_the_number_of_sessions(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_NEW_BROWSER="movement")
    store = WritingStore(clock=site.clock)
    use_store(site.app, store)
    others = [site.visitor().login().move(3) for _ in range(12)]
    caught = site.visitor().login()
    site.scorer.says = 4.0
    body = caught.body(6)
    store.written.clear()
    assert caught.send(body).status_code == 204
    assert store.written.count("session") == 1
    assert store.written.count("ledger") == 1
    assert all(other.asked() for other in others)
