"""Every bench, one after the other: python -m tools.bench --data ../shared/data."""

from __future__ import annotations

import subprocess
import sys

BENCHES = (
    "imports",
    "middleware",
    "retrieval",
    "gold_characters",
    "agents",
    "need",
    "examples",
    "end_to_end",
    "speed",
    "citations",
    "support",
    "answers",
    "screen",
    "store_faults",
    "trials",
)
_NEED_NO_DATA = {"imports", "middleware", "store_faults", "trials"}
_MORE = {"agents": ("--peers",)}


def main() -> None:
    """Run them, each in an interpreter of its own; the arguments go to those that read data."""
    for name in BENCHES:
        print(f"== tools.bench.{name}", flush=True)
        arguments = [] if name in _NEED_NO_DATA else sys.argv[1:]
        command = [sys.executable, "-m", f"tools.bench.{name}", *arguments, *_MORE.get(name, ())]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
