"""An HTTP server on loopback in Twilio's place, and Twilio's own description to hold requests against."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from twilio.http.http_client import TwilioHttpClient

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "token-of-the-account"

Form = dict[str, list[str]]
T = TypeVar("T", bound="FakeTwilio")


@dataclass
class FakeTwilio:
    """Answers as it is told and keeps what it was asked."""

    url: str = ""
    status: int = 201
    body: bytes = b'{"sid": "SM123", "status": "queued"}'
    wait: threading.Event | None = None
    requests: list[tuple[str, str, dict[str, str], Form]] = field(default_factory=list)

    def answer(self, status: int, body: object) -> None:
        """Say so from now on."""
        self.status, self.body = status, json.dumps(body).encode()

    def respond(self, path: str, form: Form) -> tuple[int, bytes]:
        """Return the answer to one request."""
        return self.status, self.body

    def client(self, timeout_s: float = 5.0) -> TwilioHttpClient:
        """Return an HTTP client that finds this server where Twilio's hosts are."""
        base = self

        class ToThisMachine(TwilioHttpClient):
            def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
                here = re.sub(r"^https://[a-z]+\.twilio\.com", base.url, url)
                return super().request(method, here, *args, **kwargs)

        return ToThisMachine(timeout=timeout_s)


@contextmanager
def serve_twilio(fake: T) -> Iterator[T]:
    """Serve a fake on a port of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = urllib.parse.parse_qs(body)
            fake.requests.append(("POST", self.path, dict(self.headers), form))
            if fake.wait is not None:
                fake.wait.wait(30)
                return
            status, said = fake.respond(self.path, form)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        if fake.wait is not None:
            fake.wait.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Described:
    """One path of a description, its POST, and the schemas that it refers to."""

    path: str
    operation: dict[str, Any]
    schemas: dict[str, Any]


def describe(shared_data: Path, name: str, path: str) -> Described:
    """Read a path of a description that lies gzipped beside the repository."""
    archive = shared_data / "twilio" / f"{name}.json.gz"
    if not archive.is_file():
        reason = f"Twilio's description is not at hand: {archive} is missing"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with gzip.open(archive) as file:
        whole = json.load(file)
    return Described(path, whole["paths"][path]["post"], whole["components"]["schemas"])


def problems(described: Described, path: str, headers: dict[str, str], form: Form) -> list[str]:
    """Return what in a POST is not as the description says."""
    operation = described.operation
    content = operation["requestBody"]["content"]
    found = [] if _fits(described, path) else [f"path {path}"]
    if headers["Content-Type"] not in content:
        found.append(f"content type {headers['Content-Type']}")
    schema = content["application/x-www-form-urlencoded"]["schema"]
    found += [f"{name} is missing" for name in schema.get("required", ()) if name not in form]
    for name, values in form.items():
        known = schema["properties"].get(name)
        if known is None or len(values) != 1:
            found.append(f"{name} is unknown or repeated")
        else:
            found += _wrong(name, values[0], _resolved(described, known))
    return found


def _fits(described: Described, path: str) -> bool:
    patterns = {p["name"]: p["schema"].get("pattern", "[^/]+") for p in described.operation["parameters"]}
    names = re.findall(r"\{(\w+)\}", described.path)
    shape = re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(described.path))
    match = re.fullmatch(shape, path)
    return match is not None and all(
        re.fullmatch(patterns[name], value) for name, value in zip(names, match.groups(), strict=True)
    )


def _resolved(described: Described, schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = described.schemas[reference.rpartition("/")[2]]
    return found


def _wrong(name: str, value: str, known: dict[str, Any]) -> list[str]:
    if not re.fullmatch(known.get("pattern", ".*"), value, re.DOTALL):
        return [f"{name} does not match {known['pattern']}"]
    if known.get("format") == "phone-number" and not re.fullmatch(r"\+[1-9][0-9]{1,14}", value):
        return [f"{name} is not a number"]
    if value not in known.get("enum", [value]):
        return [f"{name} is none of {', '.join(known['enum'])}"]
    return []
