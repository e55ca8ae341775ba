"""Shared by the commands: the group, its options, reading, writing and loading what is offline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import ScriptInfo

from flask_zerotrust.errors import ConfigError, RecordingError, ZeroTrustError
from flask_zerotrust.recordings import files
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.web.state import AppState

# Packages of the [train] extra.
_EXTRAS = {"sklearn", "joblib", "threadpoolctl", "matplotlib", "rich"}


class _Failure(click.ClickException):
    exit_code = 2


class Commands(click.Group):
    """Shows the package's own errors, and files that cannot be had, as one line. Exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click knows what to do when the reader of a pipe has gone
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _EXTRAS:
                raise
            raise _Failure(f'This needs {error.name}: pip install "Flask-ZeroTrust[train]"') from error
        except (ZeroTrustError, OSError) as error:
            raise _Failure(" ".join(str(error).split())) from error


@click.group(name="zerotrust", cls=Commands)
def group() -> None:
    """Look after an app and its people. Simulate, import, train on and score pointer movement."""


files_argument = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=str))
seed_option = click.option(
    "--seed",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    help="The same seed gives the same result.",
)
jobs_option = click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(1), help="Processes to use."
)
skip_bad_option = click.option(
    "--skip-bad", is_flag=True, help="Leave out lines that cannot be read, and count them."
)
render_option = click.option(
    "--render", is_flag=True, help="Pass sessions through the simulated browser first."
)
json_option = click.option("--json", "as_json", is_flag=True, help="For machines: JSON on standard output.")


@contextmanager
def making_folder(out: Path, option: str = "--out") -> Iterator[None]:
    """Make the output folder before the work, and take it away again if that fails."""
    new = not out.exists()
    new_folder(out, option)
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):  # something was written to it
                out.rmdir()
        raise


def new_folder(out: Path, option: str = "--out") -> None:
    """Make the output folder before the work, so that a wrong name does not lose it.

    Raises
    ------
    ConfigError
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"{option} {out} cannot be written ({error.strerror}). Name a folder that can be."
        ) from error


def say_how_to_use(out: Path, sha256: str) -> None:
    click.echo(f"Wrote {out}. Use it with:")
    click.echo(f"  ZEROTRUST_MODEL = {f'{out.resolve()}#sha256={sha256}'!r}")


def save(out: str, visits: Iterable[Recording]) -> int:
    """Write recordings, say how many unless they go to standard output, and return the number."""
    count = files.write(out, visits)
    if out != "-":
        click.echo(f"{out}: {count} session{'' if count == 1 else 's'}", err=True)
    return count


def read(names: Sequence[str], on_bad: Callable[[RecordingError], None] | None) -> Iterator[Recording]:
    """Yield the sessions of files that were named.

    Raises
    ------
    RecordingError
        Also where there is not one: an empty file is rarely meant.
    """
    count = 0
    for count, recording in enumerate(files.read(names, on_bad=on_bad), 1):  # noqa: B007
        yield recording
    if names and not count:
        named = ", ".join("standard input" if name == "-" else name for name in names)
        raise RecordingError(named, "holds no sessions. Name files with one session a line.")


@contextmanager
def bad_lines(skip: bool) -> Iterator[Callable[[RecordingError], None] | None]:
    """Collect lines that cannot be read and say so at the end. Without ``skip`` nothing is forgiven."""
    bad: list[RecordingError] = []
    try:
        yield bad.append if skip else None
    finally:
        if bad:
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            click.echo(f"Skipped {bad[0]}{more}", err=True)


def the_app() -> Flask:
    """Return the app that ``flask`` has found.

    Raises
    ------
    ConfigError
        Under ``python -m flask_zerotrust``, which knows none.
    """
    context = click.get_current_context()
    script = context.find_object(ScriptInfo)
    if script is None:
        raise ConfigError(f"This command needs an app: flask --app APP zerotrust {_words(context)}")
    return script.load_app()


def _words(context: click.Context) -> str:
    """Return the command as it is written below the group: ``profile show``."""
    above = "" if context.parent is None or context.parent.parent is None else _words(context.parent)
    return f"{above} {context.info_name}".strip()


def the_guard() -> AppState:
    """Return the guard of the app that ``flask`` has found."""
    result = the_app().extensions.get("zerotrust")
    if not isinstance(result, AppState):
        raise ConfigError("This app does not use Flask-ZeroTrust: ZeroTrust(app) is missing.")
    return result


def sharing_guard() -> AppState:
    """Return it, where its store is one that a command can see the rows of the workers."""
    state = the_guard()
    if state.settings.store == "memory://":
        raise ConfigError(
            "ZEROTRUST_STORE = 'memory://' is not shared with this command: use sqlite:/// or redis://."
        )
    return state


def utc_minute(at: float) -> str:
    """Return a time in UTC as ISO 8601, to the minute."""
    when = datetime.fromtimestamp(0, UTC) + timedelta(seconds=at)
    return when.strftime("%Y-%m-%dT%H:%MZ")
