"""Real servers for tests, on a socket in their own folder or on a loopback port; they end with the test."""

from __future__ import annotations

import datetime
import ipaddress
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flask_zerotrust.stores.redis import RedisStore
from tests.clock import Clock
from tests.ports import free_port

# Starting one takes some 20 ms, and seconds on a busy machine.
_START_S = 20.0
_PAUSE_S = 0.01


def program(name: str, package: str) -> str:
    """Return where a server's program is; without it the test fails in CI and is skipped elsewhere."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = f"no {name} on this machine: install it (Debian: apt-get install {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def wait_until(ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until something is so, but not for a process that has ended."""
    until = time.monotonic() + _START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"{what} did not start: see its log")
        time.sleep(_PAUSE_S)


def answers_on(port: int) -> bool:
    """Say whether somebody listens on a loopback port."""
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class RedisServer:
    """A Redis of one's own, with options as in its configuration file, or with a file of those first."""

    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    conf: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    def url(self, **options: str) -> str:
        """Return its URL: by port where it has one, else by socket."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        where = f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self.socket}"
        return f"{where}?{query}" if query else where

    def client(self) -> redis.Redis:
        password = self.options.get("requirepass")
        return redis.Redis(unix_socket_path=str(self.socket), password=password, protocol=2)

    def start(self) -> RedisServer:
        """Start it, or start it again in the same folder, and wait until it has read its files."""
        options = {"save": "", "appendonly": "no"} if self.conf is None else {}
        options |= {"dir": str(self.folder), "unixsocketperm": "700", "bind": "127.0.0.1"}
        options |= {"logfile": str(self.folder / "log"), **self.options}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        words += ["--port", str(self.port), "--unixsocket", str(self.socket)]
        conf = [] if self.conf is None else [str(self.conf)]
        command = [program("redis-server", "redis-server"), *conf, *words]
        # A write to a full disk fails; one over a limit, which stands in for it here, would end it.
        command = ["bash", "-c", 'trap "" XFSZ; exec "$@"', "-", *command]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "redis-server", self.process)
        return self

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; SIGKILL is a crash."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let none of its files grow, as if its disk were full."""
        self._limit(1_024)
        try:
            yield
        finally:
            self._limit(None)

    def _limit(self, octets: int | None) -> None:
        assert self.process is not None
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        soft = hard if octets is None else octets
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, hard))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it take connections, but answer nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


# ARGV[1]: milliseconds to take from the life of every row, of an owner's keys, and of a log's entries.
_AGE = """
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind, left = redis.call('TYPE', key).ok, redis.call('PTTL', key)
  if kind == 'zset' then
    for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, -ms, name)
    end
  elseif kind == 'stream' then
    local entries = redis.call('XRANGE', key, '-', '+')
    redis.call('DEL', key)
    for _, entry in ipairs(entries) do
      local of = {}
      for i = 1, #entry[2], 2 do of[entry[2][i]] = entry[2][i + 1] end
      redis.call('XADD', key, entry[1], 'e', of.e, 'x', string.format('%.0f', tonumber(of.x) - ms))
    end
  end
  redis.call('PEXPIRE', key, string.format('%.0f', left - ms))
end
"""


class RedisClock(Clock):
    """A clock for stores in a Redis: it ages the rows, since nobody can set the clock of a Redis."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self._age = client.register_script(_AGE)

    def tick(self, seconds: float) -> None:
        super().tick(seconds)
        self._age(args=[round(seconds * 1_000)])


@contextmanager
def redis_server(folder: Path, **more: object) -> Iterator[RedisServer]:
    """Lend a running Redis whose files lie in a folder, and end it."""
    folder.mkdir(exist_ok=True)
    server = RedisServer(folder, **more)  # type: ignore[arg-type]
    try:
        yield server.start()
    finally:
        server.stop()


def emptied(server: RedisServer) -> str:
    """Return the URL of a Redis that tests take turns with, with nothing in it."""
    with server.client() as client:
        client.flushall()
    return server.url()


@contextmanager
def empty_redis(server: RedisServer) -> Iterator[tuple[RedisStore, RedisClock]]:
    """Lend an empty store in a Redis that tests take turns with, and its clock."""
    store = RedisStore.from_url(emptied(server))
    with server.client() as client:
        yield store, RedisClock(client)
        store.close()


def certified(folder: Path, address: str) -> tuple[str, str]:
    """Return the files of a certificate for an address, signed by itself, and of its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    made = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(private)
    return str(folder / "cert.pem"), str(folder / "key.pem")


NGINX_CONF = Path(__file__).resolve().parents[1] / "deploy" / "nginx.conf"


def nginx_conf(folder: Path, certificate: str, key: str, apps: Sequence[int], front: int) -> Path:
    """Write the example's configuration with places of one's own, and return where."""
    text = NGINX_CONF.read_text(encoding="utf-8")
    own = {
        "server app:8000;": " ".join(f"server 127.0.0.1:{port};" for port in apps),
        "listen 443 ssl;": f"listen 127.0.0.1:{front} ssl;",
        "listen 80;": f"listen unix:{folder / 'plain'};",
        "/etc/nginx/certs/fullchain.pem": certificate,
        "/etc/nginx/certs/privkey.pem": key,
        "X-Forwarded-Host $host;": "X-Forwarded-Host $http_host;",
        "http {": "http {\n    access_log off;\n"
        + "\n".join(f"    {name}_temp_path {folder / name};" for name in _NGINX_TEMP),
    }
    for there, here in own.items():
        assert text.count(there) == 1, there
        text = text.replace(there, here)
    path = folder / "nginx.conf"
    path.write_text(text, encoding="utf-8")
    return path


_NGINX_TEMP = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def nginx_command(folder: Path, conf: Path, *words: str) -> list[str]:
    """Return how nginx is called, in the foreground and with no file outside of a folder."""
    globals_ = f"daemon off; pid {folder / 'nginx.pid'}; error_log {folder / 'nginx.log'};"
    return [program("nginx", "nginx-light"), "-p", str(folder), "-c", str(conf), "-g", globals_, *words]


@contextmanager
def nginx(folder: Path, certificate: str, key: str, apps: Sequence[int]) -> Iterator[int]:
    """Put nginx in front of apps on loopback ports, once all answer, and lend its own port."""
    front = free_port()
    command = nginx_command(folder, nginx_conf(folder, certificate, key, apps, front))
    # nginx would else hand on what this process prints to.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: all(map(answers_on, [front, *apps])), "nginx or what is behind it", process)
        yield front
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(20)
