"""Someone else at the keyboard, by OS-level input: the user of a profile passes, another person does not.

Both are SapiMouse people whom no model has seen. The user's long session is put into the bank's profile
as the collector would have sent it; the short sessions are replayed by hand, as in test_people.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import BrowserContext, Page

from flask_zerotrust import identity, movement
from flask_zerotrust.identity.profile_store import Profiles
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.recordings.batching import batches
from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.stores import SQLiteStore

from . import os_input
from .harness import Bank
from .os_input import Desk
from .steps import challenged, status
from .test_people import log_in, type_into, window

__all__ = ["window"]

OWNER, OTHER = SAPIMOUSE_HELD_OUT[2], SAPIMOUSE_HELD_OUT[1]
#: Enough for a dozen strokes, and short enough for a test.
MOVE_S = 18.0


@pytest.fixture(scope="module")
def sessions(sapimouse_visits: tuple[Recording, ...]) -> dict[tuple[str, str], Recording]:
    """Both sessions of the two, by user and length."""
    return {(str(r.user), r.session[-4:]): r for r in sapimouse_visits if r.user in (OWNER, OTHER)}


def learn(bank: Bank, recording: Recording) -> None:
    """Switch recognition on for ada, and put this movement into her profile."""
    with closing(sqlite3.connect(bank.instance / "bank.sqlite")) as db, db:
        db.execute("INSERT INTO consent VALUES ('ada', '2026-01-01')")
    store = SQLiteStore(bank.instance / "zerotrust.sqlite")
    keys = KeyRing([(bank.instance / "secret_key").read_text()])
    profiles = Profiles(store, keys, keep_s=86_400.0)
    for batch in batches(recording):
        strokes = movement.split(batch)
        habits = movement.habits(batch, strokes, movement.extract(strokes))
        if len(strokes):
            background = identity.load_background()
            assert profiles.learn(profiles.load("ada"), habits, now=time.time(), background=background)
    store.close()


def send_money(page: Page, desk: Desk, bank: Bank, recording: Recording) -> str:
    """Move over the transfer page as recorded, then type and press Enter; return the movement check."""
    page.goto(bank.url + "/transfer")
    path = os_input.place(recording).until(MOVE_S)
    empty = page.evaluate(os_input.EMPTY_GROUND, path.presses())
    late = desk.replay(path.without_presses([not free for free in empty]))
    if not os_input.on_time(late):
        pytest.skip("NOT MEASURED: this machine was too busy to move a hand as anybody does.")
    time.sleep(2.5)
    said = status(page)
    type_into(page, desk, "to", "grace")
    type_into(page, desk, "amount", "25")
    desk.press("Return")
    page.wait_for_url(lambda url: not url.endswith("/transfer"))
    return f"{said['strokes']} strokes, {said['level']} {said['risk']:.3f} {' '.join(said['reasons'])}"


@pytest.mark.timeout(180)
def test_the_user_sends_money_and_someone_else_meets_a_code(
    sessions: dict[tuple[str, str], Recording],
    window: BrowserContext,
    desk: Desk,
    live_bank: Bank,
    report: Callable[[str], None],
) -> None:
    learn(live_bank, sessions[OWNER, "3min"])
    page = window.pages[0]
    log_in(page, desk, live_bank)
    said = send_money(page, desk, live_bank, sessions[OWNER, "1min"])
    report(f"SapiMouse person {OWNER} as ada, by XTEST: {said}")
    assert not challenged(page)
    assert "£25.00 is on its way to Grace Hopper." in page.locator(".notice.success").inner_text()
    said = send_money(page, desk, live_bank, sessions[OTHER, "1min"])
    report(f"SapiMouse person {OTHER} at ada's keyboard, by XTEST: {said}")
    assert challenged(page)
    assert "different_person" in said
