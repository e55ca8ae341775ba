"""Texts for people: each passes the seam, stands in the catalogue, and is there in German."""

from __future__ import annotations

import ast
import io
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from jinja2 import Environment

import flask_zerotrust.i18n
from flask_zerotrust.challenge import MESSAGES
from flask_zerotrust.i18n import N_, gettext, language, ngettext

PACKAGE = Path(flask_zerotrust.i18n.__file__).parent
ROOT = PACKAGE.parent
FOLDER = PACKAGE / "translations"
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))
LANGUAGES = sorted(path.parts[-3] for path in FOLDER.glob("*/LC_MESSAGES/flask_zerotrust.po"))
#: Modules that answer people; what they hand to programs and developers is English.
SPEAKING = [
    PACKAGE / "web" / "responses.py",
    PACKAGE / "web" / "enforce.py",
    *sorted((PACKAGE / "web" / "views").glob("*.py")),
]
SEAM = {"gettext", "ngettext", "N_"}
SENTENCE = re.compile(r"[A-Z][\w’']*( [\w’'%(]|[.!?:]$)")
#: The detail of the 401 and its header.
FOR_PROGRAMS = {
    "A recent step-up is required for this request.",
    'Bearer error="insufficient_user_authentication", error_description="',
}
TO_PROGRAMS = {"problem", "PayloadError", "ConfigError", "insufficient", "warning", "exception", "error"}


def catalogue(path: Path) -> Catalog:
    return read_po(io.BytesIO(path.read_bytes()), locale=path.parts[-3] if path.suffix == ".po" else None)


def ids(found: Catalog) -> set[str | tuple[str, ...]]:
    return {tuple(m.id) if isinstance(m.id, list | tuple) else m.id for m in found if m.id}


def said(found: Catalog) -> dict[str, object]:
    """Return the translations by their text, a plural's by its singular."""
    pairs = [(m.id, m.string) for m in found if m.id]
    return {key if isinstance(key, str) else key[0]: list(text) for key, text in pairs}


@pytest.fixture(scope="module")
def template() -> Catalog:
    return catalogue(FOLDER / "flask_zerotrust.pot")


def extracted() -> set[str | tuple[str, ...]]:
    """Return the texts of the package as ``make texts`` finds them."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    keywords = {"gettext": None, "ngettext": (1, 2), "N_": None, "zt_gettext": None, "zt_ngettext": (1, 2)}
    return {found[2] for found in extract_from_dir(PACKAGE, methods, keywords=keywords)}


def test_the_catalogue_holds_the_texts_of_the_code(template: Catalog) -> None:
    assert ids(template) == extracted(), "run: make texts"


def test_every_message_of_a_challenge_is_in_the_catalogue(template: Catalog) -> None:
    assert set(MESSAGES.values()) <= ids(template)


def test_german_ships() -> None:
    assert LANGUAGES == ["de"]


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_language_that_ships_is_complete(tag: str, template: Catalog) -> None:
    """Every text, in all its plural forms, with the placeholders of the original."""
    found = catalogue(FOLDER / tag / "LC_MESSAGES" / "flask_zerotrust.po")
    assert ids(found) == ids(template), "run: make texts"
    for message in found:
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), message.id
        assert not message.fuzzy or not message.id, message.id
        assert not list(message.check(found)), message.id
    assert found.num_plurals == len(found["You can try again in %(num)s second."].string)


def test_german_speaks_to_people_formally_and_in_the_words_of_its_glossary() -> None:
    """No du; a way to confirm is a Methode, and each thing has its usual name."""
    found = catalogue(FOLDER / "de" / "LC_MESSAGES" / "flask_zerotrust.po")
    texts = [str(message.string).replace("\N{SOFT HYPHEN}", "") for message in found]
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    assert not words & {"du", "dein", "deine", "dich", "dir", "Du", "Dein", "Deine"}
    assert {"Einmalcode", "Wiederherstellungscodes", "Passkey", "Sicherheitsschlüssel", "Methode"} <= words


@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_is_compiled_is_what_is_written(tag: str) -> None:
    folder = FOLDER / tag / "LC_MESSAGES"
    written = catalogue(folder / "flask_zerotrust.po")
    with (folder / "flask_zerotrust.mo").open("rb") as file:
        compiled = read_mo(file)
    assert said(compiled) == said(written), "run: make texts"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_says_nothing_past_the_seam(path: Path) -> None:
    """Neither between its tags nor in an attribute that is read out."""
    tokens = Environment().lex(path.read_text(encoding="utf-8"))
    html = "".join(text if kind == "data" else "{}" for _, kind, text in tokens)
    read_out = re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]*)"', html)
    between = re.sub(r"<!doctype html>|<[^>]*>", "", html)
    assert [text for text in [*read_out, between] if re.search(r"[A-Za-z]", text)] == []


def strays(path: Path) -> Iterator[str]:
    """Yield texts of a module that look like sentences for people and are not in the seam."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    free: list[ast.AST] = [node for node in nodes if isinstance(node, ast.Expr)]  # docstrings
    free += [node for node in nodes if isinstance(node, ast.Call) and _name(node) in SEAM | TO_PROGRAMS]
    covered = {id(inner) for node in free for inner in ast.walk(node)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in covered]
    yield from (text for text in texts if isinstance(text, str) and SENTENCE.match(text))


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: path.stem)
def test_a_module_that_answers_people_says_nothing_past_the_seam(path: Path) -> None:
    assert set(strays(path)) <= FOR_PROGRAMS


def test_without_a_translator_texts_stand_as_they_are() -> None:
    assert gettext("Before you %(action)s.", action="go 100 %") == "Before you go 100 %."
    assert gettext("100 %") == N_("100 %")
    assert gettext("") == ""
    assert [ngettext("%(num)s code", "%(num)s codes", n) for n in (0, 1)] == ["0 codes", "1 code"]
    assert language() == "en"
