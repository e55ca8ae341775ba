"""Files of text as data sets are published: in a folder, in an archive, or alone and packed."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from flask_zerotrust.errors import RecordingError
from flask_zerotrust.recordings.files import OnBad


def texts(path: str | Path, *, wanted: str, on_bad: OnBad | None) -> Iterator[tuple[str, str]]:
    """Yield name and content of the files of a folder, an archive or a single file, by name."""
    path = Path(path)
    try:
        source = (
            _folder(path)
            if path.is_dir()
            else _archive(path)
            if _is_tar(path)
            else [(path, path.read_bytes())]
        )
        for name, data in source:
            if str(name).endswith(wanted):
                yield from _decoded(str(name), data, on_bad)
    except (OSError, tarfile.TarError, lzma.LZMAError, EOFError, zlib.error) as error:
        raise RecordingError(str(path), f"cannot be read: {error}") from error


def plain_text(path: Path) -> str:
    """Return a file of ASCII, packed by gzip or not."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise RecordingError(str(path), f"cannot be read: {error}") from error


def tell(on_bad: OnBad | None, error: RecordingError, cause: Exception | None = None) -> None:
    """Hand on the error of a line, or raise it where nobody asked for it."""
    if on_bad is None:
        raise error from cause
    on_bad(error)


def _decoded(name: str, data: bytes, on_bad: OnBad | None) -> Iterator[tuple[str, str]]:
    try:
        yield name, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        tell(on_bad, RecordingError(name, "must be text in UTF-8"), error)


def _is_tar(path: Path) -> bool:
    return ".tar" in path.name or path.suffix in (".tgz", ".txz")


def _folder(path: Path) -> Iterator[tuple[Path, bytes]]:
    for file in sorted(f for f in path.rglob("*") if f.is_file()):
        yield file, file.read_bytes()


def _archive(path: Path) -> list[tuple[PurePosixPath, bytes]]:
    """Return every file of an archive: packed in any order, wanted by name."""
    with tarfile.open(path) as tar:
        files = []
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                files.append((PurePosixPath(path.name) / member.name, content.read()))
    return sorted(files)
