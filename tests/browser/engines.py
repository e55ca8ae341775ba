"""Firefox and WebKit as Debian ships them, to be looked at: by WebDriver BiDi, and by WebKit's own driver.

Playwright drives neither as it comes. Like Playwright in the tests of recorded people these only look
(addresses, layout, texts); hand and keyboard are the X server's. What they offer are the few methods of
Playwright's page that those tests call.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.ports import free_port

from . import os_input
from .harness import missing

#: How long a page may take, in seconds.
PATIENCE_S = 20.0
_PAUSE_S = 0.05
# Nothing that lies over the page, asks, updates or reports. What a page can measure stays as it comes.
_PREFERENCES = {
    # Passkeys in software, in place of those that are plugged in.
    "security.webauth.webauthn_enable_softtoken": True,
    "security.webauth.webauthn_enable_usbtoken": False,
    "app.normandy.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "services.settings.server": "data:,",
    "datareporting.policy.dataSubmissionEnabled": False,
    "signon.rememberSignons": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_VERSIONS = {
    "firefox": ("firefox-esr", "--version"),
    "webkit": ("dpkg-query", "-W", "-f", "${Version}", "webkit2gtk-driver"),
}
_MINI_BROWSERS = ("/usr/lib/*/webkit2gtk-4.1/MiniBrowser", "/usr/lib/*/webkit2gtk-4.0/MiniBrowser")


class Eyes(ABC):
    """What tests see of a page; ``browser`` is its name and version."""

    browser = ""

    @property
    def bar_px(self) -> int:
        """Height of what the window has above the page."""
        return int(self.evaluate("outerHeight - innerHeight"))

    @abstractmethod
    def goto(self, url: str) -> None:
        """Open a page and wait until it is loaded."""

    @abstractmethod
    def run(self, script: str) -> str | None:
        """Return what a promise of a text comes to."""

    @abstractmethod
    def clear_cookies(self) -> None:
        """Forget all cookies."""

    @abstractmethod
    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in CSS px."""

    @abstractmethod
    def picture(self) -> bytes:
        """Return what can be seen of the page, as PNG."""

    def plug_in_key(self) -> bool:
        """Plug in a virtual passkey; False where the browser knows none."""
        return False

    @property
    def pages(self) -> list[Eyes]:
        """The pages of this window: one."""
        return [self]

    @property
    def url(self) -> str:
        """The address of the page."""
        return str(self.evaluate("location.href"))

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """Return what an expression, or a function of the argument, comes to."""
        called = f"(e => typeof e === 'function' ? e({json.dumps(arg)}) : e)({expression})"
        said = self.run(f"Promise.resolve({called}).then(JSON.stringify)")
        return None if said is None else json.loads(said)

    def wait_for_function(self, expression: str, *, arg: Any = None) -> None:
        """Wait until it comes to something true."""
        self._wait(lambda: self.evaluate(expression, arg), expression)

    def wait_for_url(self, wanted: str | Callable[[str], bool]) -> None:
        """Wait until the page of such an address is loaded."""

        def arrived() -> bool:
            url, state = self.evaluate("[location.href, document.readyState]")
            fits = url == wanted if isinstance(wanted, str) else wanted(url)
            return bool(fits and state == "complete")

        self._wait(arrived, f"the address {wanted}")

    def _wait(self, done: Callable[[], Any], what: str) -> None:
        until = time.monotonic() + PATIENCE_S
        last: Exception | None = None
        while time.monotonic() < until:
            try:
                if done():
                    return
            except Exception as error:  # a page that goes while it is asked
                last = error
            time.sleep(_PAUSE_S)
        raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}") from last


class Firefox(Eyes):
    """Firefox by WebDriver BiDi (W3C), which it speaks by itself."""

    def __init__(self, address: str, marionette: int) -> None:
        import websocket

        self._marionette = marionette
        self._line: socket.socket | None = None
        self._socket = websocket.create_connection(
            address + "/session", timeout=PATIENCE_S, suppress_origin=True
        )
        self._last = 0
        self.browser = (
            f"Firefox {self._do('session.new', capabilities={})['capabilities']['browserVersion']}"
        )
        self._context = self._do("browsingContext.getTree")["contexts"][0]["context"]

    def goto(self, url: str) -> None:
        self._do("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, script: str) -> str | None:
        target = {"context": self._context}
        said = self._do("script.evaluate", expression=script, target=target, awaitPromise=True)
        if said["type"] != "success":
            raise RuntimeError(said["exceptionDetails"]["text"])
        return said["result"].get("value")

    def clear_cookies(self) -> None:
        self._do("storage.deleteCookies")

    def act(self, actions: list[dict[str, Any]]) -> None:
        """Have the browser itself move, press and type: what only tools do."""
        self._do("input.performActions", context=self._context, actions=actions)

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        self._do("browsingContext.setViewport", context=self._context, viewport=size)

    def picture(self) -> bytes:
        said = self._do("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(said["data"])

    def plug_in_key(self) -> bool:
        """Plug one in by Firefox's older protocol: BiDi has no word for it yet."""
        kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
        verified = {"hasUserVerification": True, "isUserVerified": True, "isUserConsenting": True}
        # Left open: when it closes, the session ends.
        line = self._line = socket.create_connection(("127.0.0.1", self._marionette), timeout=PATIENCE_S)
        _message(line)  # a greeting
        sent = json.dumps([0, 1, "WebAuthn:AddVirtualAuthenticator", kind | verified]).encode()
        line.sendall(b"%d:%s" % (len(sent), sent))
        _, _, error, _ = _message(line)
        return error is None

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
        if self._line is not None:
            self._line.close()

    def _do(self, method: str, **parameters: Any) -> Any:
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("id") == self._last:
                break
        if said["type"] == "error":
            raise RuntimeError(f"{method}: {said['message']}")
        return said["result"]


def _message(line: socket.socket) -> Any:
    """Read one message of Marionette: its length, a colon, and JSON."""
    length = b""
    while (octet := line.recv(1)) != b":":
        length += octet
    text = b""
    while len(text) < int(length):
        text += line.recv(int(length) - len(text))
    return json.loads(text)


class WebKit(Eyes):
    """WebKitGTK's MiniBrowser by the driver that comes with it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.browser = f"WebKitGTK {driver.capabilities['browserVersion']}"

    def goto(self, url: str) -> None:
        self.driver.get(url)

    def run(self, script: str) -> str | None:
        said = self.driver.execute_async_script(f"({script}).then(arguments[0], () => arguments[0](null))")
        return None if said is None else str(said)

    def clear_cookies(self) -> None:
        self.driver.delete_all_cookies()

    def resize(self, width: int, height: int) -> None:
        self.driver.set_window_rect(0, 0, width, height + self.bar_px)

    def picture(self) -> bytes:
        return bytes(self.driver.get_screenshot_as_png())


@contextmanager
def firefox(display: str) -> Iterator[Firefox]:
    """Run a Firefox that fills the screen."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        missing("Firefox", "apt-get install firefox-esr")
    with TemporaryDirectory() as profile:
        marionette = free_port()
        preferences = {**_PREFERENCES, "marionette.port": marionette}
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items())
        Path(profile, "user.js").write_text("".join(lines), encoding="utf-8")
        size = (f"--width={os_input.SCREEN[0]}", f"--height={os_input.SCREEN[1]}")
        command = [str(program), "--profile", profile, "--no-remote", "--kiosk", *size, "about:blank"]
        process = subprocess.Popen(
            [*command, "--marionette", "--remote-debugging-port=0"],
            env={**os.environ, "DISPLAY": display, "HOME": profile, "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            seen = Firefox(_address(process), marionette)
            yield seen
            seen.close()
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := _LISTENING.search(line):
            return found[1]
    raise RuntimeError("Firefox did not start; run it by hand to see why.")


@contextmanager
def webkit(display: str) -> Iterator[WebKit]:
    """Run a WebKit that fills the screen."""
    from selenium import webdriver

    program, driver = _mini_browser(), shutil.which("WebKitWebDriver")
    if program is None or driver is None:
        missing("WebKit", "apt-get install webkit2gtk-driver")
    options = webdriver.WebKitGTKOptions()
    options.binary_location = str(program)
    options.add_argument("--automation")
    service = webdriver.WebKitGTKService(
        executable_path=driver, env={**os.environ, "DISPLAY": display, "GDK_BACKEND": "x11"}
    )
    with warnings.catch_warnings():
        # Selenium's own, in its class for this browser.
        warnings.filterwarnings("ignore", "setting remote_server_addr", DeprecationWarning)
        window = webdriver.WebKitGTK(options=options, service=service)
    try:
        window.set_window_rect(0, 0, *os_input.SCREEN)
        yield WebKit(window)
    finally:
        window.quit()


def _mini_browser() -> Path | None:
    found = (path for pattern in _MINI_BROWSERS for path in Path("/").glob(pattern.lstrip("/")))
    return next(found, None)


#: By the name that ``ZEROTRUST_TEST_ENGINE`` takes.
ENGINES = {"firefox": firefox, "webkit": webkit}


def version(name: str) -> str:
    """Return the number of a browser, as Debian or the browser itself says it."""
    said = subprocess.run(_VERSIONS[name], capture_output=True, text=True, check=True).stdout
    return next(iter(re.findall(r"[0-9][0-9.]+", said)))
