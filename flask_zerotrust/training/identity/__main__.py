"""Writes docs/identity.json.

usage: python -m flask_zerotrust.training.identity DATA OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .study import measure

if __name__ == "__main__":
    data, out = sys.argv[1:]
    Path(out).write_text(json.dumps(measure(data), indent=1) + "\n", encoding="utf-8")
