"""The example deployment, as far as it can be checked without a Docker engine: read, and its parts run."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from flask_zerotrust.cli.doctor import redis as redis_health
from flask_zerotrust.stores.redis import RedisStore
from tests.ports import free_port
from tests.servers import (
    RedisServer,
    answers_on,
    certified,
    nginx_command,
    nginx_conf,
    redis_server,
    wait_until,
)

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PASSWORD = "p" * 32


def instructions(name: str) -> list[str]:
    """Return what follows an instruction of the Dockerfile, every time it stands there."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{name} (.+)$", text, re.MULTILINE)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


# What is read


def test_the_example_lets_no_login_add_a_first_factor(monkeypatch: pytest.MonkeyPatch):
    """A copy of it would be a site on which whoever has a password chooses the factor."""
    for name in ("app.py", "compose.yaml", "env.example", "Dockerfile"):
        assert "first-use" not in (DEPLOY / name).read_text()
    settings = {"SECRET_KEY": "key", "TESTING": "true", "ZEROTRUST_STORE": "memory://"}
    addresses = {"ADDRESSES": '{"ada": "ada@bank.example"}', "ZEROTRUST_EMAIL_SENDER": "console"}
    for name, value in {**settings, **addresses}.items():
        monkeypatch.setenv("FLASK_" + name, value)
    app = runpy.run_path(str(DEPLOY / "app.py"))["create_app"]()
    for name, status in (("ada", 303), ("bob", 403)):
        client = app.test_client()
        client.post("/login", data={"name": name}, base_url="https://localhost")
        assert client.get("/vault", base_url="https://localhost").status_code == status
        assert client.get("/zerotrust/enrol", base_url="https://localhost").status_code == status


def test_the_files_say_that_they_were_not_built_here():
    for name in ("Dockerfile", "compose.yaml"):
        first = (DEPLOY / name).read_text().splitlines()[0]
        assert re.search(r"not (built|run) here", first), name


def test_the_image_copies_what_is_there_and_serves_as_nobody_special():
    for words in instructions("COPY"):
        *sources, _ = shlex.split(words)
        assert [source for source in sources if not (ROOT / source).exists()] == []
    known = {
        line.split()[0] for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line[:1].isupper()
    }
    assert known == {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "EXPOSE", "CMD"}
    assert instructions("USER") == ["app"]
    assert "[redis]" in "".join(instructions("RUN"))


def test_every_service_uses_files_that_are_there(compose: dict[str, Any]):
    app, redis, nginx = (compose["services"][name] for name in ("app", "redis", "nginx"))
    assert ((DEPLOY / app["build"]["context"]).resolve(), app["build"]["dockerfile"]) == (
        ROOT,
        "deploy/Dockerfile",
    )
    mounted = [mount.split(":")[0] for service in (redis, nginx) for mount in service["volumes"]]
    files = [name for name in mounted if name.startswith("./") and name != "./certs"]
    assert len(files) == 2
    assert all((DEPLOY / name).is_file() for name in files)
    assert "redis-data" in compose["volumes"]
    assert {name for service in compose["services"].values() for name in service.get("depends_on", ())} == {
        "redis",
        "app",
    }


def test_only_nginx_can_be_reached_from_outside(compose: dict[str, Any]):
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["nginx"]


def test_no_secret_stands_in_a_file_and_each_must_be_given(compose: dict[str, Any]):
    text = (DEPLOY / "compose.yaml").read_text()
    wanted = set(re.findall(r"\$\{(\w+):\?", text))
    assert wanted == {"SECRET_KEY", "REDIS_PASSWORD", "HOST_NAME"} == set(re.findall(r"\$\{(\w+)", text))
    example = (DEPLOY / "env.example").read_text()
    assert {"SECRET_KEY=", "REDIS_PASSWORD="} <= set(example.splitlines())
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == wanted


# What is run


@pytest.fixture
def env(compose: dict[str, Any]) -> dict[str, str]:
    """The app's environment as compose makes it, with secrets filled in."""
    filled = {
        "SECRET_KEY": "k" * 32 + "0123456789abcdef",
        "REDIS_PASSWORD": "p" * 32,
        "HOST_NAME": "127.0.0.1",
    }
    said = compose["services"]["app"]["environment"].items()
    return {name: re.sub(r"\$\{(\w+):[^}]*\}", lambda at: filled[at[1]], text) for name, text in said}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis with the example's configuration and a password."""
    options = {"requirepass": PASSWORD}
    conf = DEPLOY / "redis.conf"
    with redis_server(tmp_path / "r", port=free_port(), conf=conf, options=options) as server:
        yield server


@pytest.fixture
def served(env: dict[str, str], store: RedisServer, tmp_path: Path) -> Iterator[int]:
    """The Dockerfile's own command over that Redis, on a port of this test."""
    port = free_port()
    (command,) = (json.loads(words) for words in instructions("CMD"))
    url = env["FLASK_ZEROTRUST_STORE"].replace("redis:6379", f"127.0.0.1:{store.port}")
    own = {**os.environ, **env, "FLASK_ZEROTRUST_STORE": url, "PYTHONPATH": str(ROOT)}
    own["GUNICORN_CMD_ARGS"] = f"--bind 127.0.0.1:{port}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=DEPLOY, env=own, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: answers_on(port), "gunicorn", process)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.mark.slow
def test_the_images_command_serves_the_app_and_its_workers_share_the_store(served: int, store: RedisServer):
    """What nginx says of scheme and host is believed, so that the cookie for HTTPS comes back."""
    address, headers = f"http://127.0.0.1:{served}", {"X-Forwarded-Proto": "https", "Host": "127.0.0.1"}
    assert requests.get(address + "/health", headers=headers, timeout=20).text == "ok"
    said = requests.post(
        address + "/login", data={"name": "ada"}, headers=headers, allow_redirects=False, timeout=20
    )
    cookies = said.raw.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    assert all("; Secure" in cookie for cookie in cookies)
    headers["Cookie"] = "; ".join(cookie.split(";")[0] for cookie in cookies)
    page = requests.get(address + "/", headers=headers, timeout=20)
    assert "Hello ada. Your risk is unknown." in page.text
    assert requests.get(address + "/vault", headers=headers, timeout=20).status_code == 403
    other = requests.get(address + "/", headers={**headers, "Host": "evil.example"}, timeout=20)
    assert other.status_code == 400


def test_the_examples_redis_forgets_nothing(store: RedisServer):
    made = RedisStore.from_url(f"redis://:{PASSWORD}@127.0.0.1:{store.port}")
    health = made.health()
    assert list(redis_health._forgets(health)) == []
    assert health.maxmemory > 0
    made.close()


def test_nginx_takes_the_examples_configuration(tmp_path: Path):
    certificate, key = certified(tmp_path, "127.0.0.1")
    conf = nginx_conf(tmp_path, certificate, key, [free_port()], free_port())
    said = subprocess.run(nginx_command(tmp_path, conf, "-t"), capture_output=True, text=True, check=False)
    assert "test is successful" in said.stderr, said.stderr
    assert "[warn]" not in said.stderr


def test_the_headers_that_nginx_sets_are_those_that_the_app_believes():
    """One more or one fewer, and clients could say themselves who they are."""
    text = (DEPLOY / "nginx.conf").read_text()
    fixed = re.findall(r"proxy_set_header (X-Forwarded-\w+) (\S+);", text)
    assert dict(fixed) == {
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
        "X-Forwarded-Host": "$host",
    }
    believed = re.findall(r"x_(\w+)=1", (DEPLOY / "app.py").read_text())
    assert {name.rpartition("-")[2].lower() for name, _ in fixed} == set(believed)
