"""Pages in the language of the request, by the real Flask-Babel, and templates changed block by block."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import request
from flask_babel import Babel, lazy_gettext
from jinja2 import ChoiceLoader, DictLoader

from flask_zerotrust import step_up_required
from tests.forms import form_with

from .sites import NUMBER, Site, Visitor

MakeSite = Callable[..., Site]


def speak(site: Site, folder: Path | None = None) -> Site:
    """Let the site ask browsers which language they like."""
    if folder is not None:
        site.app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(folder)
    Babel(
        site.app,
        locale_selector=lambda: request.accept_languages.best_match(
            ["en", "de", "fr", "de_AT", "ar", "he"]
        ),
    )
    return site


def catalogue(folder: Path, tag: str, texts: dict[str, str], domain: str = "flask_zerotrust") -> Path:
    """Write an app's own catalogue, compiled, and return the folder."""
    made = Catalog(locale=tag)
    for text, translation in texts.items():
        made.add(text, translation)
    target = folder / tag / "LC_MESSAGES"
    target.mkdir(parents=True)
    with (target / f"{domain}.mo").open("wb") as file:
        write_mo(file, made)
    return folder


def own_template(site: Site, **texts: str) -> Site:
    """Put templates into the app's own folder."""
    own = DictLoader({f"zerotrust/{name}.html": text for name, text in texts.items()})
    site.app.jinja_loader = ChoiceLoader([own])
    return site


def challenge(visitor: Visitor, tag: str, path: str = "/secret") -> str:
    headers = {"Accept-Language": tag}
    asked = visitor.open(path, headers=headers)
    assert asked.status_code == 303
    return str(visitor.open(asked.location, headers=headers).text)


@pytest.fixture
def ada(make_site: MakeSite) -> Visitor:
    return speak(make_site()).visitor().login()


def test_a_german_meets_a_german_challenge(ada: Visitor) -> None:
    page = challenge(ada, "de")
    assert '<html lang="de" dir="ltr">' in page
    assert "<title>Code eingeben – Identität bestätigen</title>" in page
    assert "Geben Sie den Code ein, den Ihre App gerade anzeigt." in page
    assert "Authenticator-App" in page
    assert "Cancel" not in page


def test_a_wrong_code_is_announced_in_german(ada: Visitor) -> None:
    headers = {"Accept-Language": "de"}
    form = form_with(ada.open(ada.open("/secret").location).text, "code")
    page = ada.submit(form.action, {**form.fields, "code": "no code"}, headers=headers)
    assert "Geben Sie alle Ziffern des Codes ein." in page.text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "in 1 Sekunde erneut"),
        (89, "in 89 Sekunden erneut"),
        (90, "etwa 2 Minuten"),
        (60.4, "60 Sekunden"),
    ],
)
def test_german_has_its_plurals(make_site: MakeSite, seconds: float, said: str) -> None:
    site = speak(make_site())
    with site.app.test_request_context(headers={"Accept-Language": "de"}):
        macro = site.app.jinja_env.get_template("zerotrust/parts.html").module.wait
        assert said in macro(round(seconds))


def test_a_text_message_is_in_german(make_site: MakeSite) -> None:
    site = speak(make_site(ZEROTRUST_SMS_SENDER="console"))
    sue = site.visitor().login("sue")
    headers = {"Accept-Language": "de"}
    asked = sue.open("/secret", headers=headers)
    page = sue.open(asked.location, headers=headers).text
    assert f"SMS an die Nummer, die auf {NUMBER[-2:]} endet" in page
    form = {"_zerotrust_csrf": page.split('_zerotrust_csrf" value="')[1].split('"')[0]}
    sue.submit(asked.location + "/send", form, headers=headers)
    with site.app.app_context():
        assert "Geben Sie ihn niemals weiter" in site.zt.sender.outbox[0].text  # type: ignore[attr-defined]


def test_a_dialect_reads_its_language(ada: Visitor) -> None:
    page = challenge(ada, "de-AT")
    assert '<html lang="de" dir="ltr">' in page
    assert "Abbrechen und zurück" in page


@pytest.mark.parametrize("tag", ["ar", "he"])
def test_a_page_runs_as_its_language_does_and_codes_from_left_to_right(
    make_site: MakeSite, tmp_path: Path, tag: str
) -> None:
    site = speak(make_site(), catalogue(tmp_path, tag, {"Continue": "x"}))
    page = challenge(site.visitor().login(), tag)
    assert f'<html lang="{tag}" dir="rtl">' in page
    assert re.search(r'<input [^>]*name="code" type="text" dir="ltr"', page)
    assert '<span class="zt-host" dir="ltr">' in page


def test_the_dialog_runs_as_its_language_does(make_site: MakeSite, tmp_path: Path) -> None:
    site = speak(make_site(), catalogue(tmp_path, "ar", {"Continue": "x"}))
    ada = site.visitor().login()
    headers = {"Accept-Language": "ar", "Accept": "application/json"}
    asked = ada.fetch("/secret", headers=headers).json["challenge_url"]
    assert 'lang="ar" dir="rtl"' in ada.fetch(asked, headers=headers).json["html"]


def test_a_language_without_a_catalogue_is_english_and_says_so(ada: Visitor) -> None:
    page = challenge(ada, "fr")
    assert '<html lang="en" dir="ltr">' in page
    assert "Cancel and go back" in page


def test_one_process_serves_apps_with_and_without_flask_babel(make_site: MakeSite, ada: Visitor) -> None:
    assert "Cancel and go back" in challenge(make_site().visitor().login(), "de")
    assert "Abbrechen und zurück" in challenge(ada, "de")


def test_an_apps_own_catalogue_goes_first(make_site: MakeSite, tmp_path: Path) -> None:
    """One text is the app's, the others stay ours; a new language is the app's alone."""
    catalogue(tmp_path, "de", {"Continue": "Los"})
    catalogue(tmp_path, "fr", {"Continue": "Continuer"})
    ada = speak(make_site(), tmp_path).visitor().login()
    page = challenge(ada, "de")
    assert ">Los</button>" in page
    assert "Abbrechen und zurück" in page
    page = challenge(ada, "fr")
    assert '<html lang="fr" dir="ltr">' in page
    assert ">Continuer</button>" in page


def test_an_app_words_its_english_otherwise(make_site: MakeSite, tmp_path: Path) -> None:
    catalogue(tmp_path, "en", {"Why am I asked?": "What is this?"})
    page = challenge(speak(make_site(), tmp_path).visitor().login(), "en")
    assert "What is this?" in page
    assert "Why am I asked?" not in page


def test_an_action_is_a_lazy_text(make_site: MakeSite, tmp_path: Path) -> None:
    catalogue(tmp_path, "de", {"open the vault": "den Tresor öffnen"}, domain="messages")
    site = speak(make_site(), tmp_path)
    view = step_up_required(action=lazy_gettext("open the vault"))(lambda: "gold")  # type: ignore[arg-type]
    site.app.add_url_rule("/vault", "vault", view)
    ada = site.visitor().login()
    assert "Bevor Sie den Tresor öffnen, müssen wir" in challenge(ada, "de", "/vault")
    assert "before you open the vault." in challenge(ada, "en", "/vault")


def test_an_app_changes_one_block(make_site: MakeSite) -> None:
    """Its template hides ours and builds on it; variables of ours are there."""
    changed = (
        '{% extends "flask_zerotrust/challenge.html" %}'
        "{% block why %}<p>Call us about {{ action }}, {{ digits }}.</p>{% endblock %}"
    )
    site = own_template(make_site(), challenge=changed)
    ada = site.visitor().login()
    asked = ada.open("/admin")
    page = ada.open(asked.location).text
    assert "<p>Call us about open the admin page, 6.</p>" in page
    assert "Why am I asked?" not in page
    assert "Confirm it’s you" in page
    assert ada.answer(asked.location).status_code == 303


def test_an_app_changes_the_frame_and_a_block(make_site: MakeSite) -> None:
    site = own_template(
        make_site(),
        base="<b>{% block title %}{% endblock %}</b>{% block main %}{% endblock %}",
        challenge='{% extends "flask_zerotrust/challenge.html" %}'
        "{% block heading %}<h1>Stop</h1>{% endblock %}",
    )
    ada = site.visitor().login()
    page = ada.open(ada.open("/secret").location).text
    assert page.startswith("<b>Enter your code")
    assert "<h1>Stop</h1>" in page


def test_an_app_changes_one_block_of_the_frame(make_site: MakeSite) -> None:
    changed = '{% extends "flask_zerotrust/base.html" %}{% block header %}Our bank{% endblock %}'
    ada = own_template(make_site(), base=changed).visitor().login()
    page = ada.open(ada.open("/secret").location).text
    assert "Our bank" in page
    assert "zt-shield" not in page
    assert "Confirm it’s you" in page


def test_the_blocks_of_the_docs_are_those_of_the_templates(make_site: MakeSite) -> None:
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
    env = make_site().app.jinja_env
    for name in env.list_templates(filter_func=lambda name: name.startswith("zerotrust/")):
        stem = name.removeprefix("zerotrust/").removesuffix(".html")
        blocks = set(env.get_template(name).blocks) - ({"main", "title"} if stem != "base" else set())
        row = [line for line in page.splitlines() if line.startswith(f"| `{stem}` |")]
        said = {word for line in row for word in line.split("|")[2].split("`")[1::2]}
        assert said == blocks, name
