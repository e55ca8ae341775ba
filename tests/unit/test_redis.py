"""What is particular to the store in Redis: its URL, its server's faults, its files and its connections."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import redis

from flask_zerotrust.config import Settings
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.stores import from_url, patience
from flask_zerotrust.stores.redis import RedisStore
from flask_zerotrust.stores.redis_url import TIMEOUT_S, parse
from tests.clock import Clock
from tests.ports import free_port
from tests.servers import RedisServer, answers_on, certified, empty_redis, program, redis_server, wait_until


@pytest.fixture
def kept(a_redis: RedisServer) -> Iterator[tuple[RedisStore, Clock]]:
    with empty_redis(a_redis) as pair:
        yield pair


@pytest.fixture
def store(kept: tuple[RedisStore, Clock]) -> RedisStore:
    return kept[0]


# The URL


def test_a_url_says_where_and_how():
    target = parse("rediss://ada:p%40ss@redis.example:6380/3?prefix=bank:&timeout_s=0.5&ssl_ca_certs=/ca")
    assert target.place == {"host": "redis.example", "port": 6380}
    assert target.more == {"db": 3, "username": "ada", "password": "p@ss", "ssl_ca_certs": "/ca"}
    assert (target.prefix, target.timeout_s) == ("bank:", 0.5)
    assert target.shown == "rediss://redis.example:6380/3"


def test_what_a_url_leaves_out_has_defaults():
    target = parse("redis://")
    assert target.place == {"host": "localhost", "port": 6379}
    assert (target.more, target.prefix, target.timeout_s) == ({"db": 0}, "zerotrust:", TIMEOUT_S)


def test_a_socket_is_a_path():
    target = parse("unix:///run/redis/redis.sock?db=2")
    assert target.place == {"path": "/run/redis/redis.sock"}
    assert target.more == {"db": 2}


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("rediss://h?ssl_cert_reqs=CERT_NONE", {"ssl_cert_reqs": "none", "ssl_check_hostname": False}),
        ("rediss://h?ssl_cert_reqs=required", {"ssl_cert_reqs": "required"}),
        ("rediss://h?ssl_check_hostname=False", {"ssl_check_hostname": False}),
        ("redis://h?health_check_interval=30", {"health_check_interval": 30}),
        ("redis://h?max_connections=20", {"max_connections": 20}),
        ("redis://h?decode_responses=True&retry_on_timeout=1&protocol=3", {}),
    ],
)
def test_options_of_platforms_are_taken(url, more):
    target = parse(url)
    assert target.more == {"db": 0, **more}
    RedisStore(target)


@pytest.mark.parametrize("name", ["socket_timeout", "socket_connect_timeout"])
def test_other_names_of_the_longest_wait_are_taken(name):
    assert parse(f"redis://h?{name}=3").timeout_s == 3
    assert parse(f"redis://h?{name}=3&timeout_s=1").timeout_s == 1


@pytest.mark.parametrize(("url", "scheme"), [("valkey://h/2", "redis"), ("valkeys://h/2", "rediss")])
def test_a_valkey_is_a_redis(url, scheme):
    assert parse(url).scheme == scheme
    assert parse(url).more == {"db": 2}


def test_sentinels_are_named_with_their_primary():
    target = parse("redis+sentinel://ada:p%40ss@s1:26380,s2,[::1]:9/bank/3?sentinel_password=q")
    assert target.place == {"sentinels": [("s1", 26380), ("s2", 26379), ("::1", 9)], "service": "bank"}
    assert target.more == {"db": 3, "username": "ada", "password": "p@ss"}
    assert target.sentinel == {"password": "q"}
    assert target.hosts == ["s1", "s2", "::1"]
    assert target.shown == "redis+sentinel://s1:26380,s2:26379,::1:9/bank/3"
    assert not {"p@ss", "'q'"} & set(repr(target).split())


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://:hunter2@h:x/0", "port"),
        ("redis://:hunter2@[::1/0", "port"),
        ("redis://:hunter2@h/zero", "database"),
        ("redis://:hunter2@h/0?db=-1", "database"),
        ("redis://:hunter2@h/0#f", "fragment"),
        ("redis://:hunter2@h/0?nonsense=1", "nonsense"),
        ("redis://:hunter2@h/0?ssl_ca_certs=/ca", "ssl_ca_certs"),
        ("redis://:hunter2@h/0?prefix=", "prefix"),
        ("redis://:hunter2@h/0?timeout_s=0", "timeout_s"),
        ("redis://:hunter2@h/0?timeout_s=61", "timeout_s"),
        ("redis://:hunter2@h/0?timeout_s=nan", "timeout_s"),
        ("rediss://:hunter2@h/0?ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("rediss://:hunter2@h/0?ssl_check_hostname=maybe", "ssl_check_hostname"),
        ("redis://:hunter2@h/0?ssl_cert_reqs=none", "ssl_cert_reqs"),
        ("redis://:hunter2@h/0?max_connections=few", "max_connections"),
        ("redis://:hunter2@h/0?socket_timeout=0", "socket_timeout"),
        ("redis+sentinel://:hunter2@h", "primary"),
        ("redis+sentinel://:hunter2@h:x/bank", "port"),
        ("redis+sentinel://:hunter2@h/bank/zero", "database"),
        ("unix://:hunter2@h/s", "socket"),
        ("unix://", "socket"),
    ],
)
def test_a_bad_url_is_refused_without_its_password(url, problem, tmp_path):
    with pytest.raises(ConfigError, match=problem) as refused:
        from_url(url, instance_path=tmp_path)
    assert "hunter2" not in str(refused.value)


def test_no_password_is_shown_by_what_holds_it(tmp_path):
    url = "redis://:hunter2@127.0.0.1:1/0"
    made = from_url(url, instance_path=tmp_path)
    with pytest.raises(StoreError, match=r"'redis://127\.0\.0\.1:1/0' failed") as down:
        made.get("key")
    shown = [str(down.value), repr(made.target), repr(Settings.from_mapping({"ZEROTRUST_STORE": url}))]
    assert "hunter2" not in "".join(shown)


def test_without_its_client_a_redis_is_a_config_error():
    code = (
        "import sys; sys.modules['redis'] = None\n"
        "from flask_zerotrust.stores import from_url\n"
        "try: from_url('redis://localhost', instance_path='/nowhere')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("ConfigError")
    assert "pip install 'Flask-ZeroTrust[redis]'" in run.stdout


def test_importing_the_stores_loads_no_client(loaded):
    assert "flask_zerotrust.stores" in loaded["import the stores"]
    assert "redis" not in loaded["import the stores"]


# Keys


def test_stores_with_different_prefixes_share_nothing(store, a_redis):
    other = RedisStore.from_url(a_redis.url(prefix="other:"))
    store.put("key", b"mine", ttl_s=10, owner="ada")
    store.append("log", b"mine", keep=3, ttl_s=10)
    assert (other.get("key"), other.keys(""), other.owned("ada"), other.entries("log")) == (
        None,
        [],
        [],
        [],
    )
    other.put("key", b"other", ttl_s=10, owner="ada")
    assert other.disown("ada") == 1
    assert store.get("key") == b"mine"
    other.close()


def test_no_text_of_a_key_is_a_pattern(store):
    for key in ("a*b:1", "axb:1", "a?b:1", "[ab]:1", "a\\b:1"):
        store.put(key, b"", ttl_s=10)
    assert store.keys("a*b") == ["a*b:1"]
    assert store.keys("[ab]") == ["[ab]:1"]
    assert store.keys("a\\") == ["a\\b:1"]


@pytest.mark.parametrize("owner", ["ada", "", "=3:", "9", "ü€😀", "a\nb"])
def test_any_text_is_an_owner_and_leaves_the_value_as_it_is(store, owner):
    store.put("key", b"3:=value", ttl_s=10, owner=owner)
    assert store.get("key") == b"3:=value"
    assert store.owned(owner) == ["key"]
    assert store.swap("key", old=b"3:=value", new=b"", ttl_s=10)
    assert (store.owned(owner), store.get("key")) == ([], b"")


def test_everything_has_an_end(store, a_redis):
    """A key without one would stay for ever, whatever the policy of eviction."""
    store.put("a", b"", ttl_s=10, owner="ada")
    store.increment("b", ttl_s=10)
    store.claim("c", ttl_s=10)
    store.swap("d", old=None, new=b"", ttl_s=10, owner="ada")
    store.append("log", b"", keep=3, ttl_s=10)
    with a_redis.client() as client:
        lives_ms = [client.pttl(key) for key in client.scan_iter()]
    assert len(lives_ms) == 6
    assert min(lives_ms) > 0


def test_the_names_of_expired_keys_do_not_pile_up_beside_their_owner(kept, a_redis):
    store, clock = kept
    for number in range(20):
        store.put(f"short:{number}", b"", ttl_s=10, owner="ada")
    clock.tick(20)
    store.put("key", b"", ttl_s=10, owner="ada")
    with a_redis.client() as client:
        assert client.zrange("zerotrust:owner:ada", 0, -1) == [b"key"]


def test_an_owners_set_lives_as_long_as_their_longest_key(kept):
    store, clock = kept
    store.put("long", b"", ttl_s=100, owner="ada")
    store.put("short", b"", ttl_s=10, owner="ada")
    clock.tick(50)
    assert store.owned("ada") == ["long"]


def test_a_row_that_was_evicted_is_nobodys(store, a_redis):
    store.put("key", b"", ttl_s=10, owner="ada")
    with a_redis.client() as client:
        client.delete("zerotrust:row:key")
    assert store.owned("ada") == []
    store.increment("key", ttl_s=10)
    assert (store.owned("ada"), store.disown("ada"), store.get("key")) == ([], 0, b"1")


def test_a_long_log_is_read_whole(store, monkeypatch):
    monkeypatch.setattr("flask_zerotrust.stores.redis._PAGE", 4)
    for number in range(12):
        store.append("log", b"%d" % number, keep=100, ttl_s=10)
    assert store.entries("log") == [b"%d" % number for number in range(12)]
    positions = [at for at, _ in store.entries_after("log", 0)]
    assert positions == sorted(set(positions))


def test_entries_that_have_expired_leave_the_log(kept, a_redis):
    store, clock = kept
    for _ in range(5):
        store.append("log", b"old", keep=100, ttl_s=10)
    clock.tick(5)
    store.append("log", b"young", keep=100, ttl_s=10)
    clock.tick(5)
    store.append("log", b"new", keep=100, ttl_s=10)
    with a_redis.client() as client:
        assert client.xlen("zerotrust:log:log") == 2


# Faults of the server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test alone."""
    with redis_server(tmp_path / "r", port=free_port()) as server:
        yield server


def test_scripts_that_a_server_has_forgotten_are_sent_again(own):
    store = RedisStore.from_url(own.url())
    assert store.increment("n", ttl_s=10) == 1
    with own.client() as client:
        client.script_flush()
    assert store.increment("n", ttl_s=10) == 2
    store.close()


def test_a_restart_is_survived_by_store_and_rows(tmp_path):
    """Connections that died with the server are noticed before anything is sent over them."""
    options = {"appendonly": "yes", "appendfsync": "always"}
    with redis_server(tmp_path / "r", port=free_port(), options=options) as server:
        store = RedisStore.from_url(server.url())
        store.put("key", b"value", ttl_s=100, owner="ada")
        assert store.increment("n", ttl_s=100) == 1
        server.stop(signal.SIGKILL)
        with pytest.raises(StoreError, match="Check that it runs"):
            store.get("key")
        server.start()
        assert (store.get("key"), store.owned("ada")) == (b"value", ["key"])
        assert store.increment("n", ttl_s=100) == 2
        store.close()


def test_a_server_that_does_not_answer_is_given_up_and_asked_once(own):
    store = RedisStore.from_url(own.url(timeout_s="0.2"))
    assert store.increment("n", ttl_s=100) == 1
    with own.paused():
        began = time.monotonic()
        with pytest.raises(StoreError, match="timeout_s"):
            store.increment("n", ttl_s=100)
        assert 0.15 < time.monotonic() - began < 60
    # What was not answered was done all the same, but not twice.
    assert store.increment("n", ttl_s=100) == 3
    store.close()


def test_a_silent_server_is_soon_not_waited_for_by_everyone(own):
    """Threads that all wait would leave none for pages that need no store."""
    store = RedisStore.from_url(own.url(timeout_s="0.2"))
    with own.paused():
        for _ in range(patience.MISSES):
            with pytest.raises(StoreError, match="timeout_s in the URL"):
                store.get("key")
        # Where this machine is slow it is asked once more meanwhile, by one for all.
        assert sum("is not asked again" in refusal(store) for _ in range(100)) > 90
    until(lambda: writable(store))
    store.close()


def refusal(store: RedisStore) -> str:
    with pytest.raises(StoreError) as refused:
        store.get("key")
    return str(refused.value)


def test_of_all_who_wait_for_a_silent_server_one_asks():
    clock = Clock()
    silent = patience.Patience(2.0, clock=clock)
    for _ in range(patience.MISSES):
        assert silent.may_ask()
        silent.missed()
    clock.tick(1.5)
    assert not silent.may_ask()
    clock.tick(0.5)
    assert [silent.may_ask() for _ in range(3)] == [True, False, False]
    silent.answered()
    assert [silent.may_ask() for _ in range(3)] == [True] * 3


def test_answers_that_are_missed_now_and_then_stop_nobody():
    seldom = patience.Patience(2.0, clock=Clock())
    for _ in range(10):
        seldom.missed()
        seldom.missed()
        seldom.answered()
        assert seldom.may_ask()


def test_a_node_of_a_cluster_is_named_as_one(tmp_path):
    options = {"cluster-enabled": "yes", "cluster-config-file": str(tmp_path / "nodes.conf")}
    options["cluster-port"] = str(free_port())  # else 10,000 above its own, which may be no port
    with redis_server(tmp_path / "r", port=free_port(), options=options) as server:
        store = RedisStore.from_url(server.url())
        with pytest.raises(StoreError, match="Redis Cluster is not supported"):
            store.claim("key", ttl_s=10)
        assert store.health().cluster
        store.close()


def test_a_connection_that_owes_an_answer_is_not_used_again(own):
    """Else the next question would be answered with what the last one asked for."""
    store = RedisStore.from_url(own.url(timeout_s="0.2"))
    store.put("a", b"one", ttl_s=100)
    store.put("b", b"two", ttl_s=100)
    with own.paused(), pytest.raises(StoreError):
        store.get("a")
    assert store.get("b") == b"two"
    store.close()


def test_a_full_server_that_evicts_nothing_says_so_and_keeps_what_it_has(own):
    store = RedisStore.from_url(own.url())
    store.put("key", b"value", ttl_s=100)
    with own.client() as client:
        client.config_set("maxmemory", "1kb")
    for write in (lambda: store.put("new", b"", ttl_s=10), lambda: store.increment("n", ttl_s=10)):
        with pytest.raises(StoreError, match="Raise its maxmemory"):
            write()
    assert store.get("key") == b"value"
    store.close()


def test_a_full_disk_is_a_store_error_until_it_has_room(tmp_path):
    with redis_server(tmp_path / "r", options={"appendonly": "yes"}) as server:
        store = RedisStore.from_url(server.url())
        store.put("key", b"value", ttl_s=100)
        with server.full_disk():
            with pytest.raises(StoreError, match="its disk has room"):
                fill(store)
            assert store.get("key") == b"value"
        until(lambda: writable(store))
        assert store.get("key") == b"value"
        store.close()


def fill(store: RedisStore) -> None:
    for number in range(200):
        store.put(f"fill:{number}", bytes(4_096), ttl_s=100)
        time.sleep(0.02)


def writable(store: RedisStore) -> bool:
    try:
        store.put("again", b"", ttl_s=10)
    except StoreError:
        return False
    return True


def test_a_replica_is_named_as_one(own, tmp_path):
    with redis_server(tmp_path / "r2", options={"replicaof": f"127.0.0.1 {own.port}"}) as replica:
        store = RedisStore.from_url(replica.url())
        with pytest.raises(StoreError, match="name the primary"):
            store.claim("c", ttl_s=10)
        with pytest.raises(StoreError, match="name the primary"):
            store.put("key", b"", ttl_s=10)
        assert store.health().replica
        store.close()


def test_a_wrong_password_and_too_few_rights_are_told_apart(tmp_path):
    with redis_server(tmp_path / "r", port=free_port()) as server:
        with server.client() as client:
            client.acl_setuser(
                "app", enabled=True, passwords=["+right"], keys=["zerotrust:*"], commands=["+get"]
            )
        host = f"127.0.0.1:{server.port}"
        with pytest.raises(StoreError, match="Check user and password"):
            RedisStore.from_url(f"redis://app:wrong@{host}").get("key")
        limited = RedisStore.from_url(f"redis://app:right@{host}")
        assert limited.get("key") is None
        with pytest.raises(StoreError, match=r"stores\.md lists"):
            limited.claim("key", ttl_s=10)
        limited.close()


def test_the_rights_that_the_docs_list_are_enough(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
    (line,) = (line for line in page.splitlines() if line.strip().startswith("user zerotrust on "))
    with redis_server(tmp_path / "r", options={"appendonly": "yes"}) as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", *line.split()[1:])
        store = RedisStore.from_url(f"unix://zerotrust:PASSWORD@{server.socket}")
        store.put("key", b"", ttl_s=10, owner="ada")
        store.swap("key", old=b"", new=b"1", ttl_s=10, owner="bob")
        store.claim("claim", ttl_s=10)
        store.increment("n", ttl_s=10)
        store.append("log", b"", keep=3, ttl_s=10)
        assert (store.entries("log"), store.keys("k"), store.disown("bob")) == ([b""], ["key"], 1)
        store.erase("key")
        assert store.health().appends
        store.close()


def test_tls_needs_a_certificate_for_the_host_by_a_known_authority(tmp_path):
    certificate, key = certified(tmp_path, "127.0.0.1")
    port = free_port()
    options = {"tls-port": str(port), "tls-cert-file": certificate, "tls-key-file": key}
    with redis_server(tmp_path / "r", options={**options, "tls-auth-clients": "no"}):
        url = f"rediss://127.0.0.1:{port}"
        known = RedisStore.from_url(f"{url}?ssl_ca_certs={certificate}")
        known.put("key", b"value", ttl_s=10)
        assert known.get("key") == b"value"
        with pytest.raises(StoreError, match="certificate"):
            RedisStore.from_url(url).get("key")
        with pytest.raises(StoreError, match="certificate"):
            RedisStore.from_url(f"rediss://localhost:{port}?ssl_ca_certs={certificate}").get("key")
        known.close()


# Its files


@pytest.mark.parametrize("options", [{"appendonly": "yes"}, {"save": "3600 1"}])
def test_nothing_of_what_is_erased_is_left_in_its_files(tmp_path, options):
    with redis_server(tmp_path / "r", options=options) as server:
        store, secret = RedisStore.from_url(server.url()), Random(5).randbytes(900)
        store.put("the-erased-key", secret, ttl_s=100, owner="ada")
        store.put("other", b"value", ttl_s=100)
        if "save" in options:
            with server.client() as client:
                client.bgsave()
        written = Path(tmp_path / "r")
        until(lambda: secret[:300] in on_disk(written))
        store.erase("the-erased-key")
        until(lambda: secret[:300] not in on_disk(written) and b"the-erased-key" not in on_disk(written))
        server.stop()
        server.start()
        assert (store.get("the-erased-key"), store.get("other")) == (None, b"value")
        store.close()


def until(holds) -> None:
    """Wait for what a thread of the server does in the background: it unlinks files there."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def on_disk(folder: Path) -> bytes:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "log"]
    return b"".join(path.read_bytes() for path in files)


def test_erasing_says_when_the_files_cannot_be_written_anew(own):
    with own.client() as client:
        everything_but = ["+@all", "-config", "-info"]
        client.acl_setuser("app", enabled=True, nopass=True, keys=["*"], commands=everything_but)
    store = RedisStore.from_url(f"redis://app:x@127.0.0.1:{own.port}")
    store.put("key", b"value", ttl_s=100)
    with pytest.raises(StoreError, match="run BGREWRITEAOF and BGSAVE yourself"):
        store.erase("key")
    assert store.get("key") is None
    store.close()


# Connections


def test_nothing_is_connected_before_it_is_used_and_a_child_has_its_own(own):
    store = RedisStore.from_url(own.url())
    with own.client() as client:
        before = len(client.client_list())
        store.put("key", b"value", ttl_s=100)
        assert len(client.client_list()) == before + 1
        child = os.fork()
        if child == 0:
            os._exit(0 if store.get("key") == b"value" else 1)
        assert os.waitpid(child, 0)[1] == 0
        # The child's own went with it; the parent's still works.
        assert store.get("key") == b"value"
        until(lambda: len(client.client_list()) == before + 1)
    store.close()


# A primary that changes


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    with (
        redis_server(tmp_path / "a", port=free_port()) as one,
        redis_server(tmp_path / "b", port=free_port()) as other,
    ):
        yield one, other


def demote(server: RedisServer, primary: RedisServer) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", primary.port)


def test_a_demoted_primary_behind_one_address_is_left(pair, tmp_path):
    """One command fails, and the next one goes to where the address leads by then."""
    one, other = pair
    address = tmp_path / "address"
    address.symlink_to(one.socket)
    store = RedisStore.from_url(f"unix://{address}")
    store.put("key", b"old", ttl_s=100)
    address.unlink()
    address.symlink_to(other.socket)
    demote(one, other)
    with pytest.raises(StoreError, match="read-only replica"):
        store.put("key", b"new", ttl_s=100)
    store.put("key", b"new", ttl_s=100)
    with other.client() as client:
        assert client.keys() == [b"zerotrust:row:key"]
    store.close()


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (redis.exceptions.BusyLoadingError("LOADING"), True),
        (redis.exceptions.MasterDownError("MASTERDOWN"), True),
        (redis.ResponseError("Error running script: @user_script:1: -READONLY You can't write"), True),
        (redis.ResponseError("ERR unknown command"), False),
        (redis.OutOfMemoryError("OOM"), False),
    ],
)
def test_only_a_server_that_takes_no_writes_for_now_is_left(store, answer, left):
    store.put("key", b"", ttl_s=100)
    (idle,) = store._pool._available_connections
    with pytest.raises(StoreError), store._failing():
        raise answer
    assert (idle._sock is None) == left


def test_sentinels_lead_to_the_primary_of_the_moment(pair, tmp_path):
    one, other = pair
    conf = tmp_path / "sentinel.conf"
    conf.write_text(f"sentinel monitor bank 127.0.0.1 {one.port} 1\n")
    port = free_port()
    command = [program("redis-server", "redis-server"), str(conf), "--sentinel", "--port", str(port)]
    process = subprocess.Popen([*command, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers_on(port), "the sentinel", process)
        store = RedisStore.from_url(f"redis+sentinel://127.0.0.1:{port}/bank/0")
        store.put("key", b"old", ttl_s=100)
        with redis.Redis(port=port) as sentinel:
            sentinel.sentinel_remove("bank")
            sentinel.sentinel_monitor("bank", "127.0.0.1", other.port, 1)
        demote(one, other)
        with pytest.raises(StoreError):
            store.put("key", b"new", ttl_s=100)
        store.put("key", b"new", ttl_s=100)
        with other.client() as client:
            assert client.keys() == [b"zerotrust:row:key"]
        store.close()
    finally:
        process.terminate()
        process.wait(20)
