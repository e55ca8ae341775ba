"""How Sphinx builds these pages: ``make docs-html``."""

from __future__ import annotations

import doctest
import re

from sphinx.application import Sphinx

from flask_zerotrust import __version__

project = "Flask-ZeroTrust"
author = "the Flask-ZeroTrust authors"
version = release = __version__

extensions = [
    "myst_parser",
    "pallets_sphinx_themes",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
# What the theme's domains leave out, said once for every broken link: the link itself is still an error.
suppress_warnings = ["myst.domains"]

# Every heading down to the third can be linked to, as it can on code hosts.
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_google_docstring = False

html_theme = "flask"
html_title = f"Flask-ZeroTrust {__version__}"
html_show_sourcelink = False
html_theme_options = {"index_sidebar_logo": False}

# Sphinx would take any text of the right exception.
doctest_default_flags = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1
# What the examples of docstrings and pages may use without importing it.
doctest_global_setup = """
__name__ = "__main__"
from flask import Flask, session
from flask_zerotrust import ZeroTrust, current_risk, signals, step_up_required, testing
from flask_zerotrust.factors import TotpFactor, new_secret
bank = Flask("bank")
bank.config.update(SECRET_KEY="dev", ZEROTRUST_STORE="memory://", TESTING=True)
bank_zt = ZeroTrust(bank)
bank_zt.user_id_loader(lambda: "ada")
bank_zt.factors_loader(lambda user: [TotpFactor("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")])
bank.add_url_rule("/money", "money", step_up_required(lambda: "1,000"))
client = bank.test_client()
"""

_ENTRY = re.compile(r"^- \[[^\]]+\]\(([\w/-]+)\.md\)", re.MULTILINE)
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)


def toctrees(text: str) -> str:
    """Return an index page with a hidden table of contents below each of its lists of pages.

    So the lists stay what code hosts show too, and a page is added in one place.
    """
    made = []
    for section in _SECTION.split(text):
        heading = section.partition("\n")[0].lstrip("# ")
        listed = "\n".join(_ENTRY.findall(section))
        tree = f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{listed}\n```\n\n" if listed else ""
        made.append(section.rstrip() + "\n" + tree + "\n")
    return "".join(made)


def setup(app: Sphinx) -> None:
    """Make the tables of contents of the index pages."""

    def read(_app: Sphinx, name: str, source: list[str]) -> None:
        if name.rpartition("/")[2] == "index":
            source[0] = toctrees(source[0])

    app.connect("source-read", read)
