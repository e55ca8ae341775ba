"""Every promise of the README has tests and mutations that exist: docs/promises.md is the map."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.security.mutants import PATCHES, ROOT, read

PAGE = ROOT / "docs" / "promises.md"
NO_MUTATION = "none: no attack"


def promises() -> set[str]:
    """Return the promises of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## What it promises\n")[2].partition("\n## ")[0]
    bullets = [" ".join(bullet.split()) for bullet in section.split("\n- ")[1:]]
    return set(bullets)


def rows() -> list[tuple[str, str, str]]:
    """Return promise, tests and mutations of each row."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    table = [tuple(line.strip("| ").split(" | ")) for line in lines if line.startswith("| ")]
    assert all(len(row) == 3 for row in table)
    return table[1:]


ROWS = rows()
IDS = [row[0][:40] for row in ROWS]


def named(tests: str) -> list[tuple[str, str]]:
    """Return (file, test) for each test of a cell."""
    parts = re.findall(r"\]\(\.\./(tests/\w+/test_\w+\.py)\): ((?:`\w+`(?:, )?)+)", tests)
    return [(file, test) for file, names in parts for test in re.findall(r"`(\w+)`", names)]


@cache
def written(file: str) -> set[str]:
    """Return the tests of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def patch_of(name: str) -> Path:
    return PATCHES / f"{name}.patch"


def test_every_promise_of_the_readme_has_a_row() -> None:
    assert len(ROWS) > 8
    assert {promise for promise, _, _ in ROWS} == promises()


@pytest.mark.parametrize(("promise", "tests", "_"), ROWS, ids=IDS)
def test_every_test_of_a_row_exists(promise: str, tests: str, _: str) -> None:
    found = named(tests)
    assert len(found) == len(re.findall(r"`test_\w+`", tests)) > 0, promise
    assert [(file, test) for file, test in found if test not in written(file)] == []


@pytest.mark.parametrize(("promise", "tests", "mutations"), ROWS, ids=IDS)
def test_every_mutation_of_a_row_exists_and_is_caught_by_its_tests(
    promise: str, tests: str, mutations: str
) -> None:
    if mutations == NO_MUTATION:
        return
    names = re.findall(r"`([\w-]+)`", mutations)
    assert names, promise
    assert [name for name in names if not patch_of(name).is_file()] == []
    files = {file for file, _ in named(tests)}
    for name in names:
        caught_by = {test.partition("::")[0] for test in read(patch_of(name)).tests}
        assert caught_by & files, f"{name} is caught by tests of other files than the row names"
