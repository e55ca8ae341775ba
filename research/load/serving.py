"""The small app under gunicorn, as deploy/gunicorn.conf.py has it: two workers of four threads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.servers import answers_on, wait_until

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "deploy" / "gunicorn.conf.py"
WORKERS, THREADS = 2, 4


@dataclass(frozen=True, slots=True)
class Served:
    """A running gunicorn, and the configuration of its app."""

    port: int
    master: int
    log: Path
    environ: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[int]:
        """Return the process ids of its workers, the one that has lived longest first."""
        text = Path(f"/proc/{self.master}/task/{self.master}/children").read_text(encoding="ascii")
        return sorted(map(int, text.split()), key=_started)

    def resident(self, pid: int) -> int | None:
        """Return the resident memory of one of its processes in bytes; None where it is gone."""
        try:
            pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _started(pid: int) -> int:
    """Return when a process began, in ticks since the machine did; of one that is gone, the last of all."""
    try:
        # Behind the name, which is in parentheses and may hold blanks (proc_pid_stat(5), field 22).
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except OSError:
        return sys.maxsize


def environment(folder: Path, config: dict[str, object]) -> dict[str, str]:
    """Return the environment in which the app has this configuration."""
    keys = {f"LOAD_{name}": json.dumps(value) for name, value in config.items()}
    return {**keys, "LOAD_INSTANCE_PATH": str(folder), "OMP_NUM_THREADS": "1"}


@contextmanager
def gunicorn(folder: Path, **config: object) -> Iterator[Served]:
    """Serve the app with its instance folder and log in ``folder``, and end it."""
    folder.mkdir(exist_ok=True)
    port, environ = free_port(), environment(folder, config)
    words = {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port} --threads {THREADS}"}
    log = folder / "gunicorn.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", str(CONFIG), "research.load.app:create_app()"],
            cwd=ROOT,
            env={**os.environ, **environ, **words, "WEB_CONCURRENCY": str(WORKERS)},
            stdout=out,
            stderr=out,
        )
    served = Served(port, process.pid, log, environ)
    try:
        wait_until(lambda: answers_on(port) and len(served.workers()) == WORKERS, "gunicorn", process)
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
