"""Opt-in recording: batches of people who agree, appended to spool files that `recordings` joins.

A spool file holds one JSON object a line, one line a batch: the batch's planes as the page sent
them (checked before), who and which page under digests, and the server's time. Every process writes a
file of its own, ``<opened, s>-<process>-<random>.spool``. Files end after a while or when full.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.movement.wire import Envelope

log = logging.getLogger("flask_zerotrust")

SUFFIX = ".spool"
#: Of the lines. Another one is refused by whoever joins them.
VERSION = 1
#: Whether this person (None: nobody is logged in) agrees to be recorded.
Consent = Callable[[str | None], bool]

_NAME = re.compile(r"([0-9]{12})-[0-9]+-[0-9a-f]{8}\.spool", re.ASCII)

# Shares of the total size: that of one file, and the part that is kept free for files of other
# processes that grow between two looks. Of the longest keeping time: how long a file is written.
_FILE_SHARE, _KEPT_SHARE, _AGE_SHARE = 1 / 32, 3 / 4, 1 / 8
# Looks at the folder are this far apart at most, in s and as a share of the total size.
_LOOK_S, _LOOK_SHARE = 60.0, 1 / 256


@dataclass(slots=True)
class _File:
    fd: int
    path: Path
    pid: int
    opened_at: float
    size: int = 0


class Recorder:
    """Appends batches to the spool. Nothing that goes wrong with the disk reaches a request.

    Parameters
    ----------
    folder : Path
        Made, readable by its owner only, when missing.
    keys : KeyRing
        Makes the names of visits, pages and people, which lead back to nobody without ``SECRET_KEY``.
    max_bytes : int
        Size of all files together.
    keep_s : float
        Age at which a batch is gone at the latest, as long as some process of the app runs.
    clock : callable
        Wall-clock seconds.

    Raises
    ------
    ConfigError
        Where the folder cannot be made or written.
    """

    def __init__(
        self, folder: Path, keys: KeyRing, *, max_bytes: int, keep_s: float, clock: Callable[[], float]
    ) -> None:
        self.folder = folder
        self._keys = keys
        self._max_bytes = max_bytes
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._file: _File | None = None
        self._looked_at = -float("inf")
        self._unseen = 0
        self._failed = False
        _check_writable(folder)

    def take(self, envelope: Envelope, *, visit: str, user: str | None, consent: Consent | None) -> None:
        """Record a batch that was taken, if this person agrees."""
        if self._failed or consent is None or not _agrees(consent, user):
            return
        line = self._line(envelope, visit, user)
        try:
            with self._lock:
                self._append(line)
        except OSError as error:
            self._failed = True
            log.error(
                "recording stops until the next start: %s cannot be written (%s)",
                self.folder,
                error.strerror,
            )

    def _line(self, envelope: Envelope, visit: str, user: str | None) -> bytes:
        name = self._keys.digest
        row = {
            "v": VERSION,
            "visit": name("recorded-visit", visit)[:32],
            "user": None if user is None else name("recorded-user", user)[:32],
            "page": name("recorded-page", envelope.nonce)[:32],
            "seq": envelope.seq,
            "at": round(self._clock(), 3),
            "t0": envelope.t0_ms,
            "sent": envelope.sent_ms,
            "viewport": envelope.viewport,
            "planes": envelope.planes,
        }
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"

    def _append(self, line: bytes) -> None:
        now = self._clock()
        if now - self._looked_at >= _LOOK_S or self._unseen >= self._max_bytes * _LOOK_SHARE:
            sweep(self.folder, max_bytes=int(self._max_bytes * _KEPT_SHARE), keep_s=self._keep_s, now=now)
            self._looked_at, self._unseen = now, 0
        file = self._current(len(line), now)
        # One write, so that lines stay whole. A short one means a full disk.
        if os.write(file.fd, line) != len(line):
            raise OSError(28, "no space left")
        file.size += len(line)
        self._unseen += len(line)

    def _current(self, more: int, now: float) -> _File:
        """Return the file to write to. A process that was forked starts its own."""
        file = self._file
        if file is not None and file.pid == os.getpid():
            full = file.size > 0 and file.size + more > self._max_bytes * _FILE_SHARE
            old = not 0 <= now - file.opened_at < self._keep_s * _AGE_SHARE
            if not full and not old and os.fstat(file.fd).st_nlink:
                return file
            os.close(file.fd)
            self._file = None
        self._file = _open(self.folder, now)
        return self._file


def sweep(folder: Path, *, max_bytes: int, keep_s: float, now: float) -> None:
    """Delete files that are too old, and the oldest while all of them are too large.

    Files are as old as their name says, so no batch in them is older.
    """
    files = spools(folder)
    sizes = {path: _size(path) for _, path in files}
    total = sum(sizes.values())
    for opened, path in files:
        if now - opened < keep_s and total <= max_bytes:
            return
        path.unlink(missing_ok=True)
        total -= sizes[path]


def spools(folder: Path) -> list[tuple[float, Path]]:
    """Return the spool files of a folder, oldest first, with the wall-clock seconds of their opening."""
    result = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((float(match[1]), path) for match, path in result if match is not None)


def _open(folder: Path, now: float) -> _File:
    path = folder / f"{int(now):012d}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
    return _File(os.open(path, flags, 0o600), path, os.getpid(), now)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _agrees(consent: Consent, user: str | None) -> bool:
    """Return the answer of the app, and False if it fails or says anything but True."""
    try:
        return consent(user) is True
    except Exception:
        log.exception("the function registered with @zt.record_consent failed; nothing is recorded")
        return False


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"ZEROTRUST_RECORD_DIR: nothing can be written to {str(folder)!r} ({error.strerror}). Make the "
            "folder and let the server's user write there, or set it to None."
        ) from error
