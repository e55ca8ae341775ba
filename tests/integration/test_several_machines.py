"""Two machines behind nginx over one Redis: whichever is asked, the answer is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.servers import RedisServer, certified, nginx, redis_server

from .wire import FarVisitor, Wire

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# What docs/stores.md asks for; a crash may lose nothing here, so that the test can say what is there.
DURABLE = {"appendonly": "yes", "appendfsync": "always"}


@dataclass
class Farm:
    """Machines that share one Redis, behind one address."""

    redis: RedisServer
    address: str
    certificate: str

    def visitor(self) -> FarVisitor:
        return FarVisitor(None, Wire(self.address, self.certificate))  # type: ignore[arg-type]


@contextmanager
def machine(name: str, store: str, folder: Path) -> Iterator[int]:
    """Serve the small app as a container would, and lend its port."""
    port, environ = free_port(), {**os.environ, "MACHINE_NAME": name, "MACHINE_STORE": store}
    environ |= {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}", "WEB_CONCURRENCY": "1"}
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "tests.integration.machine:create_app()"],
            cwd=ROOT,
            env=environ,
            stdout=log,
            stderr=log,
        )
        try:
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    with ExitStack() as running:
        server = running.enter_context(redis_server(folder / "r", port=free_port(), options=DURABLE))
        store = server.url(timeout_s="1")
        ports = [running.enter_context(machine(name, store, folder)) for name in ("one", "two")]
        certificate, key = certified(folder, "127.0.0.1")
        front = running.enter_context(nginx(folder, certificate, key, ports))
        yield Farm(server, f"https://127.0.0.1:{front}", certificate)


def both(visitor: FarVisitor, path: str) -> list[Any]:
    """Open a page twice, once at each machine."""
    answers = [visitor.open(path) for _ in range(2)]
    assert {answer.machine for answer in answers} == {"one", "two"}
    return answers


def codes(answers: list[Any]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_movement_seen_by_either_adds_up_at_both(farm: Farm) -> None:
    ada = farm.visitor().login("ada")
    assert codes(both(ada, "/secret")) == [303, 303]
    ada.move(6)
    assert [answer.text for answer in both(ada, "/secret")] == ["the secret"] * 2
    one, two = (answer.json["value"] for answer in both(ada, "/level"))
    assert one == pytest.approx(two, abs=1e-3)  # it fades between the two


def test_a_latch_holds_at_both_whatever_comes_later(farm: Farm) -> None:
    eve = farm.visitor().login("eve").glide(8)
    eve.move(10)
    assert codes(both(eve, "/secret")) == [303, 303]
    again = farm.visitor().login("eve").move(8)
    assert codes(both(again, "/secret")) == [303, 303]


def test_a_code_passed_at_one_counts_at_both_and_once(farm: Farm) -> None:
    tim = farm.visitor().login("tim")
    url, code = tim.open("/admin").location, tim.code()
    assert tim.answer(url, code).status_code == 303
    assert [answer.text for answer in both(tim, "/admin")] == ["the admin page"] * 2
    thief = farm.visitor().login("tim")
    assert [thief.answer(thief.open("/admin").location, code).status_code for _ in range(2)] == [422, 422]


def test_wrong_codes_add_up_over_both(farm: Farm) -> None:
    ned = farm.visitor().login("ned")
    url = ned.open("/admin").location
    assert [ned.answer(url, "000000").status_code for _ in range(5)][-1] == 429
    assert [ned.answer(url).status_code for _ in range(2)] == [429, 429]


def test_a_batch_that_both_get_counts_once(farm: Farm) -> None:
    sid = farm.visitor().login("sid")
    body = sid.body(1)
    with ThreadPoolExecutor(6) as pool:
        taken = sorted(pool.map(lambda _: sid.send(body).status_code, range(6)))
    assert taken == [204] + [409] * 5


def test_a_client_is_told_by_nginx_and_not_by_what_it_says_itself(farm: Farm) -> None:
    """Its own X-Forwarded-For would give every guess an address of its own."""
    kim = farm.visitor().login("kim")
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
    }
    said = kim.fetch("/whoami", headers=forged | {"X-Forwarded-Proto": "http"}).json
    assert said == {"address": "127.0.0.1", "url": f"{farm.address}/"}


def test_a_redis_that_restarts_loses_nothing_and_opens_nothing(farm: Farm) -> None:
    """A grant, a latch and used tries are there again; without Redis nobody passes, but pages work."""
    pat, max_, lou = (farm.visitor().login(name) for name in ("pat", "max", "lou"))
    pat.step_up("/admin")
    max_.glide(8)
    url = lou.open("/admin").location
    for _ in range(4):
        lou.answer(url, "000000")

    farm.redis.stop(signal.SIGKILL)
    assert [codes(both(who, "/secret")) for who in (pat, max_, lou)] == [[503, 503]] * 3
    assert codes(both(pat, "/")) == [200, 200]
    assert "Nothing was done" in pat.open("/secret").text

    farm.redis.start()
    assert [answer.text for answer in both(pat, "/admin")] == ["the admin page"] * 2
    assert codes(both(max_.move(10), "/secret")) == [303, 303]
    assert [lou.answer(url, "000000").status_code for _ in range(2)][-1] == 429
