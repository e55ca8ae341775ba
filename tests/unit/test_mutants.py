"""Every row of the threat model has a patch that takes its defence away, and names tests that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.security.mutants import PATCHES, ROOT, read

ROWS = re.findall(
    r"^\| (\d+) \|", (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8"), re.MULTILINE
)
FILES = sorted(PATCHES.glob("*.patch"))


def row_of(patch: Path) -> int:
    found = re.match(r"row-(\d\d)-", patch.name)
    assert found is not None, patch.name
    return int(found[1])


def test_every_row_has_a_patch() -> None:
    assert {row_of(patch) for patch in FILES} == {int(row) for row in ROWS}


@pytest.mark.parametrize("patch", FILES, ids=lambda patch: patch.stem)
def test_a_patch_names_tests_that_exist(patch: Path) -> None:
    for test in read(patch).tests:
        file, _, function = test.partition("::")
        assert function.partition("[")[0] in (ROOT / file).read_text(encoding="utf-8"), test


def test_every_patch_fits_the_code() -> None:
    """One that no longer applies takes nothing away; ``make mutants`` would say so late."""
    for patch in FILES:
        check = ["git", "apply", "--check", str(patch)]
        done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{patch.name}: {done.stderr}"
