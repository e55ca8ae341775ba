"""``python -m research``, in a checkout."""

from __future__ import annotations

import os

# Read when numpy is imported: more threads would make each figure depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from research.cli import group

if __name__ == "__main__":
    group(prog_name="python -m research")
