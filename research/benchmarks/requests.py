"""What the extension costs a request, against the same request without it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask_zerotrust.movement import wire
from research.benchmarks import moves, naive, sites
from research.benchmarks.timing import WARM_UP, Job, medians
from tests.integration.sites import Site, Visitor
from tests.servers import RedisServer, redis_server

_STATUS = {"plain": 200, "guarded": 200}


def check(name: str, answer: Any) -> None:
    """Raise where a request was not answered as it should be: a refusal would be quick."""
    wanted = _STATUS.get(name, 204)
    assert answer.status_code == wanted, f"{name}: {answer.status_code} {answer.text}"


def core_jobs(folder: Path) -> dict[str, Job]:
    """Return a batch of movement, small and large, and the same body at an app without the extension."""
    ada = sites.guarded_site(folder / "core").visitor().login()
    return {
        "bare": _bare(ada),
        "core": _batches(ada, 600, 10),
        "core_2000": _batches(ada, 2_000, 33),
    }


def other_jobs(folder: Path, rounds: int, model: Any, *, bare: Job) -> dict[str, Job]:
    """Return a batch in every other arrangement, and at what one would write first.

    Apart from the core's jobs, because what fills the caches of the machine would be charged to it.
    """
    known = sites.guarded_site(folder / "identity", ZEROTRUST_IDENTITY=True)
    both = _known(_remembering(folder / "both", ZEROTRUST_IDENTITY=True).site)
    return {
        "bare_beside_others": bare,
        "naive": naive.sender(naive.app(model).test_client(), sites.movement(600, 10)),
        "memory": _new_batches(_remembering(folder / "memory"), rounds),
        "identity": _batches(_known(known), 600, 10),
        "both": _new_batches(both, rounds),
    }


def collectors(folder: Path, rounds: int, model: Any) -> dict[str, float]:
    """Return the median CPU time of a batch in every arrangement, and of what it is compared with, in s."""
    core = core_jobs(folder)
    found = medians(core, rounds, check=check)
    return found | medians(other_jobs(folder, rounds, model, bare=core["bare"]), rounds, check=check)


def store_jobs(folder: Path) -> dict[str, Job]:
    """Return a batch with few and with many live sessions in the store."""
    found = {}
    for name, sessions in (("few", 10), ("many", sites.STORED_SESSIONS)):
        site = sites.guarded_site(folder / name)
        sites.fill_store(site, sessions)
        found[name] = _batches(site.visitor().login(), 600, 10)
    return found


def full_redis(folder: Path, rounds: int) -> dict[str, float]:
    """Return the same over Redis, with what the server itself takes for a batch, in s."""
    with ExitStack() as running:
        servers, jobs = {}, {}
        for name, sessions in (("few", 10), ("many", sites.STORED_SESSIONS)):
            servers[name] = running.enter_context(redis_server(folder / f"redis-{name}"))
            site = sites.guarded_site(folder / f"on-{name}", url=servers[name].url())
            sites.fill_store(site, sessions)
            jobs[name] = _batches(site.visitor().login(), 600, 10)
        before = {name: _server_s(server) for name, server in servers.items()}
        found = medians(jobs, rounds, check=check)
        taken = {name: _server_s(server) - before[name] for name, server in servers.items()}
        return {name: found[name] + taken[name] / (rounds + WARM_UP) for name in jobs}


def _server_s(server: RedisServer) -> float:
    """Return the CPU time that a Redis has taken so far."""
    with server.client() as client:
        said = client.info("cpu")
    return float(said["used_cpu_user"]) + float(said["used_cpu_sys"])


def view_jobs(folder: Path) -> dict[str, Job]:
    """Return a page behind a guard, to one who has passed, and one without a guard."""
    site = sites.guarded_site(folder / "views")
    eve = site.visitor().login("eve").step_up()
    site.clock.tick(1)
    return {"plain": lambda: eve.open("/plain"), "guarded": lambda: eve.open("/secret")}


def _bare(like: Visitor) -> Job:
    """Return a job that posts the same body, with the same headers, to an app without the extension."""
    client = sites.bare_app().test_client()
    client.post("/login")
    plain = Visitor(like.site, client)
    planes = wire.encode_planes(sites.movement(600, 10), t0_ms=0)
    data = like.body(1, token=like.token(), planes=planes)
    return lambda: plain.fetch("/bare", "POST", data=data, content_type="application/json")


def _batches(visitor: Visitor, n: int, strokes: int) -> Job:
    return sites.sender(visitor, visitor.token(), n, strokes)


def _new_batches(visitor: Visitor, rounds: int) -> Job:
    """Return a job that posts movement that no memory knows, at most so often and a few times more."""
    count = rounds + WARM_UP + 1
    return moves.sender(visitor, visitor.token(), 600, 10, first=1_000_000, count=count)


def _remembering(folder: Path, **config: Any) -> Visitor:
    site = sites.guarded_site(folder, ZEROTRUST_REPLAY_MEMORY=sites.STORED_STROKES, **config)
    moves.fill(site, strokes=sites.STORED_STROKES)
    return site.visitor().login()


def _known(site: Site) -> Visitor:
    sites.teach(site, "ada")
    return site.visitor().login()
