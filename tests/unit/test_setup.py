"""What `make demo` and `make test` say and do about things that pip cannot install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import program

TESTS = Path(__file__).resolve().parents[1]
SCRIPT = TESTS.parent / ".ci" / "system-packages"


EVERYTHING = ("chromium", "Xvfb", "redis-server", "nginx", "chromium-headless-shell")


class Machine:
    """A machine that has only the given commands, and perhaps root with apt-get."""

    def __init__(self, folder: Path, *, root: bool, has: tuple[str, ...] = ()) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.apt_log = folder / "apt.log"
        for name in ("bash", "cat", "touch", "chmod"):
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.command("id", f"echo {0 if root else 1000}")
        self.command("python", f'exec "{sys.executable}" "$@"')
        for name in has:
            self.command(name, ":")
        if root:
            self.apt()

    def command(self, name: str, line: str) -> None:
        path = self.bin / name
        path.write_text(f"#!{self.bin}/bash\n{line}\n")
        path.chmod(0o755)

    def apt(self) -> None:
        """Put an apt-get there that notes its words and installs empty programs."""
        named = 'p="${p/xvfb/Xvfb}"; p="${p/nodejs/node}"; p="${p/chromium-driver/chromedriver}"'
        named += f'; p="{self.bin}/${{p/-light/}}"'
        make = f'for p in "$@"; do {named}; touch "$p"; chmod +x "$p"; done'
        self.command(
            "apt-get",
            f'echo "$@" >> "{self.apt_log}"\n[ "$1" = install ] || exit 0\n'
            f'while [ "${{1#-}}" != "$1" ] || [ "$1" = install ]; do shift; done\n{make}',
        )

    def set_up(self, *words: str, **variables: str) -> tuple[int, str]:
        env = {"PATH": str(self.bin), "HOME": "/", **variables}
        run = subprocess.run([SCRIPT, *words], env=env, capture_output=True, text=True, check=False)
        return run.returncode, run.stderr


def test_the_automation_tools_are_installed_only_where_they_are_wanted(tmp_path):
    machine = Machine(tmp_path, root=True, has=EVERYTHING)
    assert machine.set_up("python", "tests") == (0, "")
    code, said = machine.set_up("python", "tools")
    assert (code, said) == (0, "Installing with apt-get: nodejs npm chromium-driver\n")


def test_a_measurement_of_load_needs_no_browser(tmp_path):
    machine = Machine(tmp_path, root=True, has=("redis-server",))
    assert machine.set_up("python", "load") == (0, "Installing with apt-get: wrk\n")


def test_a_machine_that_has_everything_is_left_alone(tmp_path):
    machine = Machine(tmp_path, root=True, has=EVERYTHING)
    assert machine.set_up("python", "tests") == (0, "")
    assert not machine.apt_log.exists()


def test_the_demo_needs_no_browser_on_the_server(tmp_path):
    assert Machine(tmp_path, root=False).set_up("python") == (0, "")


def test_root_installs_exactly_what_is_missing(tmp_path):
    machine = Machine(tmp_path, root=True, has=("Xvfb", "redis-server", "chromium-headless-shell"))
    code, said = machine.set_up("python", "tests", CI="true")
    assert (code, said) == (0, "Installing with apt-get: chromium nginx-light\n")
    update, install = machine.apt_log.read_text().splitlines()
    assert update.startswith("update")
    assert install.split()[-2:] == ["chromium", "nginx-light"]


def test_the_browser_that_costs_less_is_installed_on_debian_and_not_required(tmp_path):
    machine = Machine(tmp_path, root=True, has=EVERYTHING[:-1])
    debian = "\nID=debian\n" in "\n" + Path("/etc/os-release").read_text()
    said = "Installing with apt-get: chromium-headless-shell\n" if debian else ""
    assert machine.set_up("python", "tests", CI="true") == (0, said)
    machine.command("apt-get", "exit 1")
    (machine.bin / "chromium-headless-shell").unlink(missing_ok=True)
    code, said = machine.set_up("python", "tests", CI="true")
    assert code == 0
    assert ("use the whole Chromium" in said) == debian


def test_without_root_those_tests_are_skipped_and_that_is_said(tmp_path):
    code, said = Machine(tmp_path, root=False).set_up("python", "tests")
    assert code == 0
    assert "Missing on this machine: chromium xvfb redis-server nginx-light" in said
    assert "will be skipped" in said


def test_in_ci_what_is_missing_is_a_failure(tmp_path):
    code, said = Machine(tmp_path, root=False).set_up("python", "tests", CI="true")
    assert code == 1
    assert "Missing on this machine: chromium xvfb redis-server nginx-light" in said


def test_a_named_browser_counts(tmp_path):
    machine = Machine(tmp_path, root=False, has=EVERYTHING[1:])
    assert machine.set_up("python", "tests", CI="true", ZEROTRUST_TEST_CHROMIUM="/opt/chromium") == (0, "")


def test_a_server_that_is_missing_fails_in_ci_and_skips_elsewhere(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install some-package"):
        program("no-such-server", "some-package")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no no-such-server on this machine"):
        program("no-such-server", "some-package")


def test_what_skips_for_want_of_something_fails_in_ci():
    """A proof that quietly did not run proves nothing; a busy machine is no want, and says NOT MEASURED."""
    folders = (TESTS, TESTS.parent / "research")
    texts = {
        path.relative_to(TESTS.parent).as_posix(): path.read_text()
        for folder in folders
        for path in folder.rglob("*.py")
    }
    skip = re.compile(r"^ +pytest\.skip\(", re.MULTILINE)
    lenient = [
        name
        for name, text in texts.items()
        if skip.search(text) and '"CI"' not in text and "NOT MEASURED" not in text
    ]
    assert lenient == ["research/benchmarks/bench_all.py"]  # a rival that `make bench` alone installs


def test_a_python_without_ensurepip_cannot_make_an_environment(tmp_path):
    """Debian's python3 without python3-venv."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "ensurepip.py").write_text("raise ImportError('no ensurepip')")
    code, said = Machine(tmp_path, root=False).set_up("python", PYTHONPATH=str(hidden))
    assert code == 1
    assert "Missing on this machine: python3-venv" in said
    assert "as root" in said


@pytest.mark.parametrize("python", ["too-old", "not-there"])
def test_a_python_that_will_not_do_is_named(tmp_path, python):
    machine = Machine(tmp_path, root=False)
    machine.command("too-old", "exit 1")
    code, said = machine.set_up(python)
    assert code == 1
    assert f"Python 3.11 or newer is needed; '{python}' is not it." in said


def test_ci_runs_make_test_and_hands_on_its_result(tmp_path):
    """With a make that only says what it was asked for."""
    machine = Machine(tmp_path, root=False)
    machine.command("make", 'echo "$@ CI=$CI"; exit 3')
    machine.command("dirname", "echo " + str(SCRIPT.parent))
    env = {"PATH": str(machine.bin)}
    run = subprocess.run([SCRIPT.parent / "run"], env=env, capture_output=True, text=True, check=False)
    closing, took = run.stdout.splitlines()
    assert (run.returncode, closing) == (3, "--no-print-directory test CI=true")
    assert re.fullmatch(r"Took \d+ s\.", took)


@pytest.mark.parametrize(
    ("broken", "code", "out", "err"),
    [
        ("", 0, "2 passed\n3 passed", ""),
        ("browser", 1, "2 passed\n3 passed", "Failed: browser"),
        ("rest", 1, "2 passed\n3 passed", "Failed: rest"),
        ("lint types", 1, "2 passed\n3 passed\nlint\ntypes", "Failed: lint types"),
        ("lint browser rest", 1, "2 passed\n3 passed\nlint", "Failed: browser rest lint"),
    ],
)
def test_what_failed_is_named_below_the_closing_lines_of_both_lanes(tmp_path, broken, code, out, err):
    """The output of a check that passes is not shown."""
    make = tmp_path / "make"
    make.write_text(
        "#!/usr/bin/env bash\n"
        'case "$2" in browser) echo "2 passed" ;; rest) echo "3 passed" ;; *) echo "$2" ;; esac\n'
        'case " $BROKEN " in *" $2 "*) exit 2 ;; esac\n'
    )
    make.chmod(0o755)
    command = [SCRIPT.parent / "side-by-side", make, "lint", "types", "--", "browser", "rest"]
    env = {**os.environ, "BROKEN": broken}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip(), run.stderr.strip()) == (code, out, err)


class Check:
    """A check that counts its runs, behind ``.ci/when-changed``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "code").mkdir()
        (folder / "code" / "a.py").write_text("1")

    def __call__(self, *, fails: bool = False) -> int:
        count = f"echo >>runs; exit {int(fails)}"
        script = [SCRIPT.parent / "when-changed", "types", sys.executable, "code"]
        command = [*script, "--", "sh", "-c", count]
        return subprocess.run(command, cwd=self.folder, check=False).returncode

    @property
    def runs(self) -> int:
        return len((self.folder / "runs").read_text().splitlines())


SELDOM = [pytest.param(name, marks=pytest.mark.slow) for name in ("add", "remove", "rename")]


@pytest.mark.parametrize("change", ["write", *SELDOM])
def test_a_check_runs_again_only_when_its_inputs_have_changed(tmp_path, change):
    check = Check(tmp_path)
    code = tmp_path / "code"
    (code / "b.py").write_text("2")
    assert [check(), check()] == [0, 0]
    assert check.runs == 1
    if change == "rename":
        (code / "b.py").rename(code / "c.py")
    elif change == "remove":
        (code / "b.py").unlink()
    else:
        (code / ("a.py" if change == "write" else "new.py")).write_text("3")
    assert [check(), check()] == [0, 0]
    assert check.runs == 2


def test_a_check_that_failed_runs_again(tmp_path):
    check = Check(tmp_path)
    assert [check(), check()] == [0, 0]
    (tmp_path / "code" / "a.py").write_text("wrong")
    assert [check(fails=True), check(fails=True)] == [1, 1]
    (tmp_path / "code" / "a.py").write_text("1")
    assert check() == 0
    assert check.runs == 4


def test_the_scripts_can_be_run():
    scripts = ("run", "side-by-side", "system-packages", "when-changed")
    assert all(os.access(SCRIPT.parent / name, os.X_OK) for name in scripts)


PLAIN = '"""Say it in plain words, one idea a sentence, and call things by their names."""\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAIN, ""),
        ('"""One; two; three."""\n', "semicolons"),
        ('"""What it is, and what it does."""\n', '"what"'),
        (PLAIN + "found = [one for one in kept]\n" * 80, "opaque names"),
    ],
)
def test_language_beyond_its_limits_fails_the_lint(tmp_path, text, said):
    (tmp_path / "module.py").write_text(text)
    done = subprocess.run([TESTS.parent / ".ci" / "prose", tmp_path], capture_output=True, text=True)
    assert (done.returncode, said in done.stdout) == (1 if said else 0, True)
