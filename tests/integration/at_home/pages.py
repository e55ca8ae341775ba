"""Apps as the pages of docs/integrations build them, each run as it is written there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from flask.testing import FlaskClient

PAGES = Path(__file__).parents[3] / "docs" / "integrations"
CONFIG = {"TESTING": True, "ZEROTRUST_STORE": "memory://"}


@contextmanager
def loaded(page: str) -> Iterator[ModuleType]:
    """Run the Python of a page and give its names."""
    blocks = re.findall(r"^```python\n(.*?)^```", (PAGES / f"{page}.md").read_text(), re.M | re.S)
    module = ModuleType("page_" + page.replace("-", "_"))
    sys.modules[module.__name__] = module  # where SQLAlchemy looks for the module of a model
    try:
        exec(compile("\n".join(blocks), f"docs/integrations/{page}.md", "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]


def logged_in(client: FlaskClient, user: str | None) -> FlaskClient:
    """Put a user into the client's session, where the pages' apps look for one."""
    if user is not None:
        with client.session_transaction() as session:
            session["user"] = user
    return client
