"""Take the pictures in docs/screenshots from the example app: ``python -m research screenshots``.

In the light ones a recorded person moves the pointer (or nobody, where the recordings are not at
hand), in the dark ones a script does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT, sapimouse
from research.browsers.chromium import the_chromium
from tests.browser import os_input
from tests.browser.harness import FLAGS, ROOT, Bank, serve_bank
from tests.browser.steps import challenged, log_in

DATA = Path(os.environ.get("ZEROTRUST_TEST_DATA") or ROOT.parent / "shared" / "data")
WIDE = (1080, 720)
NARROW = (320, 640)
#: How long the recorded person moves before the account page is taken.
MOVE_S = 25.0


def take_all(folder: Path) -> None:
    """Take all pictures: light, dark, and the pages that matter most on a narrow screen."""
    chromium = the_chromium()
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        take(browser, folder, "light", size=WIDE, mover=move_as_person)
        take(browser, folder, "dark", size=WIDE, mover=move_as_script)
        take(
            browser,
            folder,
            "narrow",
            size=NARROW,
            only=("transfer", "challenge", "confirm", "security", "factors", "recovery"),
        )
        browser.close()


def take(
    browser: Browser,
    folder: Path,
    ending: str,
    *,
    size: tuple[int, int],
    mover: Callable[[Page], None] | None = None,
    only: tuple[str, ...] = (),
) -> None:
    """Walk through a fresh bank and take a picture of every page, or of the named ones only."""
    scheme = "dark" if ending == "dark" else "light"
    with TemporaryDirectory() as scratch, serve_bank(Path(scratch)) as bank:
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        for name, page in walk(context.new_page(), bank, mover):
            if not only or name in only:
                page.screenshot(path=folder / f"{name}-{ending}.png", animations="disabled")
                print(folder / f"{name}-{ending}.png")
        context.close()


def walk(page: Page, bank: Bank, mover: Callable[[Page], None] | None) -> Iterator[tuple[str, Page]]:
    """Yield (name, page) at each place worth a picture; whoever is not challenged asks for statements."""
    page.goto(bank.url + "/login")
    yield "login", page
    log_in(page, bank)
    if mover is not None:
        mover(page)
    yield "account", page
    page.goto(bank.url + "/transfer")
    page.fill("#to", "grace")
    page.fill("#amount", "25.00")
    page.wait_for_timeout(500)
    yield "transfer", page
    page.get_by_role("button", name="Send money").press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/transfer"))
    if not challenged(page):
        yield "sent", page
        page.goto(bank.url + "/statements")
    yield from walk_through_challenge(page, bank)
    page.goto(bank.url + "/statements")
    yield "statements", page
    page.goto(bank.url + "/zerotrust/enrol")
    yield "enrol", page
    page.goto(bank.url + "/zerotrust/factors")
    if page.locator("#zt-browsers").count():
        page.locator("#zt-browsers").scroll_into_view_if_needed()
    yield "factors", page
    page.goto(bank.url + "/zerotrust/factors/add/email")
    yield "contact", page
    page.goto(bank.url + "/security")
    page.get_by_role("button", name="switch it on").press("Enter")
    page.wait_for_selector("[data-refresh], form[action='/security'] [name=choice]")
    if page.url.endswith("/confirm"):
        page.get_by_role("button", name="Confirm and continue").press("Enter")
        page.wait_for_selector("[data-refresh]")
    page.wait_for_timeout(500)
    yield "security", page
    page.get_by_role("link", name="Make recovery codes").press("Enter")
    page.get_by_role("button", name="Make new codes").press("Enter")
    page.get_by_role("link", name="kept them").wait_for()
    yield "recovery", page


def walk_through_challenge(page: Page, bank: Bank) -> Iterator[tuple[str, Page]]:
    """Have a code sent, read it from the phone, and hand it in."""
    page.get_by_role("button", name="Send the code").click()
    page.wait_for_selector("[name=code]")
    page.wait_for_timeout(500)
    yield "challenge", page
    phone = page.context.new_page()
    phone.goto(bank.url + "/phone")
    code = phone.locator("[data-code]").first.inner_text()
    phone.wait_for_timeout(500)
    yield "phone", phone
    phone.close()
    page.fill("[name=code]", code)
    remember = page.get_by_role("button", name="Confirm and remember this browser")
    if remember.is_visible():
        remember.click()
    else:  # as a script moves, it is not offered
        page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.endswith(("/confirm", "/statements")))
    page.wait_for_timeout(500)
    if page.url.endswith("/confirm"):
        yield "confirm", page


def move_as_person(page: Page) -> None:
    """Move as the first of the people kept out of training did, at the same times."""
    archive = DATA / "sapimouse-users1-72.tar.xz"
    if not archive.exists():
        return
    wanted = f"sapimouse-{SAPIMOUSE_HELD_OUT[0]}-1min"
    path = os_input.place(next(r for r in sapimouse(archive) if r.session == wanted)).until(MOVE_S)
    start = time.perf_counter()
    for t_s, x, y in zip(path.t_s, path.x, path.y, strict=True):
        os_input.wait_until(start + t_s)
        page.mouse.move(int(x), int(y))
    page.wait_for_timeout(3_000)


def move_as_script(page: Page) -> None:
    """Move in straight lines at constant speed."""
    for i in range(9):
        page.mouse.move(150 + 750 * (i % 2), 120 + 60 * i, steps=25)
        page.wait_for_timeout(700)
    page.wait_for_timeout(3_000)
