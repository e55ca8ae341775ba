"""A user's movement profile: sums in the dimensions of the background model, by instrument."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.errors import StoreError

Floats = NDArray[np.float64]

FORMAT = 1
#: Largest profile in bytes. A profile needs about a tenth of it.
MAX_BYTES = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """A mouse and screen that a user was seen with.

    Attributes
    ----------
    kind : ndarray, shape (3,)
        Its traits: log2 of the ms between events, of window width and of window height.
    strokes : float
        Strokes' worth of movement kept. Old ones fade.
    mean : ndarray, shape (d,)
        Their mean in the dimensions of the background model.
    seen_at : float
        Wall-clock seconds.
    """

    kind: Floats
    strokes: float
    mean: Floats
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The movement of one user.

    Attributes
    ----------
    background : str
        Version of the background model it was learnt with. With another it says nothing.
    instruments : tuple of Instrument
    strokes : int
        Strokes learnt so far.
    created_at, updated_at : float
        Wall-clock seconds.
    day, learnt_today : int
        Number of the day (UTC) of the last learning, and strokes learnt in it.
    version : int
        Counts the changes.
    previous : tuple of Instrument
        ``instruments`` before the last day of learning, for a roll-back.
    previous_strokes : int
    """

    background: str
    instruments: tuple[Instrument, ...] = ()
    strokes: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    day: int = 0
    learnt_today: int = 0
    version: int = 0
    previous: tuple[Instrument, ...] = ()
    previous_strokes: int = 0

    def rolled_back(self) -> Profile:
        """Return the profile without its last day of learning."""
        return replace(
            self,
            instruments=self.previous,
            strokes=self.previous_strokes,
            version=self.version + 1,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the profile for a person to read (export) or a store to keep. JSON."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("instruments", "previous"):
            data[name] = [_packed(instrument) for instrument in data[name]]
        return {"format": FORMAT, **data}

    def to_bytes(self) -> bytes:
        """Return bytes that :meth:`from_bytes` reads, at most ``MAX_BYTES``."""
        return json.dumps(self.to_dict(), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """Read the output of :meth:`to_bytes`.

        Raises
        ------
        StoreError
            When it is damaged, too large, or of another format.
        """
        try:
            result = json.loads(data) if len(data) <= MAX_BYTES else {}
            if result.pop("format", None) != FORMAT:
                raise ValueError("another format")
            for name in ("instruments", "previous"):
                result[name] = tuple(_unpacked(instrument) for instrument in result[name])
            return cls(**result)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"An identity profile cannot be read ({error}); forget it, and it is learnt again."
            ) from error


def _packed(instrument: Instrument) -> dict[str, Any]:
    data = asdict(instrument)
    for name in ("kind", "mean"):
        data[name] = base64.b64encode(data[name].astype("<f4").tobytes()).decode()
    return data


def _unpacked(data: dict[str, Any]) -> Instrument:
    planes = {
        name: np.frombuffer(base64.b64decode(data[name], validate=True), "<f4").astype(np.float64)
        for name in ("kind", "mean")
    }
    return Instrument(strokes=float(data["strokes"]), seen_at=float(data["seen_at"]), **planes)
