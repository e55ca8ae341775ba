"""The protocol of all kinds of evidence about a session."""

from __future__ import annotations

from typing import Any, Protocol, Self, TypeVar

New = TypeVar("New", contravariant=True)


class Evidence(Protocol[New]):
    """Evidence of one kind, summed over the batches of a session. Instances never change.

    ``RiskState`` holds one of each kind. Its row in the store has a key only for kinds with evidence, so a
    feature that is off leaves nothing there.
    """

    def add(self, new: New) -> Self:
        """Return the evidence after one more batch."""

    def faded(self, kept: float) -> Self:
        """Return the share of the evidence, in [0, 1], that time has left."""

    def to_json(self) -> list[Any]:
        """Return a list that :meth:`from_json` reads."""

    @classmethod
    def from_json(cls, data: list[Any] | None) -> Self:
        """Read the output of :meth:`to_json`. None stands for no evidence."""
