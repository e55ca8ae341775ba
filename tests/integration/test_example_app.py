"""The example app over HTTP: a bank that works from a fresh checkout and asks when it should."""

from __future__ import annotations

import re
import shutil
import sqlite3
import stat
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from typing import Any, get_args

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app import create_app, pages, store
from example_app.seed import PASSWORDS
from flask_zerotrust import testing
from flask_zerotrust.risk.level import Trust
from tests.forms import form_to, form_with
from tests.passwords import quick_hash

from .known import MAKE, Key, page_data

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
PAGES = ("/login", "/", "/transfer", "/security", "/phone", "/zerotrust/enrol")


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder after its first start, made once, with passwords that are quick to check."""
    folder = tmp_path_factory.mktemp("bank") / "instance"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "generate_password_hash", quick_hash)
        create_app({"TESTING": True, "INSTANCE": folder})
    return folder


@pytest.fixture
def instance(seeded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(seeded, tmp_path / "instance"))


@pytest.fixture
def app(instance: Path) -> Flask:
    return create_app({"TESTING": True, "INSTANCE": instance})


@pytest.fixture
def ada(app: Flask) -> FlaskClient:
    return login(app, "ada")


def login(app: Flask, name: str) -> FlaskClient:
    """Return a browser in which that customer has logged in."""
    client = app.test_client()
    answer = submit(client, "/login", username=name, password=PASSWORDS[name])
    assert answer.status_code == 200
    assert answer.request.path == "/"
    return client


def submit(client: FlaskClient, path: str, **values: str) -> Any:
    """Open a page, fill in its main form and follow where that leads."""
    form = form_with(client.get(path, headers=BROWSER).text, next(iter(values)))
    return client.post(form.action, data={**form.fields, **values}, headers=BROWSER, follow_redirects=True)


def answer_challenge(client: FlaskClient, page: Any, **key: str) -> Any:
    """Have a code sent, read it from the phone and hand it in, with a browser's key if there is one."""
    sending = form_to(page.text, "/send")
    client.post(sending.action, data=sending.fields, headers=BROWSER)
    form = form_with(client.get(page.request.path, headers=BROWSER).text, "code")
    code = re.findall(r"data-code>(\d{6})<", client.get("/phone", headers=BROWSER).text)[0]
    return client.post(
        form.action, data={**form.fields, "code": code, **key}, headers=BROWSER, follow_redirects=True
    )


def pence(app: Flask, name: str) -> int:
    with app.app_context():
        return store.balance(name)


def test_a_fresh_checkout_needs_no_set_up(tmp_path: Path) -> None:
    """The first start makes the folder, the key and the data; nothing else has to be there."""
    instance = tmp_path / "fresh"
    answer = create_app({"TESTING": True, "INSTANCE": instance}).test_client().get("/login")
    assert answer.status_code == 200
    assert {"secret_key", "bank.sqlite"} <= {file.name for file in instance.iterdir()}


def test_the_secret_key_is_made_once_and_for_the_owner_only(instance: Path) -> None:
    """A second start keeps people logged in; another instance has another key."""
    first, second = (create_app({"TESTING": True, "INSTANCE": instance}).secret_key for _ in range(2))
    other = create_app({"TESTING": True, "INSTANCE": instance.with_name("other")}).secret_key
    assert first == second != other
    assert stat.S_IMODE((instance / "secret_key").stat().st_mode) == 0o600


@pytest.mark.slow
def test_workers_that_start_together_share_one_key_and_one_database(tmp_path: Path) -> None:
    """Whoever comes second takes what is there, complete."""
    processes = get_context("spawn")
    with processes.Manager() as manager, ProcessPoolExecutor(4, mp_context=processes) as pool:
        gate = manager.Barrier(4)
        starts = [pool.submit(start_worker, tmp_path / "fresh", gate) for _ in range(4)]
        seen = {start.result(timeout=60) for start in starts}
    assert len(seen) == 1


def start_worker(instance: Path, gate: Barrier) -> tuple[Any, int]:
    """Start the app in a process of its own, when all are ready; return its key and Ada's balance."""
    gate.wait(timeout=60)
    app = create_app({"TESTING": True, "INSTANCE": instance})
    return app.secret_key, pence(app, "ada")


def test_a_second_start_keeps_what_happened(app: Flask, instance: Path) -> None:
    """Seeding is for an empty database only."""
    with app.app_context():
        store.transfer("ada", to="grace", pence=100, today=store.date(2026, 1, 1))
    again = create_app({"TESTING": True, "INSTANCE": instance})
    assert pence(again, "ada") == pence(app, "ada")


@pytest.mark.parametrize("name", PASSWORDS)
def test_customers_log_in_with_what_the_login_page_shows(app: Flask, name: str) -> None:
    """What a stranger needs to try the demo stands on its first page."""
    shown = re.findall(r"<code>(\w+)</code>", app.test_client().get("/login").text)
    assert (name, PASSWORDS[name]) in zip(shown[::2], shown[1::2], strict=True)
    assert "Log out" in login(app, name).get("/").text


def test_the_database_holds_no_password(app: Flask, instance: Path) -> None:
    """Only salted hashes, although these passwords are public."""
    held = (instance / "bank.sqlite").read_bytes()
    assert not any(password.encode() in held for password in PASSWORDS.values())


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", "analytical"), ("", "")])
def test_a_wrong_login_does_not_say_which_half_was_wrong(app: Flask, name: str, password: str) -> None:
    """An unknown name and a wrong password read alike."""
    answer = submit(app.test_client(), "/login", username=name, password=password)
    assert answer.status_code == 401
    assert "That user name and password do not match." in answer.text


@pytest.mark.parametrize("path", ["/", "/transfer", "/statements"])
def test_strangers_are_sent_to_the_login_page(app: Flask, path: str) -> None:
    """The phone stands in for a thing in one's pocket and is open; all else is not."""
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/login")


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/statements", "/statements"),
        ("//evil.example", "/"),
        (r"/\evil.example", "/"),
        ("https:evil", "/"),
    ],
)
def test_the_way_back_from_the_login_stays_in_the_bank(app: Flask, wanted: str, reached: str) -> None:
    """Only the bank's own pages are gone back to."""
    client = app.test_client()
    form = form_with(client.get("/login").text, "username")
    data = {**form.fields, "username": "ada", "password": PASSWORDS["ada"], "next": wanted}
    assert client.post("/login", data=data).location == reached


def test_logging_out_takes_a_post(ada: FlaskClient) -> None:
    """A link or a prefetcher cannot log anybody out."""
    assert ada.get("/logout").status_code == 405
    assert "You are logged out" in submit_logout(ada).text
    assert ada.get("/").status_code == 302


def submit_logout(client: FlaskClient) -> Any:
    form = form_to(client.get("/").text, "/logout")
    return client.post(form.action, data=form.fields, headers=BROWSER, follow_redirects=True)


def test_a_post_without_the_token_of_the_session_is_refused(ada: FlaskClient, app: Flask) -> None:
    """Neither without a token nor with somebody else's."""
    other = form_with(login(app, "grace").get("/transfer").text, "to").fields["csrf_token"]
    values = {"to": "alan", "amount": "1"}
    assert ada.post("/transfer", data=values).status_code == 400
    assert ada.post("/transfer", data={**values, "csrf_token": other}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "title", "advice"),
    [
        ("GET", "/nowhere", 404, "There is no such page", "start from your account"),
        ("GET", "/logout", 405, "There is no such page", "start from your account"),
        ("POST", "/transfer", 400, "That did not work", "reload the page and try again"),
    ],
)
def test_an_error_is_a_page_of_the_bank_and_says_what_to_do(
    ada: FlaskClient, method: str, path: str, status: int, title: str, advice: str
) -> None:
    answer = ada.open(path, method=method, headers=BROWSER)
    assert answer.status_code == status
    assert f"<title>{title} – Harbour Bank</title>" in answer.text
    assert advice in answer.text
    assert ">Go to your account</a>" in answer.text


def test_a_fault_of_the_banks_own_is_told_without_the_database(app: Flask, instance: Path) -> None:
    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    ada = login(app, "ada")
    app.config["BANK_DATABASE"] = str(instance / "gone" / "bank.sqlite")
    answer = ada.get("/", headers=BROWSER)
    assert answer.status_code == 500
    assert "It is our fault, not yours." in answer.text


def test_programs_get_errors_without_a_page(ada: FlaskClient) -> None:
    answer = ada.get("/nowhere", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert "Harbour Bank" not in answer.text


def test_a_transfer_without_movement_takes_a_code_and_then_keeps_its_values(
    app: Flask, ada: FlaskClient
) -> None:
    """The whole way: challenge, code from the phone, own values again, done."""
    had = pence(app, "ada"), pence(app, "grace")
    challenge = submit(ada, "/transfer", to="grace", amount="12.34")
    assert "send a transfer" in challenge.text
    confirm = answer_challenge(ada, challenge)
    form = form_to(confirm.text, "/transfer")
    assert (form.fields["to"], form.fields["amount"]) == ("grace", "12.34")
    assert (pence(app, "ada"), pence(app, "grace")) == had, "nothing is sent behind the person's back"
    done = ada.post(form.action, data=form.fields, headers=BROWSER, follow_redirects=True)
    assert "£12.34 is on its way to Grace Hopper." in done.text
    assert (pence(app, "ada"), pence(app, "grace")) == (had[0] - 1_234, had[1] + 1_234)


def test_statements_always_take_a_code_and_then_open(ada: FlaskClient) -> None:
    """After the code the page that was wanted comes by itself: a GET needs no confirmation."""
    challenge = ada.get("/statements", headers=BROWSER, follow_redirects=True)
    assert "Paid out" not in challenge.text
    assert "Paid out" in answer_challenge(ada, challenge).text


def test_the_phone_shows_newest_first_and_only_what_is_its_own(app: Flask, ada: FlaskClient) -> None:
    """Codes of others do not land on one's phone."""
    for path in ("/statements", "/statements"):
        page = ada.get(path, headers=BROWSER, follow_redirects=True)
        sending = form_to(page.text, "/send")
        ada.post(sending.action, data=sending.fields, headers=BROWSER)
    outbox = app.extensions["zerotrust"].sender.outbox
    shown = re.findall(r"data-code>(\d{6})<", ada.get("/phone").text)
    assert shown == [message.code for message in outbox][::-1]
    assert "data-code" not in login(app, "grace").get("/phone").text
    assert "data-code" in app.test_client().get("/phone").text


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        ("", "Enter an amount in pounds"),
        ("abc", "Enter an amount in pounds"),
        ("1e3", "Enter an amount in pounds"),
        ("-5", "Enter an amount in pounds"),
        ("1.234", "Enter an amount in pounds"),
        ("12,34", "Enter an amount in pounds"),
        ("٣", "Enter an amount in pounds"),
        ("0", "from £0.01"),
        ("10000.01", "from £0.01"),
    ],
)
def test_amounts_that_mean_nothing_are_explained_at_the_field(
    granted: FlaskClient, amount: str, problem: str
) -> None:
    """What was typed stays in the form."""
    answer = submit(granted, "/transfer", to="grace", amount=amount)
    assert answer.status_code == 422
    assert problem in answer.text
    assert form_with(answer.text, "to").fields == {
        **form_with(answer.text, "to").fields,
        "to": "grace",
        "amount": amount,
    }


def test_a_mistake_in_a_transfer_puts_the_cursor_into_its_field(granted: FlaskClient) -> None:
    page = submit(granted, "/transfer", to="grace", amount="much").text
    assert re.findall(r'<input id="(\w+)"[^>]* autofocus', page) == ["amount"]


@pytest.mark.parametrize(("amount", "moved"), [("0.01", 1), ("7", 700), ("£1,234.5", 123_450)])
def test_amounts_are_read_as_people_write_them(
    app: Flask, granted: FlaskClient, amount: str, moved: int
) -> None:
    """Pounds, with or without pence, sign and thousands."""
    had = pence(app, "ada")
    submit(granted, "/transfer", to="The Lamp Room", amount=amount)
    assert pence(app, "ada") == had - moved


@pytest.mark.parametrize("to", ["", "   ", "x" * 71, "ada", "ADA LOVELACE", "18151210"])
def test_money_goes_to_somebody_else_who_has_a_name(app: Flask, granted: FlaskClient, to: str) -> None:
    """Nobody, a novel and oneself are not payees."""
    had = pence(app, "ada")
    assert submit(granted, "/transfer", to=to, amount="5").status_code == 422
    assert pence(app, "ada") == had


@pytest.fixture
def granted(ada: FlaskClient) -> FlaskClient:
    """Ada, who has just answered a challenge."""
    answer_challenge(ada, ada.get("/statements", headers=BROWSER, follow_redirects=True))
    return ada


def test_nobody_can_send_the_same_money_twice(app: Flask) -> None:
    """Eight transfers of the whole balance at once: one goes through."""
    had = pence(app, "ada")

    def send(_: int) -> bool:
        with app.app_context():
            try:
                store.transfer("ada", to="grace", pence=had, today=store.date(2026, 1, 1))
            except store.TransferRefused:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(8))) == 1
    assert pence(app, "ada") == 0


def test_pages_hold_nothing_inline_and_say_so_to_the_browser(ada: FlaskClient) -> None:
    """The strict policy stands on every page, the extension's too, and no page would break it."""
    challenge = ada.get("/statements", headers=BROWSER).location
    for path in (*PAGES, challenge):
        answer = ada.get(path, headers=BROWSER, follow_redirects=True)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';"), path
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", answer.text), path


def test_every_page_carries_the_collector(ada: FlaskClient) -> None:
    """Movement on any page counts."""
    for path in PAGES[1:]:
        answer = ada.get(path, headers=BROWSER, follow_redirects=True)
        assert "data-zerotrust=" in answer.text, path


def test_the_status_line_works_without_scripts_and_owns_up_to_being_a_demo(ada: FlaskClient) -> None:
    """The first text comes from the server; the page says that a real site would not show it."""
    text = ada.get("/").text
    assert re.search(r"data-zerotrust-status[^>]*>unknown - no movement yet<", text)
    assert "this demo only" in text


# A browser that is remembered


def key_fields(key: Key, page: Any, *, remember: bool) -> dict[str, str]:
    """Return what the challenge page's script adds to the answer."""
    data = page_data(page.text)
    signature = key.sign(MAKE, data["challenge"], data["user"])
    wish = {"zerotrust_remember": "1"} if remember else {}
    return {"zerotrust_key": key.point, "zerotrust_key_signature": signature, **wish}


def form_proof(key: Key, client: FlaskClient) -> dict[str, str]:
    """Return what the collector adds to a form."""
    token = client.get("/zerotrust/token?page=" + "x" * 22).json["token"]
    return {"zerotrust_proof": key.proof(token)}


def browser_pill(client: FlaskClient) -> str:
    return re.findall(r'data-browser="\w+">([^<]*)<', client.get("/", headers=BROWSER).text)[0]


def confirm(ada: FlaskClient, key: Key, *, remember: bool) -> None:
    """Send money from a new browser, and pass the code with a key."""
    challenge = submit(ada, "/transfer", to="grace", amount="1")
    assert "/zerotrust/challenge/" in challenge.request.path
    answer_challenge(ada, challenge, **key_fields(key, challenge, remember=remember))


def log_in_again(ada: FlaskClient) -> None:
    submit_logout(ada)
    submit(ada, "/login", username="ada", password=PASSWORDS["ada"])


def test_a_browser_that_is_remembered_sends_without_a_code_after_the_next_login(ada: FlaskClient) -> None:
    """The story of the demo: asked once, and after a logout by keyboard no more."""
    key = Key()
    assert browser_pill(ada) == "this browser is new"
    confirm(ada, key, remember=True)
    assert browser_pill(ada) == "this browser is remembered"
    log_in_again(ada)
    assert browser_pill(ada) == "this browser is new"
    sent = submit(ada, "/transfer", to="grace", amount="1", **form_proof(key, ada))
    assert "£1.00 is on its way to Grace Hopper." in sent.text
    assert browser_pill(ada) == "this browser is remembered"


def test_a_browser_that_was_confirmed_once_is_asked_after_the_next_login(ada: FlaskClient) -> None:
    key = Key()
    confirm(ada, key, remember=False)
    assert browser_pill(ada) == "this browser is confirmed until you log out"
    log_in_again(ada)
    sent = submit(ada, "/transfer", to="grace", amount="1", **form_proof(key, ada))
    assert "/zerotrust/challenge/" in sent.request.path


def test_a_script_from_elsewhere_is_asked_although_the_owner_is_remembered(
    app: Flask, ada: FlaskClient
) -> None:
    confirm(ada, Key(), remember=True)
    script = login(app, "ada")
    testing.force_risk(script, "low")
    assert "/zerotrust/challenge/" in submit(script, "/transfer", to="grace", amount="1").request.path


def test_a_bot_in_a_remembered_browser_is_asked(ada: FlaskClient) -> None:
    key = Key()
    confirm(ada, key, remember=True)
    testing.force_risk(ada, "high")
    sent = submit(ada, "/transfer", to="grace", amount="1", **form_proof(key, ada))
    assert "/zerotrust/challenge/" in sent.request.path


def test_under_the_other_rule_good_movement_sends_from_a_new_browser(
    instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``make demo NEW_BROWSER=movement`` sets the variable."""
    monkeypatch.setenv("FLASK_ZEROTRUST_NEW_BROWSER", '"movement"')
    app = create_app({"TESTING": True, "INSTANCE": instance})
    assert "Let a script do it" in app.test_client().get("/login").text
    ada = login(app, "ada")
    testing.force_risk(ada, "low")
    assert "is on its way" in submit(ada, "/transfer", to="grace", amount="1").text


def test_the_words_for_a_browser_are_those_of_the_script() -> None:
    script = (Path(pages.__file__).parent / "static" / "status.js").read_text(encoding="utf-8")
    assert set(pages.BROWSERS) == set(get_args(Trust))
    for state, words in pages.BROWSERS.items():
        assert f'{state}: "{words}"' in script


def test_the_live_status_is_the_session_of_who_asks(ada: FlaskClient) -> None:
    """It needs no page of its own, and says unknown before anything has moved."""
    status = ada.get("/zerotrust/status").json
    assert (status["level"], status["strokes"], status["granted"]) == ("unknown", 0, False)


def test_statements_add_up(app: Flask) -> None:
    """The newest closing balance is the balance; every month closes where the next begins."""
    with app.app_context():
        months = store.statements("grace")
        assert months[0].closing == store.balance("grace")
    for newer, older in pairwise(months):
        assert newer.closing == older.closing + newer.paid_in - newer.paid_out


# Is it still you?


def choose(client: FlaskClient, choice: str) -> Any:
    """Press a button of the security page, and pass the code that it takes."""
    form = form_to(client.get("/security", headers=BROWSER).text, "/security")
    asked = client.post(
        form.action, data={**form.fields, "choice": choice}, headers=BROWSER, follow_redirects=True
    )
    if "/zerotrust/challenge/" not in asked.request.path:
        return asked
    confirm = form_to(answer_challenge(client, asked).text, "/security")
    assert confirm.fields["choice"] == choice
    return client.post(confirm.action, data=confirm.fields, headers=BROWSER, follow_redirects=True)


def teach(app: Flask, name: str, strokes: int) -> None:
    """Put movement into a customer's profile."""
    guard = app.extensions["zerotrust"]
    habits = np.zeros((strokes, len(guard.background.mean)))
    guard.profiles.learn(guard.profiles.load(name), habits, now=guard.clock(), background=guard.background)


def test_nobody_is_learnt_before_they_agree(app: Flask, ada: FlaskClient) -> None:
    """The bank has switched it on; each customer decides."""
    assert "Such a profile is biometric data" in ada.get("/security", headers=BROWSER).text
    with app.app_context():
        assert not any(store.consents(name) for name in PASSWORDS)


def test_a_customer_switches_it_on_with_a_code_and_sees_how_far_it_is(app: Flask, ada: FlaskClient) -> None:
    """One customer's decision is nobody else's."""
    assert "From now on the bank learns how you move." in choose(ada, "switch on").text
    with app.app_context():
        assert [store.consents(name) for name in ("ada", "grace")] == [True, False]
    assert "0 of 60" in ada.get("/security").text
    teach(app, "ada", 42)
    assert "42 of 60" in ada.get("/security").text
    teach(app, "ada", 30)
    assert "Ready: new movement is compared with yours." in ada.get("/security").text


@pytest.mark.parametrize(("choice", "agrees"), [("switch off", False), ("start again", True)])
def test_what_was_learnt_can_be_erased(app: Flask, ada: FlaskClient, choice: str, agrees: bool) -> None:
    """With consent, or without it."""
    choose(ada, "switch on")
    teach(app, "ada", 42)
    assert "erased" in choose(ada, choice).text
    guard = app.extensions["zerotrust"]
    assert guard.store.get("profile:ada") is None
    with app.app_context():
        assert store.consents("ada") is agrees


def test_consent_ends_before_the_profile_is_erased(
    app: Flask, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or movement that comes in between would leave one behind."""
    choose(ada, "switch on")
    profiles, agreed = app.extensions["zerotrust"].profiles, []
    forget = profiles.forget

    def watched(user: str) -> None:
        agreed.append(store.consents(user))
        forget(user)

    monkeypatch.setattr(profiles, "forget", watched)
    choose(ada, "switch off")
    assert agreed == [False]


def test_a_thief_without_a_code_switches_nothing_off(app: Flask, ada: FlaskClient) -> None:
    """The session is Ada's, the hand is not."""
    choose(ada, "switch on")
    teach(app, "ada", 42)
    thief = login(app, "ada")
    form = form_to(thief.get("/security", headers=BROWSER).text, "/security")
    asked = thief.post(form.action, data={**form.fields, "choice": "switch off"}, headers=BROWSER)
    assert "/zerotrust/challenge/" in asked.location
    with app.app_context():
        assert store.consents("ada")
    assert app.extensions["zerotrust"].profiles.progress("ada").strokes == 42


def test_an_instance_from_before_gets_the_new_table(instance: Path) -> None:
    """A checkout that is updated keeps its data."""
    with closing(sqlite3.connect(instance / "bank.sqlite")) as db, db:
        db.execute("DROP TABLE consent")
    app = create_app({"TESTING": True, "INSTANCE": instance})
    assert "switch it on" in login(app, "ada").get("/security").text
