"""Rows 39 and 40: movement keeps trust and never earns it, and a browser proves itself by its key alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_zerotrust import signals
from flask_zerotrust.web import browsers
from flask_zerotrust.web.visit import MARK_COOKIE
from tests.integration.known import (
    MAKE,
    PROVE,
    Key,
    again,
    answer_with_key,
    form_proof,
    page_data,
    pass_with_key,
    prove_to,
    remembered,
    text_of,
)
from tests.integration.sites import SECRET, Site, TotpFactor, Visitor

#: Order of the base point of P-256 (FIPS 186-4, D.1.2.3).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_NEW_BROWSER="challenge", ZEROTRUST_SMS_SENDER="console")


@pytest.fixture
def ada(site: Site) -> Visitor:
    return site.visitor().login()


@pytest.fixture
def key() -> Key:
    return Key()


def send(visitor: Visitor, **fields: Any) -> Any:
    return visitor.submit("/transfer", {"to": "Grace", **fields})


def sends(visitor: Visitor, **fields: Any) -> bool:
    answer = send(visitor, **fields)
    assert answer.status_code in (200, 303), answer.text
    return answer.status_code == 200


# Movement


@pytest.mark.parametrize("strokes", [0, 1, 20])
def test_no_movement_opens_a_view_in_a_new_browser(ada: Visitor, strokes: int) -> None:
    ada.move(strokes, says=-4.0)
    assert ada.asked()
    assert not sends(ada)


def test_no_movement_in_the_form_itself_opens_a_view_in_a_new_browser(ada: Visitor) -> None:
    """Three requests were enough before: a login, a token and the form."""
    ada.site.scorer.says = -4.0
    token = ada.token()
    batches = [ada.body(5, token=token) for _ in range(4)]
    assert not sends(ada, zerotrust_batch=batches)
    assert ada.level() == "low"


def test_movement_keeps_what_was_proven_and_machines_lose_it(ada: Visitor, key: Key) -> None:
    remembered(ada, key).move(6, says=-4.0)
    assert sends(ada, **form_proof(ada, key))
    ada.site.clock.tick(301)
    ada.move(8, says=4.0)
    assert not sends(ada, **form_proof(ada, key))


def test_movement_in_the_form_itself_is_judged_before_the_proof(ada: Visitor, key: Key) -> None:
    remembered(ada, key)
    ada.site.scorer.says = 4.0
    token = ada.token()
    batches = [ada.body(4, token=token) for _ in range(3)]
    fields = {"to": "Grace", "zerotrust_proof": key.proof(token), "zerotrust_batch": batches}
    assert ada.submit("/transfer", fields).status_code == 303


# What a passed factor is worth


def test_a_browser_that_is_remembered_needs_no_code_after_a_logout(ada: Visitor, key: Key) -> None:
    again(remembered(ada, key))
    assert sends(ada, **form_proof(ada, key))
    assert not ada.asked()


def test_confirmed_once_it_counts_until_the_logout(ada: Visitor, key: Key) -> None:
    remembered(ada, key, remember=False)
    assert sends(ada, **form_proof(ada, key))
    again(ada)
    assert not sends(ada, **form_proof(ada, key))


def test_a_challenge_page_takes_the_proof_too(ada: Visitor, key: Key) -> None:
    again(remembered(ada, key))
    asked = ada.open("/secret")
    answer = prove_to(ada, key, asked.location)
    assert answer.json == {"passed": True, "url": "/secret"}
    assert ada.open("/secret").text == "the secret"


def test_a_form_that_was_kept_waits_for_its_confirmation_after_a_proof(ada: Visitor, key: Key) -> None:
    again(remembered(ada, key))
    answer = prove_to(ada, key, send(ada).location)
    assert answer.json["url"].endswith("/confirm")
    assert 'value="Grace"' in ada.open(answer.json["url"]).text


def test_the_days_of_a_remembered_browser_end(ada: Visitor, key: Key) -> None:
    remembered(ada, key)
    ada.site.clock.tick(30 * 86_400)
    again(ada)
    assert not sends(ada, **form_proof(ada, key))


def test_a_browser_that_makes_no_key_has_its_time(ada: Visitor) -> None:
    ada.step_up()
    ada.site.clock.tick(1_799)
    assert not ada.asked()
    ada.site.clock.tick(2)
    assert ada.asked()


def test_a_proof_counts_as_long_as_a_grant(ada: Visitor, key: Key) -> None:
    again(remembered(ada, key))
    assert sends(ada, **form_proof(ada, key))
    ada.site.clock.tick(300)
    assert not ada.asked()
    ada.site.clock.tick(1)
    assert ada.asked()


@pytest.mark.parametrize("path", ["/admin"])
def test_where_a_code_is_always_wanted_a_proof_is_none(ada: Visitor, key: Key, path: str) -> None:
    remembered(ada, key)
    url = ada.open(path).location
    assert page_data(ada.open(url).text)["token"] is None
    assert prove_to(ada, key, url).status_code == 403
    assert ada.asked(path)


def test_a_high_session_is_not_remembered(ada: Visitor, key: Key) -> None:
    ada.move(8, says=4.0)
    asked = ada.open("/secret")
    assert page_data(ada.open(asked.location).text)["remember"] is False
    ada.site.clock.tick(30)
    answer_with_key(ada, key, asked.location, remember=True)
    again(ada)
    assert not sends(ada, **form_proof(ada, key))


# Copies


def test_a_cookie_copied_before_a_proof_is_worth_nothing_after_it(
    ada: Visitor, key: Key, site: Site
) -> None:
    again(remembered(ada, key))
    thief = site.visitor().put_back(ada.cookie())
    assert sends(ada, **form_proof(ada, key))
    assert thief.asked()


def test_an_anonymous_cookie_copied_before_the_login_neither(site: Site, key: Key) -> None:
    ada = site.visitor()
    ada.open("/")
    early = ada.cookie()
    remembered(ada.login(), key)
    thief = site.visitor().put_back(early)
    assert sends(ada, **form_proof(ada, key))
    assert thief.open("/secret").status_code == 401


def test_an_anonymous_cookie_gains_nothing_from_a_login_with_the_password_either(
    site: Site, key: Key
) -> None:
    ada = remembered(site.visitor().login(), key)
    ada.submit("/logout", {})
    ada.open("/")
    thief = site.visitor().put_back(ada.cookie())
    assert sends(ada.login(), **form_proof(ada, key))
    assert thief.login().move(20, says=-4.0).asked()


def test_all_cookies_of_a_known_browser_open_nothing_without_its_key(
    ada: Visitor, key: Key, site: Site
) -> None:
    again(remembered(ada, key))
    thief = site.visitor().put_back(ada.cookie())
    mark = ada.client.get_cookie(MARK_COOKIE, path="/zerotrust")
    assert mark is not None
    thief.client.set_cookie(MARK_COOKIE, mark.value, path="/zerotrust")
    assert thief.move(20, says=-4.0).asked()
    assert not sends(thief)


def test_a_live_cookie_is_worth_the_age_of_the_last_proof(ada: Visitor, key: Key, site: Site) -> None:
    again(remembered(ada, key))
    assert sends(ada, **form_proof(ada, key))
    thief = site.visitor().put_back(ada.cookie())
    site.clock.tick(299)
    assert not thief.asked()
    site.clock.tick(2)
    assert thief.asked()


def test_a_cookie_of_the_thief_planted_in_the_owners_browser_stays_the_thiefs(
    ada: Visitor, key: Key, site: Site
) -> None:
    remembered(ada, key)
    thief = site.visitor().login()
    planted = thief.cookie()
    ada.put_back(planted)
    assert sends(ada, **form_proof(ada, key))
    assert thief.asked()


def test_a_link_to_the_challenge_of_another_session_takes_no_proof(
    ada: Visitor, key: Key, site: Site
) -> None:
    remembered(ada, key)
    thief = site.visitor().login()
    url = thief.open("/secret").location
    page = ada.open(url)
    assert page.status_code == 403
    token = ada.token()
    answer = ada.fetch(url + "/prove", "POST", data={"zerotrust_proof": key.proof(token)})
    assert answer.status_code == 403
    assert thief.asked()


# Proofs that are none


def test_a_token_proves_once(ada: Visitor, key: Key) -> None:
    again(remembered(ada, key))
    token = ada.token()
    before = ada.cookie()
    assert sends(ada, zerotrust_proof=key.proof(token))
    ada.put_back(before)
    assert not sends(ada, zerotrust_proof=key.proof(token))


def test_a_signature_changed_into_another_that_verifies_proves_nothing_more(
    ada: Visitor, key: Key, site: Site
) -> None:
    """ECDSA: (r, n - s) verifies wherever (r, s) does, so the token is what is used up."""
    again(remembered(ada, key))
    token = ada.token()
    proof = key.proof(token)
    guard = site.app.extensions["zerotrust"]
    heard: list[str] = []

    def listen(_: object, reason: str, **__: Any) -> None:
        heard.append(reason)

    with signals.proof_refused.connected_to(listen, site.app):
        with site.app.test_request_context("/", headers={"Cookie": ada.cookie().header}):
            assert browsers._checked(guard, "ada", proof, None).user == "ada"
        assert not sends(ada, zerotrust_proof=twisted(proof))
    assert heard == ["the token was used before"]


def twisted(proof: str) -> str:
    token, point, signature = proof.split(" ")
    raw = base64.urlsafe_b64decode(signature + "==")
    s = ORDER - int.from_bytes(raw[32:], "big")
    return f"{token} {point} {text_of(raw[:32] + s.to_bytes(32, 'big'))}"


def test_another_key_proves_nothing(ada: Visitor, key: Key) -> None:
    again(remembered(ada, key))
    assert not sends(ada, **form_proof(ada, Key()))


def test_the_public_key_of_a_known_browser_proves_nothing_without_its_signature(
    ada: Visitor, key: Key
) -> None:
    again(remembered(ada, key))
    token = ada.token()
    for forged in (Key().sign(PROVE, token), key.sign(MAKE, token), key.sign(PROVE, token + "x")):
        assert not sends(ada, zerotrust_proof=f"{token} {key.point} {forged}")


def test_the_key_of_one_user_is_no_key_of_another(site: Site, key: Key) -> None:
    remembered(site.visitor().login("ada"), key)
    tess = site.visitor().login("tess")
    assert not sends(tess, **form_proof(tess, key))


def test_several_users_of_one_browser_have_a_key_each(site: Site) -> None:
    keys = {name: Key() for name in ("ada", "tess")}
    here = site.visitor()
    for name, own in keys.items():
        remembered(here.login(name), own)
        here.submit("/logout", {})
    for name, own in keys.items():
        here.login(name)
        assert sends(here, **form_proof(here, own))
        here.submit("/logout", {})


def test_the_token_of_another_session_proves_nothing(ada: Visitor, key: Key, site: Site) -> None:
    again(remembered(ada, key))
    other = site.visitor().login()
    assert not sends(ada, zerotrust_proof=key.proof(other.token()))


def test_the_token_of_a_form_is_none_for_a_challenge(ada: Visitor, key: Key) -> None:
    again(remembered(ada, key))
    url = ada.open("/secret").location
    assert prove_to(ada, key, url, zerotrust_proof=key.proof(ada.token())).status_code == 403
    assert ada.asked()


def test_nothing_is_proven_before_a_login(site: Site, key: Key) -> None:
    remembered(site.visitor().login(), key)
    nobody = site.visitor()
    nobody.open("/")
    answer = nobody.submit("/transfer", form_proof(nobody, key))
    assert answer.status_code == 401
    assert nobody.login().asked()


MALFORMED = [
    "",
    "x",
    "a b",
    "a b c",
    "a b c d",
    " ".join(["a" * 600] * 3),
    "\x00 \x00 \x00",
    "é é é",
    "  ",
]


@pytest.mark.parametrize("proof", MALFORMED)
def test_a_malformed_proof_proves_nothing_and_breaks_nothing(ada: Visitor, key: Key, proof: str) -> None:
    again(remembered(ada, key))
    assert not sends(ada, zerotrust_proof=proof)
    answer = prove_to(ada, key, ada.open("/secret").location, zerotrust_proof=proof)
    assert (answer.status_code, answer.json["passed"]) == (403, False)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(point=st.binary(max_size=70), signature=st.binary(max_size=70))
def test_no_octets_in_place_of_key_and_signature_break_anything(
    ada: Visitor, point: bytes, signature: bytes
) -> None:
    proof = f"{ada.token()} {text_of(point)} {text_of(signature)}"
    assert not sends(ada, zerotrust_proof=proof)


BAD_KEYS = [
    ("x", "x"),
    (text_of(b"\x04" + bytes(64)), text_of(bytes(64))),
    (text_of(b"\x02" * 65), text_of(b"\x01" * 64)),
    ("é" * 87, "é" * 86),
    ("A" * 100_000, "A"),
]


@pytest.mark.parametrize(("point", "signature"), BAD_KEYS)
def test_a_malformed_key_is_refused_before_the_code_is_judged(
    ada: Visitor, key: Key, point: str, signature: str
) -> None:
    bad = {"zerotrust_key": point, "zerotrust_key_signature": signature}
    answer = pass_with_key(ada, key, remember=True, **bad)
    assert answer.status_code in (400, 413)
    assert ada.asked()
    ada.step_up()  # the code was not used up


def test_a_key_that_somebody_else_signed_for_is_refused(ada: Visitor, key: Key) -> None:
    answer = pass_with_key(ada, key, remember=True, zerotrust_key=Key().point)
    assert answer.status_code == 400


def test_a_key_is_kept_only_once_the_factor_is_passed(ada: Visitor, key: Key, site: Site) -> None:
    wrong = pass_with_key(ada, key, remember=True, code="000000")
    assert wrong.status_code == 422
    assert site.app.extensions["zerotrust"].browsers.all("ada", now=site.clock()) == []


# Ends


def test_a_changed_password_forgets_every_browser(ada: Visitor, key: Key, site: Site) -> None:
    remembered(ada, key)
    assert sends(ada, **form_proof(ada, key))
    with site.app.app_context():
        site.zt.password_changed("ada")
    assert ada.asked()
    assert not sends(again(ada), **form_proof(ada, key))


def test_the_factor_that_made_the_key_has_to_be_there_still(ada: Visitor, key: Key, site: Site) -> None:
    remembered(ada, key)
    site.zt.factors_loader(lambda user: [TotpFactor(SECRET[::-1].replace("=", "A"))])
    assert not sends(ada, **form_proof(ada, key))
    site.zt.factors_loader(lambda user: [TotpFactor(SECRET)])
    assert sends(ada, **form_proof(ada, key))


def test_a_loader_that_fails_costs_a_code_and_forgets_nothing(ada: Visitor, key: Key, site: Site) -> None:
    remembered(ada, key)
    guard = site.app.extensions["zerotrust"]
    calls = {"n": 0}

    def flaky(user: str) -> Any:
        calls["n"] += 1
        if calls["n"] == 1:
            raise RuntimeError("the database is away")
        return [TotpFactor(SECRET)]

    site.zt.factors_loader(flaky)
    assert not sends(ada, **form_proof(ada, key))
    assert len(guard.browsers.all("ada", now=site.clock())) == 1
    assert sends(ada, **form_proof(ada, key))


def test_the_list_is_bounded_and_the_one_used_longest_ago_goes(ada: Visitor, site: Site) -> None:
    guard = site.app.extensions["zerotrust"]
    keys = [Key() for _ in range(22)]
    for number, own in enumerate(keys):
        guard.browsers.add(
            "ada",
            own.point,
            name="b",
            factor_id="totp",
            factor_tag=guard.browsers.factor_tag("totp", "totp", SECRET),
            thread=None,
            now=site.clock() + number,
        )
    site.clock.tick(60)
    kept = [browser.key for browser in guard.browsers.all("ada", now=site.clock())]
    assert kept == [own.point for own in keys[2:]]


def test_observing_makes_no_keys(make_site: Callable[..., Site], key: Key) -> None:
    site = make_site(ZEROTRUST_MODE="observe", ZEROTRUST_NEW_BROWSER="challenge")
    ada = site.visitor().login()
    assert ada.open("/secret").text == "the secret"
    assert site.app.extensions["zerotrust"].browsers.all("ada", now=site.clock()) == []
    assert ada.fetch(f"/zerotrust/token?page={ada.nonce}").json["browser"] is None


# No sequence of acts


class Acts:
    """What anybody can do with cookies, movement and time in browsers that have no key of the user."""

    def __init__(self, site: Site, owner: Visitor, key: Key) -> None:
        self.site, self.owner, self.key = site, owner, key
        self.thief = site.visitor().login()
        self.jar = [self.thief.cookie()]

    def move(self) -> None:
        token = self.thief.fetch(f"/zerotrust/token?page={self.thief.nonce}")
        if token.status_code == 200:
            self.thief.send(self.thief.body(2, token=token.json["token"]))

    def wait(self) -> None:
        self.site.clock.tick(301)

    def login(self) -> None:
        self.thief.login()

    def logout(self) -> None:
        self.thief.submit("/logout", {})

    def keep(self) -> None:
        if self.thief.client.get_cookie("session") is not None:
            self.jar.append(self.thief.cookie())

    def rewind(self) -> None:
        self.thief.put_back(self.jar[len(self.jar) // 2])

    def copy_unproven(self) -> None:
        """Take the owner's cookie while its last proof is too old, and let the owner prove again."""
        self.site.clock.tick(301)
        self.thief.put_back(self.owner.cookie())
        assert sends(self.owner, **form_proof(self.owner, self.key))

    def plant(self) -> None:
        found = self.thief.client.get_cookie("session")
        before = self.owner.cookie()
        if found is not None:
            self.owner.put_back(self.thief.cookie())
            token = self.owner.fetch(f"/zerotrust/token?page={self.owner.nonce}")
            if token.status_code == 200:
                send(self.owner, zerotrust_proof=self.key.proof(token.json["token"]))
        self.owner.put_back(before)

    def own_key(self) -> None:
        token = self.thief.fetch(f"/zerotrust/token?page={self.thief.nonce}")
        if token.status_code == 200:
            send(self.thief, zerotrust_proof=Key().proof(token.json["token"]))


ACTS = ("move", "wait", "login", "logout", "keep", "rewind", "copy_unproven", "plant", "own_key")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from(ACTS), min_size=1, max_size=12))
def test_no_sequence_of_acts_opens_a_view_in_a_browser_without_the_key(
    make_site: Callable[..., Site], acts: list[str]
) -> None:
    site = make_site(ZEROTRUST_NEW_BROWSER="challenge", ZEROTRUST_SMS_SENDER="console")
    key = Key()
    thieves = Acts(site, again(remembered(site.visitor().login(), key)), key)
    for act in acts:
        getattr(thieves, act)()
        answer = thieves.thief.open("/secret")
        assert answer.text != "the secret", acts
