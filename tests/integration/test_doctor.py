"""``flask zerotrust doctor``: names what is wrong, says how to fix it, and is silent where all is well."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Blueprint, Flask
from flask.cli import ScriptInfo
from flask.views import MethodView
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_zerotrust import ZeroTrust, step_up_required
from flask_zerotrust.cli import group
from flask_zerotrust.cli.doctor import app as checks
from flask_zerotrust.cli.doctor import delivery
from flask_zerotrust.cli.doctor import redis as redis_health
from flask_zerotrust.cli.doctor.findings import IN_FRONT, Patient
from flask_zerotrust.delivery.smtp import SmtpMailer
from flask_zerotrust.errors import StoreError
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.risk.level import RiskState
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.stores.redis_url import parse
from tests.servers import redis_server

from .sites import ADDRESS, SECRET, Site

GOOD = {
    "SECRET_KEY": "3f1c9a5be07d2846f1c9a5be07d28463f1c9a5be07d2846f1c9a5be07d28460a",
    "TESTING": False,
    "ZEROTRUST_NEW_BROWSER": "challenge",
    "TRUSTED_HOSTS": ["localhost"],
    "REMEMBER_COOKIE_SECURE": True,
    "REMEMBER_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
}


@pytest.fixture
def make(make_site: Callable[..., Site], tmp_path: Path) -> Callable[..., Site]:
    """Return a maker of sites with which nothing is wrong, but for what the test asks for."""

    def build(**config: Any) -> Site:
        stored = {"ZEROTRUST_STORE": f"sqlite:///{tmp_path / 'zt.sqlite'}"}
        site = make_site(**{**GOOD, **stored, **config})
        site.app.wsgi_app = ProxyFix(site.app.wsgi_app)  # type: ignore[method-assign]
        site.zt.factors_loader(lambda user: [TotpFactor(SECRET)])
        return site

    return build


def doctor(site: Site, *words: str) -> Result:
    script = ScriptInfo(create_app=lambda: site.app, set_debug_flag=True)
    return CliRunner().invoke(group, ["doctor", "--offline", *words], obj=script)


def found(site: Site, check: str) -> list[tuple[str, str]]:
    """Return (severity, problem) of one check, as --json says it."""
    said = json.loads(doctor(site, "--json").stdout)
    assert all(one["fix"] for one in said["findings"])
    return [(one["severity"], one["problem"]) for one in said["findings"] if one["check"] == check]


@pytest.fixture(autouse=True)
def _now(clock: Any, monkeypatch: Any, tmp_path: Path) -> None:
    """The tests' clock is years ahead of the file system's; what is compared is tested below."""
    monkeypatch.setattr(checks, "_MODEL_DAYS", 10_000)
    monkeypatch.setattr(delivery.os, "fstat", lambda fd: os.stat_result((0,) * 8 + (clock.now, 0)))
    for name in ("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", *IN_FRONT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_site_with_which_nothing_is_wrong(make: Callable[..., Site]) -> None:
    said = doctor(make())
    assert (said.exit_code, said.stdout) == (0, "Nothing found.\n"), said.output


def test_a_factor_without_its_sender_is_an_error(make: Callable[..., Site]) -> None:
    site = make()
    site.zt.factors_loader(lambda user: [site.zt.email_factor(ADDRESS)])
    ((severity, problem),) = found(site, "modes")
    assert (severity, "ZEROTRUST_EMAIL_SENDER is 'none'" in problem) == ("error", True)


@pytest.mark.parametrize(
    ("config", "hints"),
    [
        ({"ZEROTRUST_SMS_PREFIXES": ["+352", "+44"]}, ["+352"]),
        ({"ZEROTRUST_SMS_PREFIXES": ["LU", "GB"]}, ["LU"]),
        ({"ZEROTRUST_SMS_PREFIXES": ["+352"], "ZEROTRUST_SMS_LIMITS": {"prefix": 200}}, []),
        ({"ZEROTRUST_SMS_PREFIXES": ["+44", "CA"]}, []),
        ({"ZEROTRUST_SMS_PREFIXES": ["+352"], "ZEROTRUST_SMS_SENDER": "none"}, []),
    ],
)
def test_a_small_country_shares_a_budget_of_messages(
    make: Callable[..., Site], config: dict[str, Any], hints: list[str]
) -> None:
    site = make(**{"ZEROTRUST_SMS_SENDER": "app", **config})
    site.zt.text_sender(lambda number, text: None)
    said = found(site, "numbers")
    assert [severity for severity, _ in said] == ["hint"] * len(hints)
    assert all(f"in {hint} can share" in problem for hint, (_, problem) in zip(hints, said, strict=True))


def test_errors_end_with_1_and_say_how_to_mend(make: Callable[..., Site]) -> None:
    said = doctor(make(SESSION_COOKIE_SECURE=False))
    assert said.exit_code == 1
    assert "ERROR   cookies: SESSION_COOKIE_SECURE is False" in said.stdout
    assert "-> Set SESSION_COOKIE_SECURE = True." in said.stdout


@pytest.mark.parametrize(
    ("key", "severity"),
    [
        ("dev", "error"),
        ("change-me-in-production", "error"),
        ("a" * 64, "error"),
        ("x9!fK2#pQ7&vL4@", "error"),
        ("x9!fK2#pQ7&vL4@z", "warning"),
        ("x9!fK2#pQ7&vL4@zB8%nM5^wR3*cT6", "warning"),
    ],
)
def test_a_weak_key_is_an_error_and_a_short_one_a_warning(
    make: Callable[..., Site], key: str, severity: str
) -> None:
    ((said, problem),) = found(make(SECRET_KEY=key), "keys")
    assert said == severity
    assert key not in problem


def test_a_weak_fallback_opens_as_much(make: Callable[..., Site]) -> None:
    ((severity, problem),) = found(make(SECRET_KEY_FALLBACKS=["dev"]), "keys")
    assert (severity, "SECRET_KEY_FALLBACKS[0]" in problem) == ("error", True)


@pytest.mark.parametrize(
    ("key", "value", "severity"),
    [
        ("SESSION_COOKIE_HTTPONLY", False, "error"),
        ("SESSION_COOKIE_SAMESITE", "None", "warning"),
        ("REMEMBER_COOKIE_SECURE", False, "error"),
    ],
)
def test_each_flag_of_a_cookie(make: Callable[..., Site], key: str, value: Any, severity: str) -> None:
    ((said, problem),) = found(make(**{key: value}), "cookies")
    assert (said, problem.startswith(key)) == (severity, True)


@pytest.mark.parametrize(
    ("environ", "files", "count"),
    [
        ({}, {}, 1),
        ({"WEB_CONCURRENCY": "4"}, {}, 4),
        ({"WEB_CONCURRENCY": ""}, {}, 1),
        ({"GUNICORN_CMD_ARGS": "--bind :80 --workers=3"}, {"gunicorn.conf.py": "workers = 1"}, 3),
        ({"GUNICORN_CMD_ARGS": "-w 2"}, {}, 2),
        ({"GUNICORN_CMD_ARGS": "--worker-class gthread --worker-tmp-dir /dev/shm"}, {}, 1),
        ({"WEB_CONCURRENCY": "4"}, {"gunicorn.conf.py": "workers = 1  # one"}, 1),
        ({}, {"gunicorn.conf.py": "import os\nworkers = os.cpu_count()"}, None),
        ({}, {"Procfile": "worker: rq -w 9\nweb: gunicorn -w4 'app:create_app()'"}, 4),
        (
            {},
            {"Procfile": "web: gunicorn --workers $N app", "gunicorn.conf.py": "workers = 1"},
            None,
        ),
        ({}, {"Procfile": "worker: rq -w 9"}, 1),
        ({}, {"uwsgi.ini": "[uwsgi]\nmodule = app\nprocesses = 5  ; of eight"}, 5),
    ],
)
def test_how_many_workers(
    tmp_path: Path, environ: dict[str, str], files: dict[str, str], count: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert checks.workers(environ, tmp_path) == count


def test_memory_is_an_error_with_several_workers_only(make: Callable[..., Site], monkeypatch: Any) -> None:
    site = make(ZEROTRUST_STORE="memory://", DEBUG=True)
    assert [severity for severity, _ in found(site, "store")] == ["warning"]
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    assert [severity for severity, _ in found(site, "store")] == ["error"]


def test_a_store_that_others_can_read(make: Callable[..., Site], tmp_path: Path) -> None:
    site = make()
    (tmp_path / "zt.sqlite").chmod(0o644)
    ((severity, problem),) = found(site, "store")
    assert (severity, "644" in problem) == ("error", True)


@pytest.fixture
def on_redis(make: Callable[..., Site], clock: Any, tmp_path: Path) -> Iterator[tuple[Site, Any]]:
    """Return a site whose store is a Redis that is set up well, and a client of it."""
    clock.now = time.time()
    with redis_server(tmp_path / "r", options={"appendonly": "yes"}) as server, server.client() as client:
        site = make(ZEROTRUST_STORE=server.url())
        yield site, client
        site.app.extensions["zerotrust"].store.close()


def test_a_redis_that_is_set_up_well(on_redis: tuple[Site, Any]) -> None:
    assert found(on_redis[0], "store") == []
    assert on_redis[1].dbsize() == 0


@pytest.mark.parametrize(
    ("settings", "severity", "words"),
    [
        ({"maxmemory-policy": "volatile-ttl"}, "warning", "once a maxmemory is set"),
        (
            {"maxmemory-policy": "allkeys-lru", "maxmemory": "64mb"},
            "error",
            "drops counters of wrong codes",
        ),
        ({"appendonly": "no"}, "warning", "no append-only file"),
    ],
)
def test_a_redis_that_forgets(
    on_redis: tuple[Site, Any], settings: dict[str, str], severity: str, words: str
) -> None:
    for name, value in settings.items():
        on_redis[1].config_set(name, value)
    ((said, problem),) = found(on_redis[0], "store")
    assert (said, words in problem) == (severity, True), problem


def test_a_redis_that_takes_no_writes(on_redis: tuple[Site, Any]) -> None:
    on_redis[1].replicaof("127.0.0.1", "1")
    ((severity, problem),) = found(on_redis[0], "store")
    assert (severity, "read-only replica" in problem) == ("error", True), problem


def test_a_redis_whose_clock_is_elsewhere(on_redis: tuple[Site, Any], clock: Any) -> None:
    clock.tick(40)
    assert ("error", True) in [(s, "the Redis server's" in text) for s, text in found(on_redis[0], "clock")]


def test_a_redis_that_is_down(make: Callable[..., Site]) -> None:
    ((severity, problem),) = found(make(ZEROTRUST_STORE="redis://127.0.0.1:1"), "store")
    assert (severity, "Check that it runs" in problem) == ("error", True), problem


@pytest.mark.parametrize(
    ("url", "severities"),
    [
        ("redis://10.0.0.5", ["warning", "error"]),
        ("redis://:secret@10.0.0.5", ["warning"]),
        ("rediss://10.0.0.5", ["error"]),
        ("rediss://:secret@10.0.0.5", []),
        ("rediss://:secret@10.0.0.5?ssl_cert_reqs=none", ["warning"]),
        ("redis+sentinel://:secret@127.0.0.1,10.0.0.5/bank", ["warning"]),
        ("rediss+sentinel://:secret@10.0.0.5/bank", []),
        ("redis://127.0.0.1", []),
        ("redis://[::1]", []),
        ("unix:///run/redis.sock", []),
    ],
)
def test_a_redis_that_others_can_reach(url: str, severities: list[str]) -> None:
    assert [one.severity for one in redis_health._open_to_others(parse(url))] == severities


@pytest.mark.parametrize(
    ("said", "old"), [("6.0.16", True), ("6.2.0", False), ("7.0.15", False), ("", False)]
)
def test_a_redis_that_is_too_old(said: str, old: bool) -> None:
    assert (redis_health.version(said) < redis_health._OLDEST) is old


def test_a_store_that_fails_is_one_finding(make: Callable[..., Site], monkeypatch: Any) -> None:
    site = make()
    site.zt.factors_loader(None)  # type: ignore[arg-type]

    def fail(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is gone")

    for name in ("get", "put", "keys"):
        monkeypatch.setattr(site.app.extensions["zerotrust"].store, name, fail)
    assert found(site, "store") == [("error", "the disk is gone")]


def test_a_proxy_without_proxyfix(make: Callable[..., Site], monkeypatch: Any) -> None:
    site = make()
    assert found(site, "proxy") == []
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app.app, x_for=0)  # type: ignore[method-assign, attr-defined]
    ((severity, problem),) = found(site, "proxy")
    assert (severity, "SESSION_COOKIE_SECURE" in problem) == ("warning", True)


def test_any_host(make: Callable[..., Site]) -> None:
    ((severity, problem),) = found(make(TRUSTED_HOSTS=None), "proxy")
    assert (severity, "Host header" in problem) == ("warning", True)


def test_a_model_that_is_not_pinned_or_old(make: Callable[..., Site], monkeypatch: Any) -> None:
    from flask_zerotrust.risk.model import DEFAULT

    assert "not pinned" in found(make(ZEROTRUST_MODEL=str(DEFAULT)), "model")[0][1]
    monkeypatch.setattr(checks, "_MODEL_DAYS", 30)
    assert "in place for" in found(make(), "model")[0][1]


@pytest.mark.parametrize(("stamped", "old"), [(0, False), (315_532_800, False), (1_577_836_801, True)])
def test_the_stamp_of_a_packager_is_no_age(
    make: Callable[..., Site], monkeypatch: Any, tmp_path: Path, stamped: int, old: bool
) -> None:
    """Nix and reproducible images date all files to 1970 or 1980."""
    from flask_zerotrust.risk.model import DEFAULT

    folder = shutil.copytree(DEFAULT, tmp_path / "model")
    os.utime(folder / "manifest.json", (stamped, stamped))
    monkeypatch.setattr(checks, "_MODEL_DAYS", 365)
    said = found(make(ZEROTRUST_MODEL=str(folder)), "model")
    assert any("in place for" in problem for _, problem in said) is old


def test_an_app_that_does_not_start_is_a_finding(tmp_path: Path) -> None:
    from flask_zerotrust.risk.model import DEFAULT

    def create() -> Flask:
        app = Flask("broken", instance_path=str(tmp_path))
        app.config.update(
            GOOD, ZEROTRUST_MODEL=f"{DEFAULT}#sha256={0:064}", ZEROTRUST_STORE="memory://", TESTING=True
        )
        ZeroTrust(app)
        return app

    said = CliRunner().invoke(group, ["doctor"], obj=ScriptInfo(create_app=create))
    assert (said.exit_code, "ERROR   start:" in said.stdout, "SHA-256" in said.stdout) == (1, True, True)


def test_without_an_app_it_says_how_to_name_one() -> None:
    said = CliRunner().invoke(group, ["doctor"])
    assert (said.exit_code, "flask --app APP zerotrust doctor" in said.output) == (2, True)


def test_nobody_logged_in_ever(tmp_path: Path) -> None:
    app = Flask("nobody", instance_path=str(tmp_path))
    app.config.update(GOOD, TESTING=True, ZEROTRUST_STORE="memory://", ZEROTRUST_MODE="observe")
    zt = ZeroTrust(app)
    patient = Patient(app=app, state=app.extensions["zerotrust"])
    assert [one.severity for one in checks.wiring(patient)] == ["error"]
    zt.user_id_loader(lambda: "ada")
    assert list(checks.wiring(patient)) == []
    assert [one.severity for one in checks.routes(patient)] == ["error"]
    said = " ".join(one.problem for one in checks.modes(patient))
    assert all(word in said for word in ("observe", "TESTING", "stuck"))


def test_debugging_that_the_configuration_switches_on(make: Callable[..., Site]) -> None:
    """Servers take it from there; the `flask` command alone goes by its own --debug."""
    assert any("DEBUG is on" in problem for _, problem in found(make(DEBUG=True), "modes"))


def test_owners_whom_nobody_can_tell(make: Callable[..., Site]) -> None:
    site = make(
        ZEROTRUST_SMS_SENDER="twilio-verify",
        ZEROTRUST_SMS_PREFIXES=["+44"],
        ZEROTRUST_TWILIO_ACCOUNT_SID="AC" + "0" * 32,
        ZEROTRUST_TWILIO_AUTH_TOKEN="token",
        ZEROTRUST_TWILIO_VERIFY_SERVICE="VA" + "0" * 32,
    )
    patient = Patient(app=site.app, state=site.app.extensions["zerotrust"])
    assert "@zt.notify" in " ".join(one.fix for one in checks.modes(patient))
    site.zt.notify(lambda user, event, text: None)
    assert "@zt.notify" not in " ".join(one.fix for one in checks.modes(patient))


@pytest.mark.parametrize(
    ("config", "found_there"),
    [
        ({}, []),
        ({"SESSION_COOKIE_SECURE": False, "TRUSTED_HOSTS": ["bank.example"]}, ["warning"]),
        ({"SESSION_COOKIE_SECURE": False, "TRUSTED_HOSTS": None}, ["warning"]),
        ({"SESSION_COOKIE_SECURE": False, "TRUSTED_HOSTS": ["localhost", "127.0.0.1"]}, []),
        ({"SESSION_COOKIE_SECURE": False, "PREFERRED_URL_SCHEME": "https"}, []),
        ({"ZEROTRUST_BROWSER_DAYS": 0}, ["hint"]),
        ({"ZEROTRUST_NEW_BROWSER": "movement"}, ["warning"]),
    ],
)
def test_whether_browsers_can_be_known(
    make: Callable[..., Site], config: dict[str, Any], found_there: list[str]
) -> None:
    assert [severity for severity, _ in found(make(**config), "browsers")] == found_there


def test_the_old_policy_says_what_it_gives_away(make: Callable[..., Site]) -> None:
    ((_, problem),) = found(make(ZEROTRUST_NEW_BROWSER="movement"), "browsers")
    assert "password of a user and a recording" in problem


def test_a_change_of_password_that_forgets_no_browser(make: Callable[..., Site]) -> None:
    site = make()
    site.app.add_url_rule("/new-password", "new_password", lambda: "", methods=["POST"])
    ((severity, problem),) = found(site, "browsers")
    assert (severity, "zt.password_changed" in problem) == ("hint", True)


def test_a_change_of_password_that_tells_of_it(make: Callable[..., Site]) -> None:
    site = make()

    def change() -> str:
        site.zt.password_changed("ada")
        return ""

    class Reset(MethodView):
        def post(self) -> str:
            return change()

        def put(self) -> str:
            site.zt.password_changed("ada")
            return ""

    site.app.add_url_rule("/password", "password", change, methods=["POST"])
    site.app.add_url_rule("/password/reset", view_func=Reset.as_view("reset"))
    assert found(site, "browsers") == []


@pytest.mark.parametrize(("mode", "severity"), [("enforce", "error"), ("observe", "warning")])
def test_nobody_can_have_a_factor(make: Callable[..., Site], mode: str, severity: str) -> None:
    site = make(ZEROTRUST_MODE=mode)
    site.zt.factors_loader(None)  # type: ignore[arg-type]
    assert [s for s, text in found(site, "modes") if "stuck" in text] == [severity]
    assert doctor(site).exit_code == (mode == "enforce")


@pytest.mark.parametrize(("enrol", "kept"), [("first-use", False), ("factor", True)])
def test_somebody_can_have_a_factor(make: Callable[..., Site], enrol: str, kept: bool) -> None:
    site = make(ZEROTRUST_ENROL=enrol)
    site.zt.factors_loader(None)  # type: ignore[arg-type]
    if kept:
        site.app.extensions["zerotrust"].enrolled.add_email("ada", "ada@post.example")
    assert found(site, "modes") == []


def test_a_view_that_sounds_as_if_it_mattered(make: Callable[..., Site]) -> None:
    site = make()
    site.app.add_url_rule("/change-password", "change_password", lambda: "", methods=["POST"])
    assert any("POST /change-password" in problem for _, problem in found(site, "routes"))


def test_a_blueprint_that_is_guarded_as_a_whole(tmp_path: Path) -> None:
    app = Flask("admin", instance_path=str(tmp_path))
    app.config.update(GOOD, TESTING=True, ZEROTRUST_STORE="memory://")
    outer, inner = Blueprint("outer", "o"), Blueprint("inner", "i")
    outer.before_request(step_up_required(always=True)(lambda: None))
    inner.add_url_rule("/delete", "delete", lambda: "", methods=["POST"])
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    ZeroTrust(app)
    patient = Patient(app=app, state=app.extensions["zerotrust"])
    assert list(checks.routes(patient)) == []


# Outside


class Clockwork(BaseHTTPRequestHandler):
    date = ""

    def do_HEAD(self) -> None:
        self.send_response_only(404)
        self.send_header("Date", self.date)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("behind_s", "severities"), [(4, []), (20, ["warning"]), (60, ["error"])])
def test_the_provider_answers_and_its_clock_is_read(
    make: Callable[..., Site], behind_s: int, severities: list[str]
) -> None:
    site = make(ZEROTRUST_SMS_SENDER="none")
    handler = type("Handler", (Clockwork,), {"date": formatdate(site.clock.now - behind_s, usegmt=True)})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        web = delivery.Web("127.0.0.1", server.server_port, tls=False)
        said = list(delivery._web(web, 5, now=site.clock))
    assert [one.severity for one in said] == severities


def test_a_provider_that_does_not_answer(make: Callable[..., Site]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for said in (
        delivery._web(delivery.Web("127.0.0.1", port, tls=False), 1, now=lambda: 0.0),
        delivery.mail(SmtpMailer(host="127.0.0.1", port=port, from_="a@bank.example", timeout_s=1)),
    ):
        assert [(one.severity, one.check) for one in said] == [("error", "sender")]


def test_a_provider_is_asked_through_the_proxy_that_messages_take(
    make: Callable[..., Site], monkeypatch: Any
) -> None:
    """Servers that reach the outside only so have HTTPS_PROXY set: a false alarm otherwise."""
    site = make()
    handler = type("Proxy", (Clockwork,), {"date": formatdate(site.clock.now, usegmt=True)})
    with HTTPServer(("127.0.0.1", 0), handler) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        threading.Thread(target=proxy.handle_request, daemon=True).start()
        web = delivery.Web("provider.invalid", 80, tls=False)
        assert list(delivery._web(web, 5, now=site.clock)) == []


def test_sessions_from_the_future(make: Callable[..., Site]) -> None:
    site = make()
    guard = site.app.extensions["zerotrust"]
    for ahead_s, count in ((4, 0), (60, 1)):
        record = Record(user="ada", state=RiskState(at=site.clock.now + ahead_s))
        guard.store.put("session:x", record.dump(), ttl_s=100)
        assert len(found(site, "clock")) == count
