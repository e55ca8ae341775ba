"""A guarded file comes with a page after the code: a browser that saves a file stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Response, send_file

from flask_zerotrust import step_up_required

from .sites import Site, Visitor

closed: list[str] = []


def attached() -> Response:
    response = send_file(BytesIO(b"%PDF-1.4"), download_name="ä.pdf", as_attachment=True)
    response.call_on_close(lambda: closed.append("attached"))
    return response


VIEWS: dict[str, Callable[[], Any]] = {
    "attached": attached,
    "zipped": lambda: Response(b"PK", mimetype="application/zip"),
    "table": lambda: ("a,b\n", {"Content-Type": "text/csv"}),
    "shown": lambda: Response(b"%PDF-1.4", mimetype="application/pdf"),
    "page": lambda: "<p>page",
    "gone": lambda: ("gone", 410, {"Content-Disposition": "attachment"}),
}
FILES = ("attached", "zipped", "table")


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    site = make_site()
    for name, view in VIEWS.items():
        site.app.add_url_rule(f"/{name}", name, step_up_required(always=True)(view))
    return site


def wanted(ada: Visitor, path: str) -> tuple[Any, str]:
    """Pass the challenge of a view. Return what its view answers then, and the challenge."""
    challenge = ada.open(path).location
    onward = ada.answer(challenge).location
    return ada.open(onward, headers={"Referer": "http://localhost" + challenge}), challenge


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_with_a_page_and_a_link(ada: Visitor, name: str) -> None:
    answer, _ = wanted(ada, f"/{name}?month=%C3%A4&x=1")
    assert answer.status_code == 200
    assert "Thank you, that worked" in answer.text
    assert f'href="/{name}?month=%C3%A4&amp;x=1"' in answer.text
    assert answer.headers["Refresh"] == f"0; url=/{name}?month=%C3%A4&x=1"
    assert "Content-Disposition" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_file_itself_follows_the_page(ada: Visitor) -> None:
    wanted(ada, "/attached")
    with ada.open("/attached", headers={"Referer": "http://localhost/attached"}) as file:
        assert file.data == b"%PDF-1.4"


def test_the_file_that_is_not_sent_is_closed(ada: Visitor) -> None:
    closed.clear()
    wanted(ada, "/attached")
    assert closed == ["attached"]


@pytest.mark.parametrize("name", sorted(set(VIEWS) - set(FILES)))
def test_what_a_browser_shows_is_left_alone(ada: Visitor, name: str) -> None:
    assert "Refresh" not in wanted(ada, "/" + name)[0].headers


def test_a_program_gets_the_file(ada: Visitor) -> None:
    challenge = wanted(ada, "/attached")[1]
    with ada.fetch("/attached", headers={"Referer": "http://localhost" + challenge}) as file:
        assert file.data == b"%PDF-1.4"


def test_another_page_leads_to_the_file_at_once(ada: Visitor) -> None:
    wanted(ada, "/attached")
    for referrer in ("http://localhost/", "http://evil.example/zerotrust/challenge/x"):
        with ada.open("/attached", headers={"Referer": referrer}) as file:
            assert file.data == b"%PDF-1.4"
