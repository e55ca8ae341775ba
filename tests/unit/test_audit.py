"""``.ci/audit``: only what was looked up counts as audited."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).resolve().parents[2] / ".ci" / "audit"
FLAW = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
FINE = {"name": "flask", "version": "3.1", "vulns": []}
BAD = {"name": "old", "version": "1.0", "vulns": [FLAW]}
OWN = {"name": "flask-zerotrust", "skip_reason": "not found on PyPI"}


def audit(folder: Path, printed: str, *, errors: str = "", code: int = 0) -> Any:
    """Run the script with a program in the place of pip-audit that prints this."""
    program = folder / "pip-audit"
    lines = [
        "import sys",
        f"print({printed!r})",
        f"print({errors!r}, file=sys.stderr)",
        f"sys.exit({code})",
    ]
    program.write_text(f"#!{sys.executable}\n" + "\n".join(lines))
    program.chmod(0o755)
    command = [sys.executable, str(AUDIT), str(program), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def report(*found: dict[str, Any]) -> str:
    return json.dumps({"dependencies": found, "fixes": []})


def test_what_was_looked_up_and_is_clean_ends_with_0(tmp_path: Path) -> None:
    said = audit(tmp_path, report(FINE, OWN))
    assert (said.returncode, said.stdout) == (0, "Audited: nothing is known of 1 packages.\n")


def test_a_package_that_could_not_be_looked_up_is_no_clean_audit(tmp_path: Path) -> None:
    said = audit(tmp_path, report(FINE, {"name": "other", "skip_reason": "not found on PyPI"}))
    assert said.returncode == 3
    assert said.stderr == "not audited: 1 of 2 packages could not be looked up\n"


def test_a_known_vulnerability_is_named_and_ends_with_1(tmp_path: Path) -> None:
    said = audit(tmp_path, report(FINE, BAD), code=1)
    assert said.returncode == 1
    assert "old 1.0: PYSEC-1, fixed by 2.0" in said.stdout


@pytest.mark.parametrize("printed", ["", "{}", "no report", report(OWN), report()])
@pytest.mark.parametrize("code", [0, 1])
def test_without_a_report_nothing_was_audited(tmp_path: Path, printed: str, code: int) -> None:
    said = audit(tmp_path, printed, errors="ConnectionError: no route", code=code)
    assert (said.returncode, said.stderr.startswith("not audited: ")) == (3, True)


def test_the_reason_is_told(tmp_path: Path) -> None:
    said = audit(tmp_path, "", errors="first\nConnectionError: no route", code=1)
    assert said.stderr == "not audited: ConnectionError: no route\n"


def test_without_the_program_nothing_was_audited(tmp_path: Path) -> None:
    command = [sys.executable, str(AUDIT), str(tmp_path / "none"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 3
