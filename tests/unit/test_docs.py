"""The docs say what is so: their code runs, their tables match, their links lead somewhere."""

from __future__ import annotations

import importlib
import inspect
import itertools
import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import click
import pytest
from flask import Flask

import flask_zerotrust
from flask_zerotrust import ZeroTrust, cli
from flask_zerotrust.config import Settings
from flask_zerotrust.identity import learning
from flask_zerotrust.movement import wire
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk
from flask_zerotrust.risk import model as scoring
from flask_zerotrust.simulate import families
from flask_zerotrust.web import recognition

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Variables of the environment that the tests read; everything else is a setting.
ENVIRONMENT = {"ZEROTRUST_TEST_CHROMIUM", "ZEROTRUST_TEST_DATA", "ZEROTRUST_FUZZ"}
# What the HTTP page calls the parts of a path that differ.
NAMED = {
    "challenge_id": "ID",
    "factor_id": "ID",
    "browser_id": "ID",
    "kind": "KIND",
    "filename": "FILE",
    "version": "VERSION",
    "session_id": "ID",
}
WRITTEN = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CHANGES", "CONTRIBUTING", "SECURITY")), *WRITTEN]


def snippets(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def cells(page: Path, column: int = 0) -> list[str]:
    """Return one column of all tables of a page, without heads and rulers."""
    rows = [
        line.strip("| ").split(" | ") for line in page.read_text().splitlines() if line.startswith("| ")
    ]
    return [row[column].strip() for row in rows]


# What a visitor meets in the README's app, asked from outside of it.
VISIT = """
import app as readme
readme.app.testing = True
client = readme.app.test_client()
html = client.get("/").text
assert 'data-zerotrust="/zerotrust"' in html, html
assert "This browser is new" in html, html
assert client.post("/transfer").status_code == 401
with client.session_transaction() as session:
    session["user"] = "ada"
answer = client.post("/transfer", headers={"Accept": "application/json"})
print(answer.status_code, answer.headers["WWW-Authenticate"], sorted(answer.json))

answer = client.post("/transfer", data={"to": "Grace"})
assert answer.status_code == 303, answer.status
assert answer.location.startswith("/zerotrust/challenge/"), answer.location
from flask_zerotrust import testing
testing.pass_challenge(client, answer)
answer = client.post("/transfer", data={"to": "Grace"})
assert answer.text == "Sent. This browser is session.", answer.text
"""


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Run the README's app in a folder of its own and return what the last answer said."""
    (code,) = snippets(ROOT / "README.md", "python")
    return printed(tmp_path_factory.mktemp("readme"), code, VISIT)


def printed(folder, code, visit):
    """Put an app into a folder and return what a visit to it prints."""
    (folder / "app.py").write_text(code)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", visit],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_app_of_the_readme_runs_and_guards(visit):
    asked, mail = visit.split("\n", 1)
    assert asked.startswith("401 ")
    assert "to ada@bank.example" in mail


def test_the_snippets_of_the_quickstart_make_an_app_as_they_stand(tmp_path):
    first, *rest = snippets(DOCS / "quickstart.md", "python")
    code = "\n".join([first, "app = create_app()", *rest])
    ask = "import app; client = app.app.test_client(); print(client.post('/transfer').status_code)"
    assert printed(tmp_path, code, ask) == "401\n"


def test_a_program_is_answered_as_the_http_page_says(visit):
    page = (DOCS / "http-api.md").read_text()
    (wanted,) = re.findall(r"WWW-Authenticate: (Bearer .*?)\n    Content-Type", page, re.DOTALL)
    one_line = re.sub(r",\s+", ", ", wanted).replace("totp sms", "email")
    names = sorted(set(re.findall(r'"(\w+)": ', page.partition("on one line")[0])))
    assert visit.splitlines()[0] == f"401 {one_line} {names}"


def test_every_route_is_on_the_http_page_with_its_methods():
    app = Flask("app")
    app.config.update(SECRET_KEY="dev", ZEROTRUST_STORE="memory://", TESTING=True)
    ZeroTrust(app)
    served = {
        (method, re.sub(r"<.*?(\w+)>", lambda part: NAMED[part[1]], rule.rule.removeprefix("/zerotrust")))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("zerotrust.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    told = set()
    for cell in cells(DOCS / "http-api.md"):
        found = re.sub(r"/add/(sms|email)\b", "/add/KIND", cell)
        methods, paths = re.findall(r"\b(GET|POST)\b", found), re.findall(r"(/[\w/]+)(?:\?[^`]*)?`", found)
        told |= set(itertools.product(methods, paths))
    assert told == served


def documented(page: str) -> set[str]:
    """Return the full names of the objects that a page documents. ``automodule`` brings ``__all__``."""
    named, module = set(), ""
    for directive, name in re.findall(r"^\.\. ([\w:]+):: ([\w.]+)", page, re.MULTILINE):
        if directive == "currentmodule":
            module = name
        elif directive == "automodule":
            named |= {f"{name}.{one}" for one in importlib.import_module(name).__all__}
        else:
            named.add(f"{module}.{name}")
    return named


def test_the_page_of_the_api_lists_what_the_public_modules_offer_and_nothing_else():
    modules = {"flask_zerotrust.factors", "flask_zerotrust.signals", "flask_zerotrust.errors"}
    offered = {f"flask_zerotrust.{name}" for name in flask_zerotrust.__all__} - modules
    for module in (*modules, "flask_zerotrust.testing"):
        offered |= {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    assert documented((DOCS / "api.md").read_text()) == offered


#: Constants and methods of protocols, which their class explains.
WITHOUT_EXAMPLE = re.compile(r"\.(errors|signals)\.|\.(NEVER_PARK|__version__|current_risk|Recording)$")


def test_every_object_of_the_api_has_an_example_that_runs():
    """`make docs-html` runs the examples."""
    for name in sorted(documented((DOCS / "api.md").read_text())):
        if WITHOUT_EXAMPLE.search(name):
            continue
        module, _, last = name.rpartition(".")
        thing = getattr(importlib.import_module(module), last)
        members = vars(thing).items() if last == "ZeroTrust" else ()
        methods = {key: value for key, value in members if not key.startswith("_")}
        for key, value in {last: thing, **methods}.items():
            text = inspect.getdoc(value.fget if isinstance(value, property) else value) or ""
            assert ">>> " in text, f"{module}: {key}"


def test_an_automodule_of_the_api_hides_none_of_its_members():
    assert "exclude-members" not in (DOCS / "api.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_on_the_pages_imports_the_public_modules_alone(page):
    """An app that follows the docs survives every change of layout."""
    text = page.read_text()
    imported = re.findall(r"^\s*(?:>>> )?(?:from|import) flask_zerotrust([\w.]*)", text, re.MULTILINE)
    assert set(imported) <= {"", ".factors", ".testing", ".signals", ".errors"}
    assert "this_state" not in text


def test_every_word_for_a_reason_is_on_the_page_of_the_api():
    code = inspect.getsource(assess._reasons) + inspect.getsource(assess._of_movement)
    of_risk = set(re.findall(r'"(\w+_\w+)"', code))
    of_decisions = set(get_args(get_type_hints(risk.Decision)["reason"]))
    named = {cell.strip("`") for cell in cells(DOCS / "api.md") if cell.startswith("`")}
    assert named == of_risk | of_decisions


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_is_python(page):
    for code in snippets(page, "python"):
        compile(code, str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).is_file()] == []


def test_the_readme_is_short_and_its_links_work_on_a_package_index():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= 700
    home = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 10
    for link in links:
        assert link.startswith((home, "https://raw."))
        assert (ROOT / link.rpartition("/main/")[2]).is_file(), link


def test_every_attack_is_on_its_page_with_a_test():
    rows = (DOCS / "threat-model.md").read_text().splitlines()[7:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {n}" for n in range(1, len(rows) + 1)]
    for row in rows:
        tests = re.findall(r"\]\(\.\./(tests/\w+/test_\w+\.py)\)", row.split(" | ")[4])
        assert tests, row
        assert [test for test in tests if "def test_" not in (ROOT / test).read_text()] == []
    for test in (ROOT / "tests" / "security").glob("test_*.py"):
        if re.match(r'""".*(?:Rows?|threats?) [0-9]', test.read_text()):
            assert test.name in "".join(rows), f"{test.name} answers a row and is not linked"


def requirements():
    """Return the rows of both tables of the standards: number, requirement, state, where, why not."""
    lines = (DOCS / "standards.md").read_text().splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")
    ]
    return [row for row in rows if len(row) == 5 and row[0] not in ("number (level)", "section")]


def test_every_requirement_of_the_standards_has_a_state_and_says_where_or_why_not():
    rows = requirements()
    assert len(rows) > 80
    for number, text, state, where, why in rows:
        assert state in ("met", "not met", "the site's"), number
        assert text, number
        assert where or state == "not met", number
        assert bool(why) == (state == "not met"), number
        assert state != "not met" or len(why.split(". ")) > 1, f"{number}: why, and what a site can do"


def test_what_the_standards_call_met_names_tests_that_there_are():
    for number, _, _, where, _ in requirements():
        for test in re.findall(r"\]\(\.\./(tests/\w+/test_\w+\.py)\)", where):
            assert "def test_" in (ROOT / test).read_text(), number
    for word in re.findall(r"`(ZEROTRUST_\w+)", (DOCS / "standards.md").read_text()):
        assert word.removeprefix("ZEROTRUST_").lower() in Settings.__dataclass_fields__, word


def test_every_page_is_in_the_index_of_its_folder():
    missing = []
    for page in WRITTEN:
        index = (DOCS if page.name == "index.md" else page.parent) / "index.md"
        name = page.relative_to(index.parent).as_posix()
        if page != index and name not in index.read_text():
            missing.append(name)
    assert missing == []


def test_the_table_of_settings_is_that_of_the_code():
    script = runpy.run_path(str(DOCS / "make_config_table.py"))
    text = script["PAGE"].read_text()
    assert script["page"](text) == text, "run: make docs"


def test_the_charts_are_those_of_the_kept_figures():
    script = runpy.run_path(str(DOCS / "make_charts.py"))
    drawn = script["charts"]()
    shown = set(re.findall(r"\((charts/\w+\.svg)\)", (DOCS / "how-good.md").read_text()))
    assert {path.relative_to(DOCS).as_posix() for path in drawn} == shown
    assert {path for path, text in drawn.items() if text != path.read_text()} == set(), "run: make docs"


def test_the_page_of_results_is_short():
    assert len((DOCS / "how-good.md").read_text().split()) <= 620


def test_the_figures_are_those_of_the_model_that_ships():
    script = runpy.run_path(str(DOCS / "make_model_card.py"))
    for page, text in script["pages"]().items():
        assert page.read_text() == text, "run: make docs"


def test_the_bundle_holds_its_card():
    """On whom the model was trained and who is absent goes wherever the model goes; no link is broken."""
    card = scoring.DEFAULT / "model-card.md"
    text = card.read_text()
    assert re.findall(r"\]\(|\.md#", text) == []
    provenance = json.loads((scoring.DEFAULT / "manifest.json").read_text())["provenance"]
    assert all(f"- {name}: {who}" in text for name, who in provenance["people"].items())
    assert f"**Absent: {provenance['absent']}.**" in text
    assert "## People asked for a code" in text


def test_the_tables_of_performance_are_those_of_the_last_run():
    script = runpy.run_path(str(DOCS / "make_performance.py"))
    text = script["PAGE"].read_text()
    assert script["page"](text, script["kept"]()) == text, "run: make docs"


def test_the_tables_of_load_are_those_of_the_last_runs():
    script = runpy.run_path(str(DOCS / "make_load.py"))
    text = script["PAGE"].read_text()
    load, soak = (json.loads(script[name].read_text()) for name in ("LOAD", "SOAK"))
    assert script["page"](text, load, soak) == text, "run: make docs"


def test_the_tables_of_browsers_are_those_of_the_last_runs():
    script = runpy.run_path(str(DOCS / "make_browsers.py"))
    text, kept = script["PAGE"].read_text(), script["kept"]
    assert script["page"](text, kept(script["_PEOPLE"]), kept(script["_TOOLS"])) == text, "run: make docs"


@pytest.fixture(scope="module")
def friction():
    """Return the script that writes the page on friction, and the kept figures."""
    script = runpy.run_path(str(DOCS / "make_friction.py"))
    return script, json.loads(script["FILE"].read_text())


def test_the_tables_of_friction_are_those_of_the_last_run(friction):
    script, kept = friction
    text = script["PAGE"].read_text()
    assert script["page"](text, kept) == text, "run: make docs"


def test_friction_was_measured_in_three_browsers_with_both_buttons(friction):
    _, kept = friction
    everywhere = ("mouse", "short", "phone", "keyboard")
    kinds = {"firefox": everywhere, "webkit": everywhere}
    kinds["chromium"] = (*everywhere, "assistive", "tabs", "private")
    both = {f"{b} {kind} {c}" for b in kinds for kind in kinds[b] for c in ("once", "remember")}
    assert kept["people"].keys() == both | {"chromium noscript keyless"}
    assert {one["visits"] for one in kept["people"].values()} == {10}


def test_a_user_of_a_remembered_browser_is_asked_for_one_code_in_ten_visits(friction):
    _, kept = friction
    keep = [one for one in kept["people"].values() if one["keeps"]]
    assert max(one["asked"] for one in keep if one["choice"] == "remember") <= 1
    assert max(one["asked"] for one in keep if one["choice"] == "once") <= 10
    assert max(one["asked_later"] for one in keep) == 0


def test_a_proof_is_called_as_cheap_as_it_was_measured(friction):
    script, kept = friction
    proof = kept["proof"]["chromium"]
    met = proof["proof_ms"]["median"] <= script["MOST_PROOF_MS"]
    assert ("<= 300 | met" if met else "<= 300 | not met") in script["PAGE"].read_text()
    assert all(proof[name] <= most for name, most in script["MOST_REQUESTS"].items())


def test_no_attacker_from_another_browser_opened_anything(friction):
    """And each attack that is counted opens views by the former rule, or says that the model stops it."""
    _, kept = friction
    held = [one for one in kept["attackers"].values() if not one["limit"]]
    assert sum(one["opened"] for one in held) == 0
    assert sum(one["attempts"] for one in held) >= 1_000
    assert sum(one["opened_by_movement"] for one in held) > 100


def test_a_target_of_friction_that_is_missed_is_called_so(friction):
    script, kept = friction
    worse = json.loads(json.dumps(kept))
    for one in worse["people"].values():
        one["asked"] = 2
    assert "<= 1, not met" in script["page"](script["PAGE"].read_text(), worse)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_that_is_mentioned_exists(page):
    mentioned = set(re.findall(r"ZEROTRUST_[A-Z0-9]+(?:_[A-Z0-9]+)*", page.read_text()))
    known = {"ZEROTRUST_" + name.upper() for name in Settings.__dataclass_fields__}
    assert mentioned - known - ENVIRONMENT == set()


def test_the_fields_of_a_batch_are_those_of_the_wire_page():
    named = [cell.strip("`") for cell in cells(DOCS / "wire-format.md") if cell.startswith("`")]
    batch = dict.fromkeys(named, "") | {"v": 1, "one_more": 1}
    with pytest.raises(wire.PayloadError, match=r"^one_more: is not a field"):
        wire.open_envelope(str(batch).replace("'", '"'), max_bytes=1_000)
    assert set(named) == {"v", "token", "nonce", "seq", "t0", "sent", "viewport", "planes"}


def test_the_kinds_of_the_wire_page_are_those_of_the_code():
    page = (DOCS / "wire-format.md").read_text()
    for number, word in ((wire.GAP, "gap"), (wire.MOVE, "move"), (wire.WHEEL, "wheel")):
        assert f"{number} {word}" in page
    for number, word in ((wire.MOUSE, "mouse"), (wire.TOUCH, "touch"), (wire.PEN, "pen")):
        assert f"{number} {word}" in page


def test_the_table_of_parts_stands_in_the_order_of_the_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    height = {name: -i for i, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    table = [re.findall(r"`(\w+)/?`", cell) for cell in cells(DOCS / "architecture.md")]
    rows = [names for names in table if names and set(names) <= height.keys()]
    heights = [max(height[name] for name in row) for row in rows]
    assert heights == sorted(heights)
    told = {name for row in rows for name in row}
    assert height.keys() == told


def commands() -> list[tuple[str, list[str]]]:
    """Return (page, words) of every command line that the docs show."""
    found = []
    for page in PAGES:
        for line in re.findall(
            r"(?:flask zerotrust|python -m flask_zerotrust) ([^`\n]*)", page.read_text()
        ):
            words = line.replace("\\", " ").split("#")[0].split()
            if words and re.fullmatch(r"[a-z-]+", words[0]):
                found.append((page.name, words))
    return found


def test_the_readme_shows_commands():
    assert {words[0] for page, words in commands() if page == "README.md"} >= {"generate", "train", "score"}


@pytest.mark.parametrize(
    ("page", "words"), commands(), ids=lambda v: v if isinstance(v, str) else " ".join(v)
)
def test_a_command_that_is_shown_exists_with_its_options(page, words):
    command = cli.group
    while words and isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    options = {name for param in command.params for name in [*param.opts, *param.secondary_opts]}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options | {"--help"}


def test_every_extra_for_users_is_in_the_quickstart():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {cell.strip("`[]") for cell in cells(DOCS / "quickstart.md") if cell.startswith("`[")}
    assert named == set(project["optional-dependencies"]) - {"demo", "docs", "dev"}


def test_every_command_is_on_its_page():
    named = {cell.strip("`") for cell in cells(DOCS / "command-line.md") if cell.startswith("`")}
    assert named == set(cli.group.commands)


def test_families_that_are_shown_exist():
    shown = {
        name
        for _, words in commands()
        for option, value in itertools.pairwise(words)
        if option == "--families"
        for name in value.split(",")
    }
    assert shown
    assert shown <= set(families())


def test_the_page_on_profiles_names_the_limits_that_hold():
    page = (DOCS / "identity-privacy.md").read_text()
    numbers = ("no", "one", "two", "three", "four", "five")
    assert f"{learning.DAY_STROKES} strokes a day at most" in page
    assert f"once {learning.READY_STROKES} strokes are learnt" in page
    assert f"up to {numbers[learning.MAX_INSTRUMENTS]} kinds of device" in page
    assert f"({Settings().profile_days} by default)" in page
    assert recognition.PROVEN_S == 1_800
    assert "within the last half hour" in page
