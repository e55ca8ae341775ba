"""Takes defences away one by one, and checks that a test notices: ``python -m tests.security.mutants``.

Every patch in ``mutations/`` removes one defence. The lines above its diff say which row of the threat
model it belongs to and, after ``Tests:``, which tests have to fail with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATCHES = Path(__file__).parent / "mutations"
COPIED = ("flask_zerotrust", "research", "tests", "example_app", "pyproject.toml")
# Of pytest: all passed, and some failed. Anything else means that the tests did not run.
PASSED, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Mutant:
    """One patch and the tests that must notice it."""

    name: str
    patch: Path
    tests: tuple[str, ...]


def read(patch: Path) -> Mutant:
    """Return what a patch file says of itself.

    Raises
    ------
    ValueError
        Without a line of tests.
    """
    head = patch.read_text(encoding="utf-8").partition("\n--- ")[0]
    tests = [line.removeprefix("Tests:").split() for line in head.splitlines() if line.startswith("Tests:")]
    if not tests:
        raise ValueError(f"{patch.name} has no line 'Tests: ...' above its diff")
    return Mutant(patch.stem, patch, tuple(test for line in tests for test in line))


def copy(target: Path) -> None:
    """Put what the tests need into an empty folder."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "instance")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)


def apply(mutant: Mutant, tree: Path, *, reverse: bool = False) -> bool:
    """Apply a patch to a tree, or take it back; say whether it fitted."""
    direction = ["--reverse"] if reverse else []
    command = ["git", "apply", *direction, str(mutant.patch)]
    return subprocess.run(command, cwd=tree, capture_output=True, check=False).returncode == 0


def run(tests: tuple[str, ...], tree: Path) -> int:
    """Run tests of a tree and return pytest's exit code."""
    # The package of the tree, not the one that is installed; and no byte code of an earlier patch.
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--every-store"]
    command += ["-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, check=False).returncode


def verdict(mutant: Mutant, tree: Path) -> str:
    """Return "caught", or what is wrong."""
    if not apply(mutant, tree):
        return "does not apply: renew the patch"
    try:
        code = run(mutant.tests, tree)
    finally:
        apply(mutant, tree, reverse=True)
    if code == PASSED:
        return "SURVIVED: no test noticed"
    return "caught" if code == FAILED else f"the tests did not run (pytest said {code})"


def main(names: list[str]) -> int:
    """Try every mutant, or those named, and return 1 unless all are caught."""
    mutants = [read(patch) for patch in sorted(PATCHES.glob("*.patch"))]
    chosen = [mutant for mutant in mutants if not names or mutant.name in names]
    if not chosen:
        sys.exit(f"No patch is called {' or '.join(names)} in {PATCHES}.")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy(tree)
        everything = tuple(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
        if run(everything, tree) != PASSED:
            sys.exit("The tests fail before anything is taken away. Run them alone first.")
        bad = 0
        for mutant in chosen:
            said = verdict(mutant, tree)
            bad += said != "caught"
            print(f"{mutant.name:40} {said}", flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} caught")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
