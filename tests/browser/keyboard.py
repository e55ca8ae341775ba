"""What the Tab key reaches on a page, and whether one can see where it is."""

from __future__ import annotations

from playwright.sync_api import Page

# By their place, so that two alike are told apart. Closed and hidden ones are nobody's to reach, and
# neither is the page behind a dialog.
_ALL = """const scope = document.querySelector("dialog:modal") ?? document;
  const all = [...scope.querySelectorAll("a[href],button,input,select,textarea,summary")];"""
_CONTROLS = f"""() => {{
  {_ALL}
  const seen = (e) => e.checkVisibility({{ visibilityProperty: true }}) && !e.disabled;
  return all.flatMap((e, i) => seen(e) ? [[i, e.outerHTML.slice(0, 120)]] : []);
}}"""
_FOCUSED = f"""() => {{
  {_ALL}
  const now = document.activeElement;
  const box = now.getBoundingClientRect();
  const style = getComputedStyle(now);
  const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return [all.indexOf(now), marked && inside];
}}"""


def out_of_reach(page: Page) -> list[str]:
    """Return the controls that Tab does not reach, or reaches without showing it (WCAG 2.1.1, 2.4.7)."""
    controls = dict(page.evaluate(_CONTROLS))
    # From the top, wherever the page has put the focus.
    page.evaluate("document.activeElement.blur(); getSelection().setPosition(document.body, 0)")
    shown = set()
    for _ in range(len(controls) + 5):
        page.keyboard.press("Tab")
        index, visible = page.evaluate(_FOCUSED)
        if visible:
            shown.add(index)
    return [html for index, html in controls.items() if index not in shown]
