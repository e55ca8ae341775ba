"""Row 11, over HTTP: fifty submissions of one code at once, to two workers over one file; one wins."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.clock import Clock
from tests.constants import set_constants
from tests.integration.sites import FixedScorer, Site, Visitor, build_app

FIFTY = 50
JSON = {"Accept": "application/json"}


@pytest.fixture
def workers(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Site, Site]]:
    """Two workers that let as many tries through as a challenge may have: the claim has to hold."""
    set_constants(monkeypatch, {"CODE_TRIES": 10, "FACTOR_FAILURES": 100})
    config = {
        "ZEROTRUST_STORE": f"sqlite:///{tmp_path / 'shared.sqlite'}",
        "ZEROTRUST_SMS_SENDER": "console",
    }
    pair = tuple(build_app(clock, FixedScorer(), **config) for _ in range(2))
    yield pair[0], pair[1]
    for site in pair:
        site.app.extensions["zerotrust"].store.close()


def browser(workers: tuple[Site, Site], n: int, name: str, cookie: str | None = None) -> Visitor:
    """Return a browser at one of the workers, logged in, or with the cookie of another one."""
    visitor = workers[n % 2].visitor()
    return visitor.put_back(cookie) if cookie else visitor.login(name)


def state(visitor: Visitor) -> dict[str, Any]:
    url = visitor.fetch("/admin", headers=JSON).json["challenge_url"]
    found: dict[str, Any] = visitor.fetch(url, headers=JSON).json
    return found


def submit(visitor: Visitor, at: dict[str, Any], code: str, factor: str) -> str:
    data = {"_zerotrust_csrf": at["zerotrust_csrf"], "factor": factor, "code": code}
    answer = visitor.fetch(at["submit_url"], "POST", data=data, headers=JSON).json
    return "passed" if answer["passed"] else str(answer["reason"])


def copies(
    workers: tuple[Site, Site], first: Visitor, shown: dict[str, Any]
) -> list[tuple[Visitor, dict[str, Any]]]:
    """Return fifty copies of one browser, at either worker, before the same challenge."""
    cookie = first.cookie()
    return [(browser(workers, n, "", cookie), shown) for n in range(FIFTY)]


def together(tries: list[tuple[Visitor, dict[str, Any]]], code: str, factor: str) -> Counter[str]:
    """Submit a code from all browsers, by threads that start together, and count the answers."""
    start = threading.Barrier(len(tries))

    def one(pair: tuple[Visitor, dict[str, Any]]) -> str:
        start.wait(60)
        return submit(*pair, code, factor)

    with ThreadPoolExecutor(len(tries)) as pool:
        return Counter(pool.map(one, tries))


def let_in(tries: list[tuple[Visitor, dict[str, Any]]]) -> int:
    """Return how many sessions came of it: the same answer in the same browser gives the same one."""
    return len({visitor.entry()["id"] for visitor, _ in tries if not visitor.asked("/admin")})


def test_one_of_fifty_copies_of_an_app_code_wins(workers: tuple[Site, Site]) -> None:
    ada = browser(workers, 0, "ada")
    tries = copies(workers, ada, state(ada))
    answers = together(tries, ada.code(), "totp")
    assert let_in(tries) == 1
    assert set(answers) <= {"passed", "used", "too_many", "gone"}


def test_one_of_fifty_copies_of_a_sent_code_wins(workers: tuple[Site, Site]) -> None:
    sue = browser(workers, 0, "sue")
    shown = state(sue)
    data = {"_zerotrust_csrf": shown["zerotrust_csrf"]}
    assert sue.fetch(shown["send_url"], "POST", data=data, headers=JSON).json["sent"]
    with workers[0].app.app_context():
        code = workers[0].zt.sender.outbox[-1].code  # type: ignore[attr-defined]
    tries = copies(workers, sue, shown)
    answers = together(tries, code, "sms")
    assert let_in(tries) == 1
    assert set(answers) <= {"passed", "used", "too_many", "gone", "not_sent"}


def test_one_of_fifty_browsers_wins_with_one_app_code(workers: tuple[Site, Site]) -> None:
    """Each at a challenge of its own, so that no count of tries is in the way."""
    ada = [browser(workers, n, "ada") for n in range(FIFTY)]
    for visitor in ada:
        visitor.open("/")
    answers = together([(visitor, state(visitor)) for visitor in ada], ada[0].code(), "totp")
    assert answers == {"passed": 1, "used": FIFTY - 1}


def test_one_of_fifty_copies_of_a_recovery_code_wins(workers: tuple[Site, Site]) -> None:
    codes = workers[0].app.extensions["zerotrust"].enrolled.make_recovery("ada")
    other = browser(workers, 1, "ada")
    tries = copies(workers, other, state(other))
    together(tries, codes[0], "recovery")
    assert let_in(tries) == 1
    assert workers[0].app.extensions["zerotrust"].enrolled.recovery_left("ada") == 9
