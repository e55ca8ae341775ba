"""What axe-core finds on a page, in one line a rule, and whether a page fits its window."""

from __future__ import annotations

from collections.abc import Sequence

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: WCAG 2.2 A and AA are the promise; best practices are looked at as well.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
#: WCAG 2.2, 1.4.10: a page of 1280 px at 400 % zoom is this wide, and so is a small phone.
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1280, "height": 800}
#: The wide window at 200 % zoom.
ZOOMED = {"width": 640, "height": 400}
#: Colour schemes, and the rules that each is checked by: all, or those about colours.
SCHEMES = {"light": TAGS, "dark": ("color-contrast", "link-in-text-block")}

#: Source of axe-core.
AXE = Axe().axe_script
# Off by default in axe-core, though WCAG 2.2 has it (2.5.8).
_RUN = """rules => axe.run({ runOnly: rules, resultTypes: ["violations"],
  ...(rules.includes("wcag22aa") && { rules: { "target-size": { enabled: true } } }) })"""
_BROKEN = """() => [...document.querySelectorAll("h1, h2, label, button, .zt-button")].filter((e) => {
  e.style.overflowWrap = "normal";
  const broken = e.checkVisibility() && e.scrollWidth > e.clientWidth;
  e.style.overflowWrap = "";
  return broken;
}).map((e) => e.textContent)"""
_FITS = "document.documentElement.scrollWidth <= innerWidth"


def violations(page: Page, rules: Sequence[str] = TAGS) -> list[str]:
    """Return the rules of axe-core that a page breaks: rule, element, and what to do.

    ``rules`` are names of rules, or tags of them.
    """
    if not page.evaluate("!!window.axe"):
        page.evaluate(AXE)
    found = page.evaluate(_RUN, list(rules))
    return [
        f"{rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def in_every_look(page: Page) -> dict[str, list[str]]:
    """Check a page in light and dark, wide and narrow, and return the broken rules by look.

    A dark page is checked for its colours only: the dark scheme changes nothing else (test_stylesheet.py).
    """
    found = {}
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        for name, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            found[f"{scheme}, {name}"] = violations(page, rules)
    return {look: said for look, said in found.items() if said}


def broken_words(page: Page) -> list[str]:
    """Return headings, labels and buttons whose words do not fit 320 px: they are cut anywhere."""
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    found: list[str] = page.evaluate(_BROKEN)
    return found


def too_wide(page: Page) -> list[str]:
    """Return the conditions in which a page has to be scrolled sideways (WCAG 2.2, 1.4.4 and 1.4.10)."""
    fits = {}
    for name, size in (("320 px", NARROW), ("zoom of 200 %", ZOOMED), ("letters of 200 %", WIDE)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        letters = "200%" if name.startswith("letters") else ""
        page.evaluate("size => document.documentElement.style.fontSize = size", letters)
        fits[name] = page.evaluate(_FITS)
    page.evaluate("document.documentElement.style.fontSize = ''")
    return [name for name, fitted in fits.items() if not fitted]
