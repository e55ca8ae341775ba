"""A month of guessing over HTTP, and who is kept out by it: ``python -m tests.security.drill``.

An attacker has the password and sits behind the owner's address. They guess as soon as they may, for
thirty days, and make the address busy with other accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask_zerotrust.challenge.limits import (
    ACCOUNT_FAILURES,
    ACCOUNT_S,
    ADDRESS_ACCOUNTS,
    PAUSES_S,
    USER_TURN_S,
)
from flask_zerotrust.factors import webauthn
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.factors.webauthn import RelyingParty
from tests.authenticator import Authenticator
from tests.clock import Clock
from tests.integration.sites import SECRET, FixedScorer, Site, Visitor, build_app, totp

DAY_S = 86_400.0
MONTH_S = 30 * DAY_S
YEAR_S = 365 * DAY_S
# A code of an app is right for three time steps, a sent one once. Both have six digits.
VALID_APP, VALID_SENT = 3, 1
CODES = 1_000_000
# How often somebody tries again whose account is locked.
LOCKED_S = DAY_S / 2
# Between two visits, so that no step-up of the one before counts, and every code of the app is a new one.
VISIT_S = 360.0
JSON = {"Accept": "application/json"}
#: What is typed, as a function of the question for a passkey.
Code = Callable[[str], str]
PARTY = RelyingParty("localhost", "site", ("http://localhost",))


@dataclass
class Watched(Factor):
    """An app whose codes are noted when they are compared."""

    compared: list[str]
    id, kind, label = "totp", "totp", "Authenticator app"

    def check(self, code: str, *, now: float) -> str | None:
        self.compared.append(code)
        return TotpFactor(SECRET).check(code, now=now)


@dataclass(frozen=True)
class Answer:
    """How a challenge was answered: why not passed, and seconds until another try makes sense."""

    reason: str | None
    wait_s: float | None

    @property
    def passed(self) -> bool:
        return self.reason is None


@dataclass
class Visits:
    """When one kind of user came, and how long each was refused."""

    refused_s: list[float] = field(default_factory=list)

    @property
    def longest_s(self) -> float:
        return max(self.refused_s)


@dataclass
class Drill:
    """The month, and what came of it."""

    site: Site
    device: Authenticator = field(default_factory=Authenticator)
    compared: list[str] = field(default_factory=list)
    begun: float = 0.0
    #: How many guesses were compared.
    guesses: int = 0
    known: Visits = field(default_factory=Visits)
    passkey: Visits = field(default_factory=Visits)
    neighbour: Visits = field(default_factory=Visits)
    #: The longest time without a visit in a new browser, with a code, that passed.
    new_browser_s: float = 0.0
    opened_by: list[str] = field(default_factory=list)
    told: list[tuple[float, str]] = field(default_factory=list)

    def run(self) -> Drill:
        """Let the month pass."""
        clock = self.site.clock
        owner, thief = self._known_owner(), self.site.visitor().login()
        spray = [self.site.visitor().login(f"u{n}") for n in range(ADDRESS_ACCOUNTS + 1)]
        self.begun, day = clock(), 0
        begun = self.begun
        guess_at, passed_at = begun, begun
        # Shortly before the month is over, since wrong codes are forgotten then.
        while clock() < begun + MONTH_S - 10 * VISIT_S:
            if clock() >= guess_at:
                guess_at = clock() + self._guess(thief)
            if self._new_browser(self._right).passed:
                passed_at = clock()
            self.new_browser_s = max(self.new_browser_s, clock() - passed_at)
            if clock() >= begun + day * DAY_S:
                busy = spray if day % 14 == 0 else []
                self._visit(self.known, busy, lambda: self._answer(owner, self._right))
                self._visit(self.passkey, busy, lambda: self._new_browser(self._sign, self._passkey_id()))
                self._visit(self.neighbour, busy, lambda: self._new_browser(self._right, user="ann"))
                day += 1
            clock.now = max(clock(), min(guess_at, begun + day * DAY_S, begun + MONTH_S - 10 * VISIT_S))
        self._open_again()
        return self

    # The attacker

    def _guess(self, thief: Visitor) -> float:
        """Guess until refused, and return in how many seconds it is worth to try again."""
        while True:
            before = len(self.compared)
            answer = self._answer(thief, self._wrong)
            self.guesses += len(self.compared) - before
            if answer.reason == "locked":
                return LOCKED_S
            if answer.reason in ("factor_paused", "slow_down"):
                return answer.wait_s or LOCKED_S

    # The owner

    def _known_owner(self) -> Visitor:
        owner = self.site.visitor().login().step_up("/admin")
        self.site.clock.tick(VISIT_S)
        return owner

    def _visit(self, visits: Visits, busy: list[Visitor], answer: Callable[[], Answer]) -> None:
        """Try until it passes, waiting as the page says, and note how long that took.

        Right before, wrong codes are typed in other accounts' browsers, more than an address may.
        """
        clock = self.site.clock
        clock.tick(VISIT_S)
        for visitor in busy:
            self._answer(visitor, self._wrong)
        begun = clock()
        while not (answered := answer()).passed and clock() < begun + DAY_S:
            clock.tick(answered.wait_s or DAY_S)
        visits.refused_s.append(clock() - begun)

    def _new_browser(self, code: Code, factor: str = "totp", user: str = "ada") -> Answer:
        return self._answer(self.site.visitor().login(user), code, factor)

    def _open_again(self) -> None:
        """Note what opens the account in a new browser, after a month of guessing."""
        assert self._new_browser(self._right).reason == "locked"
        if self._new_browser(self._recovery, "recovery").passed:
            self.opened_by.append("recovery code")
        if self._new_browser(self._sign, self._passkey_id()).passed:
            self.opened_by.append("passkey")
        self.site.clock.tick(VISIT_S)
        with self.site.app.app_context():
            self.site.zt.unlock("ada")
        if self._new_browser(self._right).passed:
            self.opened_by.append("unlock")

    def _recovery(self, _: str) -> str:
        return str(self._enrolled().make_recovery("ada")[0])

    def _sign(self, question: str) -> str:
        return self.device.get(question)

    def _passkey_id(self) -> str:
        factors = self._enrolled().factors("ada", party=PARTY)
        return str(next(factor.id for factor in factors if factor.kind == webauthn.KIND))

    def _right(self, _: str) -> str:
        return totp(self.site.clock())

    def _wrong(self, _: str) -> str:
        return f"{(int(totp(self.site.clock())) + 500_000) % CODES:06}"

    def _enrolled(self) -> Any:
        return self.site.app.extensions["zerotrust"].enrolled

    # HTTP

    def _answer(self, visitor: Visitor, code: Code, factor: str = "totp") -> Answer:
        """Answer a challenge of the visitor's, a new one if the last has ended."""
        asked = visitor.fetch("/admin", headers=JSON)
        url = f"{asked.json['challenge_url']}?factor={factor}"
        page = visitor.fetch(url, headers=JSON).json
        typed = code(page["question"])
        form = {"_zerotrust_csrf": page["zerotrust_csrf"], "code": typed, "factor": factor}
        answer = visitor.fetch(page["submit_url"], "POST", data=form, headers=JSON)
        wait_s = answer.headers.get("Retry-After")
        return Answer(answer.json.get("reason"), None if wait_s is None else float(wait_s))


def drill() -> Drill:
    """Return a drill that has run."""
    clock = Clock()
    site = build_app(clock, FixedScorer(), ZEROTRUST_NEW_BROWSER="challenge", ZEROTRUST_PASSKEYS=True)
    made = Drill(site)

    @site.zt.factors_loader
    def factors(user: str) -> list[Factor]:
        return [Watched(made.compared)]

    @site.zt.notify
    def notify(user: str, event: str, text: str) -> None:
        if user == "ada":
            made.told.append((clock(), event))

    asked = webauthn.registration(PARTY, challenge=b"c" * 32, handle=b"h" * 32, user="ada", existing=[])
    key = webauthn.registered(made.device.create(asked), PARTY, challenge=b"c" * 32)
    assert key is not None
    made._enrolled().add_passkey("ada", key)
    return made.run()


def chance(guesses: float, valid: int) -> float:
    """Return how likely one of so many guesses is right."""
    return 1 - (1 - valid / CODES) ** guesses


def guesses_a_year() -> float:
    """Return the most guesses at one account in new browsers, by the limits."""
    return ACCOUNT_FAILURES * YEAR_S / ACCOUNT_S


def lines(drill: Drill) -> list[str]:
    """Return what docs/security.md says, line by line."""
    year, times = guesses_a_year(), [event for _, event in drill.told].count("wrong-codes")
    return [
        "| behind the attacker's address | refused for at most |",
        "|---|---|",
        f"| the owner, known browser, code of an app | {drill.known.longest_s:.0f} s |",
        f"| the owner, new browser, passkey | {drill.passkey.longest_s:.0f} s |",
        f"| the owner, new browser, code of an app | {drill.new_browser_s / DAY_S:.0f} days |",
        f"| another user, new browser, code of an app | {drill.neighbour.longest_s:.0f} s |",
        "",
        f"- Opens the account in a new browser at once: {', '.join(drill.opened_by)}.",
        f"- Guesses compared in 30 days: {drill.guesses}. By the limits at most {ACCOUNT_FAILURES}.",
        f"- Pauses of {PAUSES_S[0] / 60:.0f} minutes, {PAUSES_S[1] / 3_600:.0f} hour and then "
        f"{PAUSES_S[2] / 3_600:.0f} hours. Turns of a busy address: one in {USER_TURN_S:.0f} s a user.",
        f"- Chance a year and account, codes of an app: {ACCOUNT_FAILURES} guesses × 365 / 30 days × "
        f"{VALID_APP} valid codes / {CODES:,} = {chance(year, VALID_APP):.2%}.",
        f"- Chance a year and account, sent codes (one is valid): {chance(year, VALID_SENT):.2%}.",
        f"- The owner was told of wrong codes {times} times, once a day at most.",
    ]


if __name__ == "__main__":
    print("\n".join(lines(drill())))
