"""``python -m research``, in a checkout."""

from __future__ import annotations

from research.cli import group

if __name__ == "__main__":
    group(prog_name="python -m research")
