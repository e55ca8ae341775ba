"""The browsers that are known to a user: the list on the page of factors, the message, the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo
from flask_babel import Babel

from flask_zerotrust import signals
from flask_zerotrust.cli import group
from tests.forms import form_to

from .known import Key, form_proof, pass_with_key
from .sites import NUMBER, Site, Visitor

FACTORS = "/zerotrust/factors"
AGENTS = {
    "Firefox on Windows": "Mozilla/5.0 (Windows NT 10.0; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Safari on iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1",
}
DAY_S = 86_400


@pytest.fixture
def site(make_site: Callable[..., Site], tmp_path: Path) -> Site:
    return make_site(
        ZEROTRUST_NEW_BROWSER="challenge",
        ZEROTRUST_SMS_SENDER="console",
        ZEROTRUST_STORE=f"sqlite:///{tmp_path / 'zt.sqlite'}",
    )


def known(site: Site, name: str, key: Key | None = None, *, user: str = "ada") -> Visitor:
    """Return a user who has just passed a code in a browser of this name, and had it remembered."""
    visitor = site.visitor()
    visitor.client.environ_base["HTTP_USER_AGENT"] = AGENTS[name]
    visitor.login(user)
    assert pass_with_key(visitor, key or Key(), remember=True).status_code == 303
    return visitor


def kept(site: Site, user: str = "ada") -> list[Any]:
    return list(site.app.extensions["zerotrust"].browsers.all(user, now=site.clock()))


def press(visitor: Visitor, ending: str) -> Any:
    form = form_to(visitor.open(FACTORS).text, ending)
    return visitor.submit(form.action, form.fields)


def command(site: Site, *words: str) -> Result:
    return CliRunner().invoke(group, ["browsers", *words], obj=ScriptInfo(create_app=lambda: site.app))


# The page


def test_the_page_names_and_dates_the_browsers_and_marks_this_one(site: Site) -> None:
    known(site, "Safari on iPhone")
    site.clock.tick(DAY_S)
    page = known(site, "Firefox on Windows").open(FACTORS).text
    assert "Browsers that we know" in page
    assert '<time datetime="2027-01-15">15 January 2027</time>' in page
    assert '<time datetime="2027-01-16">16 January 2027</time>' in page
    here, there = page.index("Firefox on Windows"), page.index("Safari on iPhone")
    assert here < page.index("This browser") < there


def test_a_browser_that_counts_until_the_logout_is_not_listed(site: Site) -> None:
    ada = site.visitor().login()
    pass_with_key(ada, Key(), remember=False, path=FACTORS)
    assert len(kept(site)) == 1
    assert "Browsers that we know" not in ada.open(FACTORS).text


def test_a_browser_of_somebody_else_is_not_listed(site: Site) -> None:
    known(site, "Safari on iPhone", user="tess")
    assert "Safari" not in known(site, "Firefox on Windows").open(FACTORS).text


def test_a_forgotten_browser_is_asked_at_once_and_this_one_is_not(site: Site) -> None:
    there = known(site, "Safari on iPhone")
    here = known(site, "Firefox on Windows")
    assert not there.asked()
    (old, _) = kept(site)
    done = press(here, f"/browsers/{old.id}/forget")
    assert (done.status_code, done.location) == (303, FACTORS + "?news=forgotten")
    page = here.open(done.location).text
    assert "The browser is forgotten." in page
    assert "Safari on iPhone" not in page
    assert (there.asked(), here.asked()) == (True, False)


def test_the_key_of_a_forgotten_browser_proves_nothing(site: Site) -> None:
    key = Key()
    there = known(site, "Safari on iPhone", key)
    site.clock.tick(301)
    press(known(site, "Firefox on Windows"), "/browsers/forget")
    answer = there.submit("/transfer", {"to": "Grace", **form_proof(there, key)})
    assert answer.status_code == 303


def test_all_others_are_forgotten_with_one_button(site: Site) -> None:
    others = [known(site, name) for name in AGENTS]
    here = known(site, "Firefox on Windows")
    assert len(kept(site)) == 3
    done = press(here, "/browsers/forget")
    page = here.open(done.location).text
    assert "All other browsers are forgotten." in page
    assert page.count("This browser") == 1
    assert "Forget all other browsers" not in page
    assert len(kept(site)) == 1
    assert [visitor.asked() for visitor in (*others, here)] == [True, True, False]


def test_this_browser_can_be_forgotten_too_and_confirms_again(site: Site) -> None:
    here = known(site, "Firefox on Windows")
    done = press(here, f"/browsers/{kept(site)[0].id}/forget")
    assert done.status_code == 303
    assert kept(site) == []
    assert here.asked()


def test_a_browser_that_is_not_there_or_not_remembered_is_404(site: Site) -> None:
    ada = known(site, "Firefox on Windows")
    fields = form_to(ada.open(FACTORS).text, "/forget").fields
    for browser_id in ("nothing", kept(site)[0].id + "x"):
        assert ada.submit(f"/zerotrust/browsers/{browser_id}/forget", fields).status_code == 404
    known(site, "Safari on iPhone", user="tess")
    assert ada.submit(f"/zerotrust/browsers/{kept(site, 'tess')[0].id}/forget", fields).status_code == 404
    assert len(kept(site, "tess")) == 1


@pytest.mark.parametrize("path", ["forget", "ID/forget"])
def test_another_site_and_a_login_alone_forget_nothing(site: Site, path: str) -> None:
    ada = known(site, "Firefox on Windows")
    known(site, "Safari on iPhone")
    path = "/zerotrust/browsers/" + path.replace("ID", kept(site)[0].id)
    fields = form_to(ada.open(FACTORS).text, "/browsers/forget").fields
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert ada.submit(path, fields, headers=headers).status_code == 403
    assert ada.submit(path, {}).status_code == 400
    assert ada.open(path).status_code == 405
    assert "/challenge/" in site.visitor().login().submit(path, fields).location
    assert len(kept(site)) == 2


def test_the_list_is_there_in_german(make_site: Callable[..., Site]) -> None:
    site = make_site(ZEROTRUST_NEW_BROWSER="challenge")
    Babel(site.app, default_locale="de")
    page = known(site, "Firefox on Windows").open(FACTORS).text
    assert "Bekannte Browser" in page
    assert "Firefox unter Windows" in page
    assert "15. Januar 2027" in page


# The message


def messages(site: Site) -> list[tuple[str, str]]:
    outbox = site.app.extensions["zerotrust"].sender.outbox
    return [(message.to, message.text) for message in outbox if not message.code]


def test_the_owner_is_told_once_of_a_remembered_browser(site: Site) -> None:
    key = Key()
    tess = known(site, "Firefox on Windows", key, user="tess")
    ((to, text),) = messages(site)
    assert to == NUMBER
    assert "A browser was remembered for your account: Firefox on Windows." in text
    site.clock.tick(301)
    pass_with_key(tess, key, remember=True)
    assert len(messages(site)) == 1


def test_nobody_is_told_of_a_browser_that_confirmed_once(site: Site) -> None:
    pass_with_key(site.visitor().login("tess"), Key(), remember=False)
    assert messages(site) == []


def test_the_apps_own_function_hears_of_it(site: Site) -> None:
    heard: list[tuple[str, str]] = []
    site.zt.notify(lambda user, event, text: heard.append((user, event)))
    known(site, "Firefox on Windows")
    assert heard == [("ada", "browser-remembered")]


def test_the_owner_is_told_also_if_a_receiver_of_the_signal_fails(site: Site) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the app's own trouble")

    with signals.browser_remembered.connected_to(fail, site.app), pytest.raises(RuntimeError):
        known(site, "Firefox on Windows", user="tess")
    assert len(messages(site)) == 1


# The command


def test_the_command_lists_the_browsers_of_a_user(site: Site) -> None:
    known(site, "Firefox on Windows")
    known(site, "Safari on iPhone", user="tess")
    (browser,) = kept(site)
    assert json.loads(command(site, "ada", "--json").stdout) == {
        "id": browser.id,
        "name": "Firefox on Windows",
        "remembered": True,
        "since": "2027-01-15T08:00Z",
        "used": "2027-01-15T08:00Z",
        "ends": "2027-02-14T08:00Z",
    }
    line = command(site, "ada").stdout
    assert browser.id in line
    assert "Firefox on Windows" in line
    assert "Safari" not in line
    assert command(site, "bob").stdout == "No browser is known to bob.\n"


def test_the_command_forgets_one_or_all_and_the_app_hears_of_it(site: Site) -> None:
    visitors = [known(site, name) for name in (*AGENTS, *AGENTS)]
    gone: list[str] = []

    def hear(_: Any, *, browser: str, **__: Any) -> None:
        gone.append(browser)

    ids = [browser.id for browser in kept(site)]
    with signals.browser_forgotten.connected_to(hear, site.app):
        assert command(site, "ada", "--forget", ids[1]).stdout == "1 browser forgotten.\n"
        assert [visitor.asked() for visitor in visitors] == [False, True, False, False]
        assert json.loads(command(site, "ada", "--forget-all", "--json").stdout) == {"forgotten": 3}
    assert gone == [ids[1], ids[0], ids[2], ids[3]]
    assert [visitor.asked() for visitor in visitors] == [True] * 4


def test_an_id_may_begin_with_a_dash(site: Site) -> None:
    known(site, "Firefox on Windows")
    said = command(site, "ada", "--forget", "-abcdefghijk")
    assert (said.exit_code, "has no browser with the id '-abcdefghijk'" in said.output) == (2, True)


def test_the_command_refuses_what_it_cannot_do(site: Site, make_site: Callable[..., Site]) -> None:
    said = command(site, "ada", "--forget", "x", "--forget-all")
    assert (said.exit_code, "exclude each other" in said.output) == (2, True)
    said = command(make_site(), "ada")
    assert (said.exit_code, "not shared with this command" in said.output) == (2, True)
