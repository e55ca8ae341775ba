"""Every page of the bank and of the extension, by axe-core, by width and by keyboard, in light and dark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, render_template, request
from flask_babel import Babel
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

import flask_zerotrust
from example_app import CSP, create_app
from flask_zerotrust import ZeroTrust
from tests.unit.test_templates import PAGES

from .axe import AXE, broken_words, in_every_look, too_wide, violations
from .conftest import PATIENCE_MS
from .harness import Bank, serve_resettable_bank
from .keyboard import out_of_reach
from .places import ERROR, NOT_PAGES, PLACES, Place

TEMPLATES = Path(flask_zerotrust.__file__).parent / "templates" / "zerotrust"
#: Templates that are parts of others.
PARTS = {"base", "dialog", "parts"}


@pytest.fixture(scope="module")
def patient_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """A bank that sends as many codes as the tests ask for."""
    folder = tmp_path_factory.mktemp("bank")
    often = {
        "ZEROTRUST_SMS_LIMITS": {"number": 1_000, "user": 1_000},
        "ZEROTRUST_EMAIL_LIMITS": {"address": 1_000, "user": 1_000},
    }
    with serve_resettable_bank(folder, RESEND_S=0, CODE_TRIES=2, **often) as bank:
        yield bank


@pytest.fixture(scope="module")
def frames() -> Iterator[str]:
    """The extension's templates in its own frame, with what the unit tests put into them."""
    app = Flask("frames")
    app.config.update(SECRET_KEY="key", TESTING=True, ZEROTRUST_STORE="memory://")
    ZeroTrust(app).user_id_loader(lambda: None)
    Babel(app, locale_selector=lambda: request.args.get("in", "en"))

    @app.get("/<name>")
    def show(name: str) -> tuple[str, dict[str, str]]:
        template, context = PAGES[name]
        html = render_template(f"zerotrust/{template}.html", **context)
        return html, {"Content-Security-Policy": CSP}

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def frame(browser: Browser) -> Iterator[Page]:
    """A page in which the frames are opened one after another, with axe-core in each of them."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(AXE)
    yield context.new_page()
    context.close()


def test_every_page_of_the_bank_is_among_the_places(tmp_path: Path) -> None:
    """An end point that answers GET is a page with a place, or it is said not to be a page."""
    rules = create_app({"INSTANCE": str(tmp_path), "TESTING": True}).url_map.iter_rules()
    found = {rule.endpoint for rule in rules if rule.methods and "GET" in rule.methods}
    assert {place.endpoint for place in PLACES} - {ERROR} == found - NOT_PAGES


def test_every_template_is_among_the_frames() -> None:
    found = {file.stem for file in TEMPLATES.glob("*.html")}
    assert {template for template, _ in PAGES.values()} == found - PARTS


#: Pages that `make test` looks at in another state already, from which these differ by a sentence or two.
SIMILAR = {
    *("account_after_a_transfer", "address_failed", "address_sent", "card_dialog_failed"),
    *("card_dialog_over", "card_with_its_pin", "challenge_by_mail", "challenge_ended", "challenge_failed"),
    *("challenge_over", "enrol_failed", "factor_without_a_name", "factors", "factors_changed"),
    *("factors_form_out_of_date", "form_out_of_date", "logged_out", "login_on_the_way"),
    *("login_refused", "number_failed", "phone", "phone_with_mail", "security_learning"),
}
LOOKED_AT = [
    pytest.param(place, id=place.name, marks=pytest.mark.slow if place.name in SIMILAR else ())
    for place in PLACES
]


def test_every_similar_page_exists() -> None:
    assert {place.name for place in PLACES} >= SIMILAR


@pytest.mark.parametrize("place", LOOKED_AT)
def test_a_page_of_the_bank_is_open_to_everyone(place: Place, page: Page, patient_bank: Bank) -> None:
    place.go(page, patient_bank)
    assert in_every_look(page) == {}
    assert too_wide(page) == []
    assert out_of_reach(page) == []


#: The bank shows the same pages in its own frame, so `make test` looks at two of them in ours.
FRAMED = [
    pytest.param(name, marks=() if name in ("totp", "factors") else pytest.mark.slow) for name in PAGES
]


@pytest.mark.parametrize("name", FRAMED)
def test_a_page_in_the_extensions_own_frame_is_open_to_everyone(
    name: str, frame: Page, frames: str
) -> None:
    frame.goto(f"{frames}/{name}")
    assert in_every_look(frame) == {}
    assert too_wide(frame) == []
    assert broken_words(frame) == []
    assert out_of_reach(frame) == []


@pytest.mark.parametrize("name", FRAMED)
def test_a_page_in_german_fits_though_its_words_are_longer(name: str, frame: Page, frames: str) -> None:
    frame.goto(f"{frames}/{name}?in=de")
    expect(frame.locator("html")).to_have_attribute("lang", "de")
    assert too_wide(frame) == []
    assert broken_words(frame) == []


def test_the_check_sees_what_is_wrong(page: Page) -> None:
    """Grey on white, a field without a name, a line that does not wrap, a button that Tab passes by."""
    page.set_content(
        '<html lang="en"><title>T</title><main><h1>T</h1><p style="color:#aaa;background:#fff">pale</p>'
        '<input><p style="width:900px">wide</p><button tabindex="-1">Go</button></main>'
    )
    rules = {line.partition(":")[0] for line in violations(page)}
    assert {"color-contrast", "label"} <= rules
    assert too_wide(page) == ["320 px", "zoom of 200 %"]
    assert out_of_reach(page) == ['<button tabindex="-1">Go</button>']
    page.set_content('<h1 style="overflow-wrap:anywhere">Donaudampfschifffahrtsgesellschaft</h1>')
    assert broken_words(page) == ["Donaudampfschifffahrtsgesellschaft"]
