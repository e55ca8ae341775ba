"""The commands do what they print, and say in one line what went wrong."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flask_zerotrust.cli import group
from flask_zerotrust.movement import FEATURE_NAMES
from flask_zerotrust.recordings import files as recordings
from flask_zerotrust.risk.model import DEFAULT_SHA256, load_bundle

LINE_KEYS = ["session", "user", "label", "source", "strokes", "after", "reasons"]


def run(*words: str | Path, stdin: str | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(group, [str(word) for word in words], input=stdin)


def done(*words: str | Path, stdin: str | None = None) -> Result:
    """Run a command that has to succeed."""
    result = run(*words, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of simulated visits: four people, eight bots of four families."""
    folder = tmp_path_factory.mktemp("visits")
    families = "linear,bezier,wind,spring"
    done("generate", "--people", "4", "--bots", "8", "--families", families, "--out", folder)
    return folder


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_commands_load_nothing_before_they_run(loaded: dict[str, set[str]]) -> None:
    """Web workers import them with the app: neither training nor scikit-learn may come along."""
    modules = loaded["import the commands"]
    assert "flask_zerotrust.cli" in modules
    heavy = ("sklearn", "joblib", "rich", "flask_zerotrust.training", "flask_zerotrust.simulate")
    assert [name for name in modules if name.startswith(heavy)] == []


def test_both_ways_in_lead_to_the_same_commands() -> None:
    """``python -m flask_zerotrust`` and ``flask zerotrust``."""
    names = ["evaluate", "features", "generate", "import", "score", "train"]
    for start in (["flask_zerotrust"], ["flask", "zerotrust"]):
        result = subprocess.run(
            [sys.executable, "-m", *start, "--help"], capture_output=True, text=True, check=True
        )
        listed = [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line]
        assert [name for name in names if name in listed] == names


def test_generate_fills_a_folder(visits: Path) -> None:
    """People and bots in files of their own, labelled."""
    assert sorted(file.name for file in visits.iterdir()) == ["bots.jsonl.gz", "people.jsonl.gz"]
    labels = [visit.label for visit in recordings.read(visits)]
    assert (labels.count("human"), labels.count("bot")) == (4, 8)


def test_generate_repeats_itself_with_its_seed() -> None:
    """On standard output, people first; another seed makes others."""
    words = ("generate", "--people", "1", "--bots", "1", "--families", "linear", "--strokes", "3")
    first, again, other = done(*words), done(*words), done(*words, "--seed", "2")
    assert first.stdout == again.stdout != other.stdout
    assert [line["label"] for line in lines(first.stdout)] == ["human", "bot"]


def test_score_prints_one_documented_line_a_session(visits: Path) -> None:
    """In file order; ``after`` holds the counts that were reached, and the end."""
    found = lines(done("score", visits / "people.jsonl.gz", visits / "bots.jsonl.gz", "--json").stdout)
    assert [line["session"] for line in found[:4]] == [f"person-{n}" for n in range(1, 5)]
    assert len(found) == 12
    for line in found:
        assert list(line) == LINE_KEYS
        reached = [str(n) for n in (1, 3, 5, 10, 20) if n <= line["strokes"]]
        assert list(line["after"]) == [*reached, "all"]
        for entry in line["after"].values():
            assert set(entry) == {"risk", "level", "step_up"}
            assert 0 <= entry["risk"] <= 1


def test_scores_depend_on_nothing_but_the_session(visits: Path) -> None:
    """Not on the number of processes, nor on who came before; each session is its own visitor."""
    file = visits / "bots.jsonl.gz"
    alone = done("score", file, "--json").stdout
    assert done("score", file, "--json", "--jobs", "2").stdout == alone
    after_people = done("score", visits / "people.jsonl.gz", file, "--json").stdout
    assert after_people.endswith(alone)


def test_score_with_a_memory_knows_a_visit_again(visits: Path) -> None:
    """The second time a file is read every visit is a replay; the first time none is."""
    file = visits / "people.jsonl.gz"
    found = lines(done("score", file, file, "--json", "--memory", "5000").stdout)
    first, again = found[: len(found) // 2], found[len(found) // 2 :]
    assert first == lines(done("score", file, "--json").stdout)
    assert ["replayed_movement" in line["reasons"] for line in again] == [True] * len(again)
    assert all(line["after"]["all"]["step_up"] for line in again)
    refused = run("score", file, "--memory", "5000", "--jobs", "2")
    assert "--memory needs --jobs 1" in refused.output


def test_rendering_is_seeded(visits: Path) -> None:
    """The same seed, the same simulated browsers."""
    words = ("score", visits / "people.jsonl.gz", "--json", "--render", "--seed")
    assert done(*words, "1").stdout == done(*words, "1").stdout != done(*words, "2").stdout


def test_score_reads_standard_input_and_speaks_english(visits: Path) -> None:
    """``-`` is standard input; without --json a line is a sentence."""
    (visit, *_) = recordings.read(visits / "people.jsonl.gz")
    said = done("score", "-", stdin=recordings.dump(visit)).stdout
    assert said.startswith("person-1: ")
    assert "strokes, risk 0." in said


def test_features_are_a_labelled_table(visits: Path, tmp_path: Path) -> None:
    """A row a stroke, the named features after the label; on standard output the same."""
    done("features", visits, "--out", tmp_path / "x.csv")
    text = (tmp_path / "x.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == ["session", "user", "label", "source", "stroke", *FEATURE_NAMES]
    strokes = {line["session"]: line["strokes"] for line in lines(done("score", visits, "--json").stdout)}
    for session, count in strokes.items():
        numbers = [int(row["stroke"]) for row in rows if row["session"] == session]
        assert numbers == list(range(1, count + 1))
    assert {row["label"] for row in rows} == {"human", "bot"}
    assert done("features", visits).stdout == text


@pytest.mark.slow
@pytest.mark.parametrize("scratch", [(), ("--from-scratch",)])
def test_train_writes_a_bundle_that_scores(visits: Path, tmp_path: Path, scratch: tuple[str, ...]) -> None:
    """Trained and used by two commands."""
    words = ("--out", tmp_path / "bundle", "--json", "--no-render", "--trees", "20", *scratch)
    said = json.loads(done("train", visits, *words).stdout)
    assert said["sessions"]["linear (bot)"] == 2
    scored = lines(done("score", visits, "--json", "--model", tmp_path / "bundle").stdout)
    risks: dict[str, list[float]] = {"human": [], "bot": []}
    for line in scored:
        risks[line["label"]].append(line["after"]["all"]["risk"])
    assert sum(risks["human"]) / 4 < sum(risks["bot"]) / 8


def test_a_model_trained_further_names_the_one_it_began_with(visits: Path, tmp_path: Path) -> None:
    """With the data that made it: both are what the new model has seen."""
    done("train", visits, "--out", tmp_path, "--no-render", "--trees", "1")
    provenance = json.loads((tmp_path / "manifest.json").read_text())["provenance"]
    assert provenance["began_with"] == {"sha256": DEFAULT_SHA256, **load_bundle().manifest["provenance"]}
    assert provenance["sessions"]["simulated_people (human)"] == 4


def test_a_model_from_scratch_of_simulated_people_is_warned_of(visits: Path, tmp_path: Path) -> None:
    """It would call most recorded people bots. Trained further, they only add to what a model knows."""
    words = ("--no-render", "--trees", "1")
    scratch = done("train", visits, "--out", tmp_path / "scratch", "--from-scratch", *words)
    assert "4 sessions are of simulated people" in scratch.stderr
    assert "simulated" not in done("train", visits, "--out", tmp_path / "further", *words).stderr


def test_a_model_trained_further_has_no_people_to_calibrate_on(visits: Path, tmp_path: Path) -> None:
    refused = run("train", visits, "--out", tmp_path / "bundle", "--calibrate-on", visits)
    assert refused.exit_code == 2
    assert "--calibrate-on needs --from-scratch" in refused.stderr
    assert not (tmp_path / "bundle").exists()


def test_train_says_at_once_where_it_cannot_write(tmp_path: Path) -> None:
    """Before reading anything: the message is of --out, not of the file that is no recording."""
    (tmp_path / "taken").write_text("a file of mine")
    failed = CliRunner().invoke(
        group, ["train", str(tmp_path / "no-such-file"), "--out", str(tmp_path / "taken")]
    )
    assert failed.exit_code == 2
    assert "--out" in failed.stderr
    assert "File exists" in failed.stderr
    assert "Traceback" not in failed.output
    assert (tmp_path / "taken").read_text() == "a file of mine"


def test_evaluate_counts_sessions_by_kind(visits: Path) -> None:
    """For machines a line a kind of visitor; for people a table of the same."""
    rows = lines(done("evaluate", visits, "--json").stdout)
    assert [(row["label"], row["source"], row["sessions"]) for row in rows] == [
        ("bot", "bezier", 2),
        ("bot", "linear", 2),
        ("bot", "spring", 2),
        ("bot", "wind", 2),
        ("human", "simulated_people", 4),
    ]
    people = rows[-1]["after"]
    assert people["all"]["sessions"] == 4
    assert people["1"]["step_up"] == people["1"]["unknown"] == 4  # one stroke is too little to know
    assert people["1"]["upper_95"] == pytest.approx(1 - 0.05 ** (1 / 4), abs=1e-6)  # none of four
    table = done("evaluate", visits).stdout
    assert "simulated_people" in table
    assert "4/4 (4)" in table


SAPIMOUSE = "client timestamp,button,state,x,y\n100,NoButton,Move,10,20\n{}116,NoButton,Move,14,20\n"


def test_import_writes_recordings(tmp_path: Path) -> None:
    """From the published layout to the project's format."""
    folder = tmp_path / "sapimouse" / "user7"
    folder.mkdir(parents=True)
    (folder / "session_1min.csv").write_text(SAPIMOUSE.format(""))
    (line,) = lines(done("import", "sapimouse", tmp_path / "sapimouse").stdout)
    assert (line["user"], line["t"], line["type"]) == ("7", [100, 116], "mm")
    kept = done(
        "import", "sapimouse", tmp_path / "sapimouse", "--part", "held-out", "--out", tmp_path / "t.jsonl"
    )
    assert "t.jsonl: 1 session\n" in kept.stderr
    assert done("import", "sapimouse", tmp_path / "sapimouse", "--part", "train").stdout == ""


def test_import_stops_at_a_broken_row_or_counts_it(tmp_path: Path) -> None:
    """Named by file and line either way."""
    folder = tmp_path / "user7"
    folder.mkdir()
    (folder / "session_1min.csv").write_text(SAPIMOUSE.format("broken\n"))
    refused = run("import", "sapimouse", tmp_path)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "session_1min.csv, line 3: must be t,button,state,x,y" in refused.stderr
    kept = done("import", "sapimouse", tmp_path, "--skip-bad")
    assert lines(kept.stdout)[0]["type"] == "mm"
    assert kept.stderr.startswith("Skipped ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("score", "missing.jsonl"), "missing.jsonl: cannot be read: No such file or directory"),
        (("generate",), "Nothing to generate: say --people N, --bots N or both."),
        (("generate", "--bots", "1", "--families", "robot"), "robot is no family of bots"),
        (
            ("generate", "--bots", "1", "--out", "no/such/folder.jsonl"),
            "folder.jsonl: cannot be written",
        ),
        (("import", "balabit", "missing"), "missing: cannot be read"),
        (("import", "balabit", ".", "--part", "train"), "balabit has no part 'train'"),
        (("import", "balabit", "."), ".: holds no sessions of balabit"),
        (("score", "-", "--model", "missing"), "missing"),
        (("score", "-"), "standard input: holds no sessions"),
        (("score", "-", "--jobs", "2"), "standard input: holds no sessions"),
        (("evaluate", "-"), "standard input: holds no sessions"),
        (("calibrate", "-", "--out", "out"), "standard input: holds no sessions"),
        (("train", "-", "--out", "out"), "standard input: holds no sessions"),
        (("features", "-", "--out", "no/such/x.csv"), "no/such/x.csv"),
    ],
)
def test_what_goes_wrong_is_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, no traceback, nothing on standard output."""
    monkeypatch.chdir(tmp_path)
    result = run(*words, stdin="")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


@pytest.mark.parametrize("option", ["--seed", "--people", "--strokes"])
def test_no_number_is_negative(option: str) -> None:
    """Said by name, before anything is done."""
    result = run("generate", "--bots", "1", option, "-1")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': -1" in result.stderr


def test_a_broken_line_loses_nothing_when_asked(visits: Path) -> None:
    """The rest is scored, and the broken ones are counted."""
    (visit, *_) = recordings.read(visits / "people.jsonl.gz")
    text = f"nonsense\n{recordings.dump(visit)}\n{{}}\n"
    refused = run("score", "-", "--json", stdin=text)
    assert refused.exit_code == 2
    assert "standard input, line 1: is not JSON" in refused.stderr
    kept = done("score", "-", "--json", "--skip-bad", stdin=text)
    assert len(lines(kept.stdout)) == 1
    assert "line 1" in kept.stderr
    assert "and 1 more" in kept.stderr


def test_where_every_line_is_broken_nothing_is_left(tmp_path: Path) -> None:
    """What was left out is still counted."""
    (tmp_path / "bad.jsonl").write_text("nonsense\n{}\n")
    refused = run("score", tmp_path / "bad.jsonl", "--skip-bad")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "and 1 more" in refused.stderr
    assert "bad.jsonl: holds no sessions" in refused.stderr


def without_extras(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as where ``[train]`` is not installed."""
    hide = (
        "import sys; sys.modules.update(sklearn=None, joblib=None, rich=None); "
        "from flask_zerotrust.cli import group; group(sys.argv[1:])"
    )
    command = [sys.executable, "-c", hide, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_missing_extra_says_how_to_get_it(visits: Path) -> None:
    """Training needs scikit-learn; scoring does not, and works without it."""
    refused = without_extras("train", str(visits), "--out", "unused")
    assert refused.returncode == 2
    assert 'pip install "Flask-ZeroTrust[train]"' in refused.stderr
    assert "Traceback" not in refused.stderr
    scored = without_extras("score", str(visits), "--json")
    assert (scored.returncode, len(scored.stdout.splitlines())) == (0, 12)


@pytest.mark.parametrize(
    "words",
    [
        ("features", "VISITS"),
        ("score", "VISITS", "--jobs", "2"),
    ],
    ids=lambda words: words[0],
)
def test_so_do_the_others_that_the_page_on_the_command_line_names(
    words: tuple[str, ...], visits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = without_extras(*(str(visits) if word == "VISITS" else word for word in words))
    assert refused.returncode == 2
    assert 'pip install "Flask-ZeroTrust[train]"' in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_bar_is_drawn_where_nobody_watches(visits: Path) -> None:
    """Standard error stays empty when it is no terminal."""
    assert done("score", visits).stderr == ""
