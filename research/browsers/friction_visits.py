"""Ten visits of one person at the bank, and the codes that they are asked for."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from example_app.seed import PASSWORDS
from research.browsers.friction_people import Person, in_time
from tests.browser.bank_app import LATER
from tests.browser.harness import Bank

USER, PAYEE = "ada", "alan"
#: How long anything may take on a machine that does other work at the time, in seconds.
PATIENCE_S = 40.0
#: The least time in which anybody reads a page and begins to fill in its form, in seconds.
READ_S = 1.0
#: How long the script may take to offer the two buttons: its own patience, and some more.
OFFER_S = 3.0
#: After so long a proof is too old (``ZEROTRUST_GRANT_S``), and a minute ago so was the code of a browser
#: that makes no key (``ZEROTRUST_KEYLESS_S``).
LATER_S = 1_860
_CODE = re.compile(r"data-code>(\d+)")
# What came of an action; nothing while pages load, or while the challenge page tries a proof.
_OUTCOME = """(scripts => {
  if (document.readyState !== "complete") return "";
  if (document.querySelector("main [role=alert]")) return "refused";
  if (document.querySelector(".notice.success")) return "done";
  if (!location.pathname.includes("/zerotrust/challenge/")) return "";
  if (location.pathname.endsWith("/confirm")) return "confirm";
  return scripts && document.querySelector("[data-zt-proving]") ? "" : "asked";
})"""
_STATUS = """(() => {
  const line = document.querySelector("[data-zerotrust-status]");
  const browser = document.querySelector("[data-zerotrust-browser]").dataset.browser;
  const strokes = /(\\d+) stroke/.exec(line.textContent);
  return [line.dataset.level, strokes ? Number(strokes[1]) : 0, browser];
})()"""
_KEYED = "!!document.querySelector('[data-zt-keyed]:not([hidden])')"
#: The buttons with which a code is handed in.
BUTTONS = {
    "once": "[data-zt-keyed] button:not([name])",
    "remember": "[data-zt-keyed] button[name=zerotrust_remember]",
    "keyless": "[data-zt-keyless]",
}


@dataclass(slots=True)
class Visit:
    """What happened in one visit.

    Attributes
    ----------
    codes, detours : int
        Codes that were asked for, and forms that the challenge page proved and showed again.
    offered : bool
        Whether each challenge offered to remember the browser.
    level, strokes, state
        What the bank's status line said when most strokes were counted, which a passed code sets to 0,
        and of the browser at the end: *new*, *session* or *known*.
    """

    codes: int = 0
    detours: int = 0
    offered: bool = True
    level: str = ""
    strokes: int = 0
    state: str = ""

    def note(self, level: str, strokes: int, state: str) -> None:
        """Take down what the status line says."""
        if not self.level or strokes > self.strokes:
            self.level, self.strokes = level, strokes
        self.state = state


@dataclass(slots=True)
class Visits:
    """The visits of one person, and the codes for one more action, half an hour into the last of them."""

    visits: list[Visit] = field(default_factory=list)
    later: Visit = field(default_factory=Visit)

    def kept(self) -> dict[str, Any]:
        """Return it for the kept file."""
        names = ("codes", "detours", "offered", "level", "strokes", "state")
        columns = {name: [getattr(visit, name) for visit in self.visits] for name in names}
        return {
            "visits": len(self.visits),
            "asked": sum(columns["codes"]),
            "asked_later": self.later.codes,
            **columns,
        }


def ten_visits(person: Person, bank: Bank, *, choice: str, visits: int = 10) -> Visits:
    """Log in, act and log out so many times; stay in the last visit, and act again half an hour later."""
    found = Visits()
    for number in range(1, visits + 1):
        found.visits.append(visit := Visit())
        person.begin()
        log_in(person, bank)
        act(person, bank, visit, choice=choice, amount=10 * number)
        if number == visits:
            wait_half_an_hour(bank)
            act(person, bank, found.later, choice=choice, amount=10 * number + 5, tabs=False)
        log_out(person)
        person.end()
    return found


def log_in(person: Person, bank: Bank) -> None:
    """Fill in the login form and arrive at the account."""
    person.page.goto(bank.url + "/login")
    if person.scripts:
        person.page.evaluate("sessionStorage.clear()")  # as in the new tab of another day
    person.fill("[name=username]", USER)
    person.fill("[name=password]", PASSWORDS[USER])
    person.press("main form[method=post] button[type=submit]")
    person.page.wait_for_url(bank.url + "/")


def log_out(person: Person) -> None:
    """Use the button at the top of the page."""
    person.press("form[action$='/logout'] button")
    person.page.wait_for_url(lambda url: url.endswith("/login"))


def act(person: Person, bank: Bank, visit: Visit, *, choice: str, amount: int, tabs: bool = True) -> None:
    """Send money, from each tab if there are several, and see that it went.

    Raises
    ------
    AssertionError
        If the bank does not say that this amount is on its way.
    """
    if not tabs:
        person.page.goto(bank.url + "/transfer")
        send(person, bank, visit, choice=choice, amount=amount)
        return
    for number, _ in enumerate(person.tabs(bank.url + "/transfer")):
        send(person, bank, visit, choice=choice, amount=amount + number)


def send(person: Person, bank: Bank, visit: Visit, *, choice: str, amount: int) -> None:
    """Fill in the form that is loaded, send it, and pass what comes in between."""
    time.sleep(READ_S)
    person.move()
    person.fill("#to", PAYEE)
    person.fill("#amount", str(amount))
    visit.note(*person.page.evaluate(_STATUS))
    person.press("main form[method=post] button[type=submit]")
    reached = outcome(person, "asked", "confirm", "done")
    if reached == "asked":
        answer(person, bank, visit, choice=choice)
        reached = outcome(person, "confirm", "done")
    elif reached == "confirm":
        visit.detours += 1
    if reached == "confirm":
        person.press("main form[method=post] button[type=submit]")
        outcome(person, "done")
    notice = person.page.evaluate("document.querySelector('.notice.success').innerText")
    wanted = f"£{amount}.00 is on its way"
    assert wanted in notice, f"the bank says {notice!r}, not {wanted!r}"
    visit.note(*person.page.evaluate(_STATUS))


def answer(person: Person, bank: Bank, visit: Visit, *, choice: str) -> None:
    """Have a code sent, read it from the phone, fill it in and press the chosen button."""
    visit.codes += 1
    person.press("main form[action$='/send'] button")
    wait(lambda: person.page.evaluate("!!document.querySelector('[name=code]')"), "a code's field", person)
    outcome(person, "asked")
    offered = person.scripts and in_time(lambda: person.page.evaluate(_KEYED), OFFER_S)
    visit.offered = visit.offered and offered
    person.fill("[name=code]", newest_code(bank))
    person.press(BUTTONS[choice if offered else "keyless"])


def newest_code(bank: Bank) -> str:
    """Return the newest code on the phone, which is no part of the browser."""
    with urllib.request.urlopen(bank.url + "/phone", timeout=PATIENCE_S) as page:
        return str(_CODE.findall(page.read().decode())[0])


def wait_half_an_hour(bank: Bank) -> None:
    """Set the extension's clock forward."""
    request = urllib.request.Request(f"{bank.url}{LATER}?s={LATER_S}", method="POST")
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()


def outcome(person: Person, *wanted: str) -> str:
    """Wait for one of these outcomes of an action, and return it."""
    last = ""

    def reached() -> bool:
        nonlocal last
        last = person.page.evaluate(_OUTCOME, person.scripts)
        return last in (*wanted, "refused")

    wait(reached, " or ".join(wanted), person)
    if last == "refused":
        raise AssertionError(f"{person.page.url} says: {text(person)}")
    return last


def wait(done: Callable[[], object], what: str, person: Person) -> None:
    """Wait until it is done; an error says what did not come, and where."""
    if in_time(done, PATIENCE_S):
        return
    raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}, on {person.page.url}: {text(person)}")


def text(person: Person) -> str:
    """Return how the page begins, for errors."""
    return repr(person.page.evaluate("document.querySelector('main').innerText.slice(0, 300)"))
