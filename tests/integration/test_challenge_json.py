"""The challenge as JSON: what script that shows it in a dialog is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .sites import Site, Visitor

JSON = {"Accept": "application/json"}
MakeSite = Callable[..., Site]


@pytest.fixture
def ada(site: Site) -> Visitor:
    visitor = site.visitor().login()
    visitor.open("/")
    return visitor


def asked(visitor: Visitor, path: str = "/secret") -> str:
    """Call a guarded view as script does, and return the challenge's address."""
    answer = visitor.fetch(path, headers=JSON)
    assert answer.status_code == 401
    return str(answer.json["challenge_url"])


def test_a_form_that_is_too_old_is_told_without_a_page(ada: Visitor) -> None:
    state = look(ada, asked(ada)).json
    answer = submit(ada, {**state, "zerotrust_csrf": "old"}, code="123456")
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.json["detail"].startswith("This form is too old.")


def look(visitor: Visitor, url: str) -> Any:
    return visitor.fetch(url, headers=JSON)


def submit(visitor: Visitor, state: dict[str, Any], key: str = "submit_url", **fields: str) -> Any:
    data = {"_zerotrust_csrf": state["zerotrust_csrf"], "factor": state["factor"]["id"], **fields}
    return visitor.fetch(state[key], "POST", data=data, headers=JSON)


def test_script_gets_what_the_page_shows(ada: Visitor) -> None:
    state = look(ada, asked(ada, "/admin")).json
    assert state["passed"] is False
    assert state["action"] == "open the admin page"
    assert [factor["kind"] for factor in state["factors"]] == ["totp"]
    assert state["sent"] is False


def test_the_markup_is_the_inside_of_the_page(ada: Visitor) -> None:
    """The same template: the same texts, the same fields, without the frame."""
    url = asked(ada)
    html, page = look(ada, url).json["html"], ada.open(url).text
    assert html.strip().startswith('<div class="zt-dialog-inside" lang="en" dir="ltr">')
    assert "<main" not in html
    assert '<h1 class="zt-title">Confirm it’s you</h1>' in html
    assert html.count("<input") == page.count("<input")


def test_a_page_stays_a_page_for_who_asks_for_one(ada: Visitor) -> None:
    """Also for script that puts pages together, which says that it wants HTML."""
    answer = ada.fetch(asked(ada), headers={"Accept": "text/html"})
    assert answer.mimetype == "text/html"


def test_the_right_code_is_passed_and_opens_the_view(ada: Visitor) -> None:
    answer = submit(ada, look(ada, asked(ada)).json, code=ada.code())
    assert (answer.status_code, answer.json["passed"]) == (200, True)
    assert "Yes: continue to “secret”" in answer.json["html"]
    assert ada.fetch("/secret", headers=JSON).text == "the secret"


def test_a_wrong_code_is_a_problem_with_its_reason(ada: Visitor) -> None:
    answer = submit(ada, look(ada, asked(ada)).json, code="12345")
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert (answer.json["reason"], answer.json["passed"]) == ("format", False)
    assert answer.json["detail"] == "Type all digits of the code."
    assert 'role="alert"' in answer.json["html"]
    assert ada.fetch("/secret", headers=JSON).status_code == 401


def test_too_many_tries_say_so(ada: Visitor) -> None:
    state = look(ada, asked(ada)).json
    wrong = f"{(int(ada.code()) + 1) % 1_000_000:06}"
    answers = [submit(ada, state, code=wrong) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429]
    assert "Retry-After" not in answers[-1].headers  # waiting does not help
    assert submit(ada, state, code=ada.code()).json["reason"] == "too_many"


def test_a_code_is_sent_without_leaving(make_site: MakeSite) -> None:
    sue = make_site(ZEROTRUST_SMS_SENDER="console").visitor().login("sue")
    state = look(sue, asked(sue)).json
    sent = submit(sue, state, "send_url")
    assert (sent.status_code, sent.json["sent"]) == (200, True)
    again = submit(sue, state, "send_url")
    assert (again.status_code, again.json["reason"]) == (429, "too_soon")
    assert again.headers["Retry-After"] == str(again.json["retry_after_s"]) == "30"


def test_another_factor_is_chosen_by_its_id(make_site: MakeSite) -> None:
    tess = make_site(ZEROTRUST_SMS_SENDER="console").visitor().login("tess")
    state = look(tess, asked(tess) + "?factor=sms").json
    assert (state["factor"]["id"], state["factor"]["sends"]) == ("sms", True)


def test_an_answer_without_our_token_is_refused(ada: Visitor) -> None:
    """Another site cannot answer, whatever it accepts."""
    url = asked(ada)
    answer = ada.fetch(url, "POST", data={"code": ada.code()}, headers=JSON)
    assert answer.status_code == 400
    assert ada.fetch("/secret", headers=JSON).status_code == 401


def test_a_challenge_that_has_gone_says_so(ada: Visitor) -> None:
    answer = look(ada, "/zerotrust/challenge/" + "x" * 22)
    assert (answer.status_code, answer.json["reason"]) == (404, "gone")
    assert "This check has ended" in answer.json["html"]


def test_a_challenge_of_somebody_else_says_nothing_of_it(ada: Visitor, site: Site) -> None:
    url = asked(ada, "/admin")
    grace = site.visitor().login("grace")
    answer = look(grace, url)
    assert (answer.status_code, answer.json["reason"]) == (403, "not_yours")
    assert "admin" not in answer.text


def test_a_form_posted_by_script_is_not_kept_once_it_is_passed(ada: Visitor) -> None:
    """Script has its request itself; the server keeps no second copy."""
    answer = ada.fetch("/transfer", "POST", data={"to": "grace"}, headers=JSON)
    url = answer.json["challenge_url"]
    assert submit(ada, look(ada, url).json, code=ada.code()).json["passed"]
    assert "grace" not in ada.client.get(url + "/confirm", follow_redirects=True).text


def test_a_step_up_in_another_tab_passes_this_challenge_too(ada: Visitor) -> None:
    first, second = asked(ada), asked(ada)
    submit(ada, look(ada, first).json, code=ada.code())
    assert look(ada, second).json["passed"] is True


def test_the_state_is_handed_to_no_other_origin(ada: Visitor) -> None:
    """Nor what a wrong code is answered, which holds the state as well."""
    for answer in (look(ada, asked(ada)), submit(ada, look(ada, asked(ada)).json, code="1")):
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_no_answer_is_kept_or_read_elsewhere(ada: Visitor) -> None:
    """Nothing for caches, nothing for other origins."""
    for answer in (look(ada, asked(ada)), submit(ada, look(ada, asked(ada)).json, code="1")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Cookie" in answer.headers["Vary"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]
