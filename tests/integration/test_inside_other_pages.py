"""Pages asked for from inside of another page: frames, Turbo, Unpoly, service workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from flask_zerotrust import ZeroTrust
from flask_zerotrust.errors import ConfigError

from .sites import Site, Visitor

# As Turbo 8.0.23 and Unpoly 3.14.3 send them. Redirects are followed with the same headers.
TURBO = {
    "Accept": "text/html, application/xhtml+xml",
    "X-Turbo-Request-Id": "0b7f",
    "Sec-Fetch-Mode": "same-origin",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
}
TURBO_FORM = {**TURBO, "Accept": "text/vnd.turbo-stream.html, text/html, application/xhtml+xml"}
UNPOLY = {
    "Accept": "*/*",
    "X-Up-Version": "3.14.3",
    "X-Up-Target": ".content",
    "X-Up-Mode": "root",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
}
# A fetch of a service worker in place of a navigation, with the headers of that.
WORKER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Mode": "same-origin",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
}
FRAMED = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"}
LMS = "https://lms.example"


@pytest.mark.parametrize("headers", [TURBO, TURBO_FORM, UNPOLY])
def test_a_library_is_led_to_a_page_of_its_own(ada: Visitor, headers: dict[str, str]) -> None:
    """In the page that is open, scripts of the challenge would run once, or not at all."""
    asked = ada.client.get("/secret", headers=headers)
    assert asked.status_code == 303
    shown = ada.client.get(asked.location, headers=headers)
    assert shown.status_code == 200
    assert '<meta name="turbo-visit-control" content="reload">' in shown.text
    assert f'<meta http-equiv="refresh" content="0; url={asked.location}">' in shown.text
    assert 'name="code"' not in shown.text
    assert shown.headers["X-Frame-Options"] == "DENY"
    assert ada.answer(asked.location).location == "/secret"


@pytest.mark.parametrize("headers", [TURBO_FORM, UNPOLY])
def test_a_form_of_a_library_is_kept(ada: Visitor, headers: dict[str, str]) -> None:
    asked = ada.client.post("/transfer", data={"to": "Grace"}, headers=headers)
    assert asked.status_code == 303
    assert "Grace" in ada.open(ada.answer(asked.location).location).text


def test_what_a_library_has_posted_is_answered_where_it_is(site: Site) -> None:
    """The address of the form opens no page."""
    answer = site.visitor().login("bob").client.post("/transfer", headers=TURBO_FORM)
    assert answer.status_code == 403
    assert "Before you send a transfer" in answer.text


def test_a_part_of_a_page_leads_back_to_the_page(ada: Visitor) -> None:
    headers = {**TURBO, "Turbo-Frame": "part", "Referer": "http://localhost/account?tab=2"}
    asked = ada.client.get("/secret", headers=headers)
    assert ada.answer(asked.location).location == "/account?tab=2"


def test_a_service_worker_gets_the_page_itself(ada: Visitor) -> None:
    asked = ada.client.get("/secret", headers=WORKER)
    assert asked.status_code == 303
    assert 'name="code"' in ada.client.get(asked.location, headers=WORKER).text


@pytest.mark.parametrize("dest", ["iframe", "frame", "embed", "object", "fencedframe"])
def test_a_frame_gets_a_link_to_a_window_of_its_own(ada: Visitor, dest: str) -> None:
    asked = ada.open("/secret", headers={**FRAMED, "Sec-Fetch-Dest": dest})
    shown = ada.open(asked.location, headers={**FRAMED, "Sec-Fetch-Dest": dest})
    assert f'href="{asked.location}" target="_blank" rel="noopener"' in shown.text
    assert 'href="/secret"' in shown.text
    assert 'name="code"' not in shown.text
    assert "X-Frame-Options" not in shown.headers
    assert shown.headers["Content-Security-Policy"].endswith("frame-ancestors *")
    assert "refresh" not in shown.text
    assert shown.headers["Cache-Control"] == "no-store"


def test_what_a_form_in_a_frame_gets_leads_to_the_page_it_is_on(site: Site) -> None:
    bob = site.visitor().login("bob")
    answer = bob.submit("/transfer", {}, headers={**FRAMED, "Referer": "http://localhost/account"})
    assert answer.status_code == 403
    assert 'href="/account" target="_blank"' in answer.text


def test_a_page_of_its_own_is_in_no_frame(ada: Visitor) -> None:
    shown = ada.open(ada.open("/secret").location)
    assert shown.headers["X-Frame-Options"] == "DENY"
    assert shown.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


@pytest.mark.parametrize("named", [["'self'"], ["'self'", LMS], ["https://*.lms.example:8443"]])
def test_named_sites_show_the_page_itself(make_site: Callable[..., Site], named: list[str]) -> None:
    ada = make_site(ZEROTRUST_FRAME_ANCESTORS=named).visitor().login()
    asked = ada.open("/secret", headers=FRAMED)
    shown = ada.open(asked.location, headers=FRAMED)
    assert 'name="code"' in shown.text
    assert "X-Frame-Options" not in shown.headers
    assert shown.headers["Content-Security-Policy"].endswith("frame-ancestors " + " ".join(named))


def test_a_frame_of_a_named_site_begins_the_session(make_site: Callable[..., Site]) -> None:
    inside = make_site(ZEROTRUST_FRAME_ANCESTORS=[LMS]).visitor()
    assert "Set-Cookie" in inside.open("/", headers=FRAMED).headers
    outside = make_site().visitor()
    assert "Set-Cookie" not in outside.open("/", headers=FRAMED).headers


@pytest.mark.parametrize("named", ["self", "*", "lms.example", "https://lms.example/x", "https://a; x"])
def test_what_is_no_site_is_refused(named: str, tmp_path: Path) -> None:
    app = Flask("frames", instance_path=str(tmp_path))
    app.config.from_mapping(SECRET_KEY="k", TESTING=True, ZEROTRUST_STORE="memory://")
    app.config["ZEROTRUST_FRAME_ANCESTORS"] = [named]
    with pytest.raises(ConfigError, match="FRAME_ANCESTORS must hold"):
        ZeroTrust(app)


@pytest.mark.parametrize("more", [{}, {"X-Requested-With": "XMLHttpRequest"}])
def test_script_on_plain_http_begins_no_session(site: Site, more: dict[str, str]) -> None:
    """Browsers send no Sec-Fetch-Mode there."""
    client = site.app.test_client()
    assert "Set-Cookie" not in client.get("/", headers={"Accept": "*/*", **more}).headers
    assert "Set-Cookie" in client.get("/", headers={"Accept": "text/html,*/*;q=0.8"}).headers
