"""zerotrust.css: readable in both schemes, and no reach beyond the extension's own pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flask_zerotrust.errors

FOLDER = Path(flask_zerotrust.errors.__file__).parent
BANK = Path(__file__).parents[2] / "example_app" / "static" / "bank.css"
#: Values that change how an element is painted, and neither its size nor its place.
PAINT = re.compile(r"#[0-9a-f]{6}|none|linear-gradient\(.*\)")
CSS = (FOLDER / "static" / "zerotrust.css").read_text(encoding="utf-8")


def schemes() -> list[tuple[str, dict[str, str]]]:
    """Return the colours of the light and of the dark scheme, by name."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)
    colours = dict(re.findall(r"--zt-([\w-]+): (#[0-9a-f]{6})", light))
    return [
        ("light", colours),
        ("dark", {**colours, **dict(re.findall(r"--zt-([\w-]+): (#[0-9a-f]{6})", dark))}),
    ]


@pytest.mark.parametrize("sheet", [FOLDER / "static" / "zerotrust.css", BANK], ids=lambda file: file.name)
def test_the_dark_scheme_changes_nothing_but_colours(sheet: Path) -> None:
    """So a dark page has the elements, sizes and places of the light one."""
    css = sheet.read_text(encoding="utf-8")
    (dark,) = re.findall(r"prefers-color-scheme: dark\) \{\s*:root \{([^{}]*)\}\s*\}", css)
    assert css.count("prefers-color-scheme") == 1
    values = dict(re.findall(r"([\w-]+): ([^;]+);", dark))
    assert len(values) == dark.count(";")
    assert all(name.startswith("--") for name in values)
    assert all(PAINT.fullmatch(value) for value in values.values())


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_wcag_says() -> None:
    """Black on white is 21; #767676 on white is the well-known 4.54."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize(("scheme", "colours"), schemes(), ids=["light", "dark"])
def test_every_text_can_be_read(scheme: str, colours: dict[str, str]) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for what shows that a field or the focus is there."""
    text = [
        *[("ink", ground) for ground in ("ground", "surface", "soft")],
        *[("dim", ground) for ground in ("ground", "surface")],
        *[("accent", ground) for ground in ("surface", "soft")],
        *[("accent-strong", ground) for ground in ("surface", "soft")],
        *[("on-accent", ground) for ground in ("accent", "accent-strong")],
        ("bad", "bad-ground"),
        ("warn", "warn-ground"),
    ]
    for ink, ground in text:
        assert contrast(colours[ink], colours[ground]) >= 4.5, f"{scheme}: {ink} on {ground}"
    for edge in ("field-edge", "accent", "bad"):
        assert contrast(colours[edge], colours["surface"]) >= 3, f"{scheme}: {edge}"


def test_the_sheet_stays_to_itself() -> None:
    """Every rule is bound to a zt- class, so that the sheet can stand beside a site's own."""
    bare = re.sub(r"/\*.*?\*/|@keyframes zt-[^{]*\{[^{}]*\{[^{}]*\}\s*\}", "", CSS, flags=re.DOTALL)
    selectors = [s.strip() for group in re.findall(r"([^{};]+)\{", bare) for s in group.split(",")]
    assert [s for s in selectors if not s.startswith((".zt-", ":root", "@media"))] == []


def test_the_sheet_names_every_property_it_takes() -> None:
    """The list at its top is what sites go by."""
    head = CSS[: CSS.index("*/")]
    colours = set(re.findall(r"^ {2}(--zt-[\w-]+):", CSS, flags=re.MULTILINE))
    assert colours - set(re.findall(r"--zt-[\w-]+", head)) == {"--zt-shadow", "--zt-mono"}
    assert "url(" not in CSS
