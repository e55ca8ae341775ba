"""A tiny loopback site for the collector's tests: serves pages, takes batches, remembers every request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from flask_zerotrust.errors import PayloadError
from flask_zerotrust.movement.wire import Envelope, EventBatch, decode, open_envelope

from .harness import ROOT

COLLECTOR = ROOT / "flask_zerotrust" / "static" / "collector.js"
SCRIPT = '<script type="module" src="/zerotrust/static/collector.js" data-zerotrust="/zerotrust"></script>'
# Long enough for a busy two-core machine, and for the collector's own back-off.
PATIENCE_S = 30.0
TEXT = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in, and the status it was answered with."""

    method: str
    path: str
    query: str
    body: bytes
    status: int

    def envelope(self) -> Envelope:
        """Return the batch in the body, its planes still encoded."""
        return open_envelope(self.body, max_bytes=65_536)


@dataclass(eq=False)
class Site:
    """What the site serves, how it answers, and what it has seen."""

    url: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    #: Statuses for the next batches; then every new batch is 204 and every known one 409.
    answers: list[int] = field(default_factory=list)
    #: Status of every request to the collector's end points, while set.
    broken: int | None = None
    tokens: int = 0
    seen: list[Seen] = field(default_factory=list)
    _valid: set[str] = field(default_factory=set)
    _claimed: set[tuple[str, int]] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def page(self, body: str, *, path: str = "/", head: str = SCRIPT) -> str:
        """Serve a page with the collector in it; returns its address."""
        self.pages[path] = f"<!doctype html><title>Test</title>{head}<body>{body}"
        return self.url + path

    def revoke(self) -> None:
        """Make every token handed out so far worthless, as a rotated session does."""
        self._valid.clear()

    def posts(self, path: str = "/zerotrust/events", status: int | None = None) -> list[Seen]:
        """Return the POSTs to a path so far, or those answered with a status."""
        with self._changed:
            found = [s for s in self.seen if s.method == "POST" and s.path == path]
        return [s for s in found if status is None or s.status == status]

    def taken(self) -> list[EventBatch]:
        """Return the batches that were answered 204, decoded, in the order of arrival."""
        return [decode(s.envelope(), max_events=4_000) for s in self.posts(status=204)]

    def wait(self, ready: Callable[[], Any]) -> Any:
        """Return what ``ready`` gives as soon as that is true; fail when it never is."""
        with self._changed:
            if not self._changed.wait_for(ready, timeout=PATIENCE_S):
                told = [(s.method, s.path, s.status) for s in self.seen]
                raise AssertionError(f"it never happened; seen: {told}")
            return ready()

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Answer one request and remember it."""
        with self._changed:
            status, text, headers = self._answer(method, path, body)
            self.seen.append(Seen(method, path, query, body, status))
            self._changed.notify_all()
        return status, text, {**self.headers, **headers}

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        if path == "/zerotrust/static/collector.js":
            return 200, COLLECTOR.read_bytes(), {"Content-Type": "text/javascript"}
        if path.startswith("/zerotrust/"):
            return self._collector(path, body)
        if path == "/favicon.ico":
            return 204, b"", {}
        if path in self.pages:
            return 200, self.pages[path].encode(), TEXT
        return (200, b"Thank you.", TEXT) if method == "POST" else (404, b"Not here.", TEXT)

    def _collector(self, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        if self.broken is not None:
            return self.broken, b'{"title": "Out of order"}', {"Content-Type": "application/problem+json"}
        if path == "/zerotrust/token":
            self.tokens += 1
            token = f"token-{self.tokens}"
            self._valid.add(token)
            text = json.dumps({"token": token, "expires_in": 3_600})
            return 200, text.encode(), {"Content-Type": "application/json"}
        return self._take(body), b"", {}

    def _take(self, body: bytes) -> int:
        try:
            batch = open_envelope(body, max_bytes=65_536)
        except PayloadError as error:
            return error.status
        if self.answers:
            return self.answers.pop(0)
        if batch.token not in self._valid:
            return 401
        if (batch.nonce, batch.seq) in self._claimed:
            return 409
        self._claimed.add((batch.nonce, batch.seq))
        return 204


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = urlsplit(self.path)
        status, text, headers = self.site.answer(method, parts.path, parts.query, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if status != 204:
            self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the tests look at what was seen."""


@contextmanager
def serve_site() -> Iterator[Site]:
    """Run a site on a free loopback port."""
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
