"""A browser that talks to a real server over HTTPS, where other tests call the app in their own process."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests

from flask_zerotrust.movement import wire

from .sites import Visitor, movement, totp


@dataclass
class Answer:
    """What came back, by the names that Flask's test client uses."""

    status_code: int
    text: str
    headers: Any

    @property
    def location(self) -> str:
        """The path that is gone to next, with its query."""
        parts = urlsplit(self.headers["Location"])
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def json(self) -> Any:
        return requests.models.complexjson.loads(self.text)

    @property
    def machine(self) -> str:
        return str(self.headers.get("X-Machine", ""))


class Wire:
    """A cookie jar and an address, with the calls of Flask's test client that visitors make."""

    def __init__(self, address: str, certificate: str) -> None:
        self.address = address
        self.jar = requests.Session()
        self.jar.trust_env = False
        self.jar.verify = certificate

    def open(self, path: str, *, method: str = "GET", content_type: str = "", **more: Any) -> Answer:
        headers = dict(more.pop("headers", {}))
        if content_type:
            headers["Content-Type"] = content_type
        said = self.jar.request(
            method, self.address + path, headers=headers, allow_redirects=False, timeout=20, **more
        )
        return Answer(said.status_code, said.text, said.headers)

    def get(self, path: str, **more: Any) -> Answer:
        return self.open(path, **more)

    def post(self, path: str, **more: Any) -> Answer:
        return self.open(path, method="POST", **more)


@dataclass
class FarVisitor(Visitor):
    """A visitor of a site elsewhere, whose clock is the wall's."""

    ahead: int = 0

    def _inside(self, path: str) -> str:
        return path

    def code(self) -> str:
        """Return a code that is good now and was not used: the next step's are taken too."""
        self.ahead += 1
        return totp(time.time() + (self.ahead - 1) * 30)

    def step_up(self, path: str = "/secret") -> FarVisitor:
        answered = self.answer(self.open(path).location)
        assert answered.status_code == 303, answered.text
        return self

    def glide(self, strokes: int) -> FarVisitor:
        """Move in straight lines, which this site takes for a bot's."""
        batch = movement(1)
        line = np.linspace(0, 1, batch.t_ms.size)
        straight = replace(batch, x=(200 + 700 * line).round(), y=np.full(line.size, 300.0))
        for _ in range(strokes):
            sent = self.send(self.body(1, planes=wire.encode_planes(straight, t0_ms=0)))
            assert sent.status_code == 204, sent.text
        return self
