"""Show a bar while a command works for long."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

Item = TypeVar("Item")

# Shorter work needs no bar, in s.
_PATIENCE_S = 2.0


class Bar:
    """A progress bar on standard error that appears late, and only where somebody watches.

    Calling it with ``(what, done, of)`` moves it. ``of`` may be 0 when nobody knows.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._watched = sys.stderr.isatty() and importlib.util.find_spec("rich") is not None
        self._shown: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, done: int, of: int) -> None:
        if not self._watched or self._clock() - self._since < _PATIENCE_S:
            return
        if self._shown is None:
            self._shown = _rich_progress()
            self._shown.start()
        if what not in self._tasks:
            self._tasks[what] = self._shown.add_task(what, total=of or None)
        self._shown.update(self._tasks[what], completed=done, total=of or None)

    def over(self, items: Iterable[Item], what: str, of: int = 0) -> Iterator[Item]:
        """Yield the items, moving the bar by one after each."""
        for done, item in enumerate(items, 1):
            yield item
            self(what, done, of)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()


def _rich_progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
