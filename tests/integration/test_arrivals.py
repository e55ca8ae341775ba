"""Arriving from elsewhere: a page with the script leaves the session alone that browsers did not send."""

from __future__ import annotations

import pytest

from tests.integration.sites import Site

CROSS = {"Sec-Fetch-Site": "cross-site"}
#: A plain http address has no Sec-Fetch-Site.
OLD = {"Referer": "http://pay.example/done"}


def sets_session(site: Site, method: str, headers: dict[str, str], *, known: bool = False) -> bool:
    """Say whether a page with the script writes the app's session, to one who sends it or not."""
    visitor = site.visitor()
    if known:
        visitor.client.set_cookie("session", "of-before")
    answer = (
        visitor.open("/")
        if method == "GET" and not headers
        else visitor.client.open("/", method=method, headers={"Sec-Fetch-Mode": "navigate", **headers})
    )
    return any(value.startswith("session=") for value in answer.headers.getlist("Set-Cookie"))


@pytest.fixture
def landing(site: Site) -> Site:
    site.app.add_url_rule(
        "/", "landing", lambda: site.app.jinja_env.globals["zerotrust_script"](), methods=["POST"]
    )
    return site


@pytest.mark.parametrize("headers", [CROSS, OLD])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_from_another_site_no_session_begins(landing: Site, method: str, headers: dict[str, str]) -> None:
    """Under SameSite=Strict a link comes without the session, under Lax a POST back from a payment."""
    assert not sets_session(landing, method, headers)


def test_nor_with_a_post_that_brings_none(landing: Site) -> None:
    assert not sets_session(landing, "POST", {"Sec-Fetch-Site": "same-origin"})


@pytest.mark.parametrize("origin", ["none", "same-origin", "same-site"])
def test_an_address_that_is_typed_or_of_this_site_begins_one(site: Site, origin: str) -> None:
    assert sets_session(site, "GET", {"Sec-Fetch-Site": origin})


def test_a_session_that_was_sent_is_written_whatever_it_comes_from(landing: Site) -> None:
    assert sets_session(landing, "GET", CROSS, known=True)
