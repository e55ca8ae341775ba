"""Row 38: a signature opens one challenge of one person at one site, once; a copied key is noticed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_zerotrust import config
from flask_zerotrust.factors import webauthn
from flask_zerotrust.factors.enrolled import Enrolled
from flask_zerotrust.factors.webauthn import RelyingParty
from tests.authenticator import Authenticator
from tests.desk import Desk
from tests.forms import form_with
from tests.integration.sites import Site, Visitor, copied
from tests.integration.test_passkeys import ADD, answer, asked, question
from tests.stored import contents

PARTY = RelyingParty("localhost", "The Bank", ("http://localhost",))


class Keyed:
    """A desk whose ada has a passkey."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.key = desk, Authenticator()
        self.enrolled = Enrolled(desk.store, desk.keys)
        asked = webauthn.registration(PARTY, challenge=b"c" * 32, handle=b"h" * 32, user="ada", existing=[])
        made = webauthn.registered(self.key.create(asked), PARTY, challenge=b"c" * 32)
        assert made is not None
        self.enrolled.add_passkey("ada", made)

    @property
    def factor(self) -> Any:
        (found,) = self.enrolled.factors("ada", party=PARTY)
        return found

    def sign(self, pending: Any, **changes: Any) -> str:
        asked = self.desk.challenges.question(pending, self.factor)
        assert asked is not None
        return self.key.get(asked, **changes)


@pytest.fixture
def keyed(desk: Desk) -> Keyed:
    return Keyed(desk)


def test_an_answer_is_good_once(desk: Desk, keyed: Keyed) -> None:
    pending = desk.open()
    said = keyed.sign(pending)
    assert desk.reason(desk.check, pending, said, keyed.factor) is None
    assert desk.reason(desk.check, pending, said, keyed.factor) == "stale"


def test_one_answer_at_once_lets_one_in(desk: Desk, keyed: Keyed) -> None:
    """Also a passkey's that never counts."""
    keyed.key.step = 0
    pending = desk.open()
    said, factor = keyed.sign(pending), keyed.factor
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk.reason(desk.check, pending, said, factor), range(8)))
    assert answers.count(None) == 1


def test_an_answer_is_good_for_its_own_challenge_only(desk: Desk, keyed: Keyed) -> None:
    first, second = desk.open(), desk.open()
    said = keyed.sign(first)
    desk.challenges.question(second, keyed.factor)
    assert desk.reason(desk.check, second, said, keyed.factor) == "wrong"


def test_an_answer_that_nobody_asked_for_is_stale(desk: Desk, keyed: Keyed) -> None:
    said = keyed.sign(desk.open())
    assert desk.reason(desk.check, desk.open(), said, keyed.factor) == "stale"


def test_a_wrong_answer_closes_its_question(desk: Desk, keyed: Keyed) -> None:
    """Nothing can be tried against one question twice."""
    pending = desk.open()
    right = keyed.sign(pending)
    wrong = keyed.sign(pending, origin="https://evil.example")
    assert desk.reason(desk.check, pending, wrong, keyed.factor) == "wrong"
    assert desk.reason(desk.check, pending, right, keyed.factor) == "stale"


def test_a_question_does_not_outlive_its_challenge(desk: Desk, keyed: Keyed) -> None:
    pending = desk.open()
    said = keyed.sign(pending)
    desk.clock.tick(config.CHALLENGE_S + 1)
    assert desk.reason(desk.check, pending, said, keyed.factor) == "gone"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"origin": "https://localhost.evil.example"},
        {"origin": "http://localhost:81"},
        {"rp_id": "evil.example"},
    ],
    ids=str,
)
def test_a_signature_made_for_another_site_is_wrong(
    desk: Desk, keyed: Keyed, elsewhere: dict[str, str]
) -> None:
    pending = desk.open()
    assert desk.reason(desk.check, pending, keyed.sign(pending, **elsewhere), keyed.factor) == "wrong"


def test_a_copied_key_is_refused_once_the_first_has_signed(desk: Desk, keyed: Keyed) -> None:
    copied = Authenticator(id=keyed.key.id, key=keyed.key.key)
    pending = desk.open()
    desk.check(pending, keyed.sign(pending), keyed.factor)
    keyed.key = copied
    pending = desk.open()
    assert desk.reason(desk.check, pending, keyed.sign(pending), keyed.factor) == "wrong"


def test_wrong_answers_end_the_challenge_and_shut_nothing_else(make_desk: Callable[..., Desk]) -> None:
    """Nobody guesses a signature: a pause would only keep its owner out (row 14)."""
    desk = make_desk(FACTOR_FAILURES=3, CODE_TRIES=3)
    keyed = Keyed(desk)
    pending = desk.open()
    for expected in ("wrong", "wrong", "too_many", "too_many"):
        wrong = keyed.sign(pending, origin="https://evil.example")
        assert desk.reason(desk.check, pending, wrong, keyed.factor) == expected
    pending = desk.open()
    desk.check(pending, keyed.sign(pending), keyed.factor)


def test_public_keys_and_handles_lie_encrypted(desk: Desk, keyed: Keyed) -> None:
    """They are no secrets, but they tell which accounts belong to one authenticator."""
    lies = repr(contents(desk.store))
    assert keyed.key.id.hex() not in lies
    assert keyed.enrolled.handle("ada").hex() not in lies


# Over HTTP


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_PASSKEYS=True)


def test_a_made_up_host_gains_nothing(site: Site) -> None:
    """A page in between that is called evil.example, and says so to us and to the browser."""
    key = Authenticator()
    ada = site.visitor().login().step_up(ADD)
    answer(ada, ADD, key.create)
    site.clock.tick(301)
    url = asked(ada)
    page = ada.open(url).text
    form = form_with(page, "code")
    key.origin = "http://evil.example"
    for rp_id in ("localhost", "evil.example"):
        said = key.get(question(ada.open(url).text), rp_id=rp_id)
        refused = site.app.test_client(use_cookies=False).post(
            form.action,
            data={**form.fields, "code": said},
            headers={
                "Host": "localhost" if rp_id == "localhost" else "evil.example",
                "Cookie": ada.cookie().header,
                "Sec-Fetch-Site": "same-origin",
            },
        )
        assert refused.status_code == 422, rp_id


def test_a_host_below_the_domain_gains_nothing(site: Site) -> None:
    """Somebody has taken over evil.bank.example: browsers let it sign with keys of bank.example."""
    at_home = {"base_url": "http://bank.example"}
    ada, key = site.visitor(), Authenticator(origin="http://bank.example")
    ada.submit("/login", {"username": "ada"}, **at_home)
    form = form_with(ada.open(ada.open(ADD, **at_home).location, **at_home).text, "code")
    ada.submit(form.action, {**form.fields, "code": ada.code()}, **at_home)
    page = ada.open(ADD, **at_home).text
    made = {**form_with(page, "code").fields, "code": key.create(question(page))}
    assert ada.submit(ADD, made, **at_home).status_code == 303
    site.clock.tick(301)
    url = ada.open("/admin", **at_home).location + "?factor=webauthn"
    page, key.origin = ada.open(url, **at_home).text, "http://evil.bank.example"
    form = form_with(page, "code")
    refused = site.app.test_client(use_cookies=False).post(
        form.action,
        data={**form.fields, "code": key.get(question(page))},
        base_url="http://evil.bank.example",
        headers={"Cookie": copied(ada.client, "bank.example").header, "Sec-Fetch-Site": "same-origin"},
    )
    assert refused.status_code == 422
    page, key.origin = ada.open(url, **at_home).text, "http://bank.example"
    said = {**form_with(page, "code").fields, "code": key.get(question(page))}
    assert ada.submit(form.action, said, **at_home).status_code == 303


def test_another_port_of_the_host_gains_nothing(site: Site) -> None:
    """Somebody runs a page on port 8443 there: browsers let it sign with the bank's keys."""
    ada, key = site.visitor(), Authenticator()
    ada.login().step_up(ADD)
    assert answer(ada, ADD, key.create).status_code == 303
    site.clock.tick(301)
    url, elsewhere = asked(ada), "http://localhost:8443"
    form = form_with(ada.open(url).text, "code")
    said = key.get(question(ada.open(url).text), origin=elsewhere)
    refused = site.app.test_client(use_cookies=False).post(
        form.action,
        data={**form.fields, "code": said},
        base_url=elsewhere,
        headers={"Cookie": ada.cookie().header, "Sec-Fetch-Site": "same-origin"},
    )
    assert refused.status_code == 422
    assert answer(ada, url, key.get).location == "/admin"


def test_another_sessions_key_cannot_be_finished_here(site: Site) -> None:
    """The thief makes a key for the question of one session, and the owner's browser posts it."""
    thief: Visitor = site.visitor().login().step_up(ADD)
    owner = site.visitor().login().step_up(ADD)
    made = Authenticator().create(question(thief.open(ADD).text))
    refused = answer(owner, ADD, lambda _: made)
    assert refused.status_code == 422
    assert site.app.extensions["zerotrust"].enrolled.count("ada") == 0


@pytest.mark.parametrize("mode", ["enforce", "observe", "off"])
def test_a_login_alone_makes_no_key(make_site: Callable[..., Site], mode: str) -> None:
    site = make_site(ZEROTRUST_PASSKEYS=True, ZEROTRUST_MODE=mode)
    ada = site.visitor().login()
    for refused in (ada.open(ADD), ada.submit(ADD, {"code": "{}"})):
        assert "/zerotrust/challenge/" in refused.location
    assert site.app.extensions["zerotrust"].enrolled.count("ada") == 0
