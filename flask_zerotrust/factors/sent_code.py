"""Factors whose codes are sent to a recipient."""

from __future__ import annotations

from abc import abstractmethod

from flask_zerotrust.factors.base import Factor

# One text message holds 160 characters. The sentence, the host and the code need the rest.
_MAX_ACTION = 50


class SendingFactor(Factor):
    """A number or an address that the app has verified. A subclass says how a code gets there.

    Parameters
    ----------
    recipient : str
        In its one canonical form: codes are bound to it, and messages counted under it.
    id : str
        Name among the person's factors.
    label : str or None
        Name that the user reads. Without one, a sentence with the masked recipient.
    """

    sends = True

    def __init__(self, recipient: str, id: str, label: str | None) -> None:
        self._recipient = recipient
        self.id = id
        self._label = label

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r})"

    @property
    def label(self) -> str:  # type: ignore[override] # in the language of each request
        """Return the name that the user reads."""
        return self._masked() if self._label is None else self._label

    @property
    def recipient(self) -> str:  # type: ignore[override] # set once
        """Return where codes go."""
        return self._recipient

    @abstractmethod
    def _masked(self) -> str:
        """Return a sentence by which only its owner knows the recipient."""


def one_line(action: str) -> str:
    """Keep the name of an action from adding lines, quotes or a second code line."""
    words = "".join(c if c.isprintable() and c not in '"@#' else " " for c in action).split()
    short = " ".join(words)
    return short if len(short) <= _MAX_ACTION else short[: _MAX_ACTION - 3].rstrip() + "..."
