"""What importing the package costs, beside importing one class of langchain-core.

    python -m tools.bench.imports

Each import runs in an interpreter of its own, in turn, and is timed inside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

STATEMENTS = (
    "import agent_knowledge",
    "from langchain_core.tools import BaseTool",
    "from agent_knowledge import load_router",
    "from agent_knowledge.langchain import KnowledgeTool",
    "from langchain.agents import create_agent",
)
_TIMED = """
import time
started = time.perf_counter()
{statement}
print((time.perf_counter() - started) * 1000)
"""


def main() -> None:
    """Print median milliseconds and the ratio to langchain-core's import."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for statement in STATEMENTS:
        _time(statement)  # fills the file cache
    for _ in range(runs):
        for statement in STATEMENTS:
            times[statement].append(_time(statement))
    peer = median(times[STATEMENTS[1]])
    for statement in STATEMENTS:
        ms = median(times[statement])
        print(f"{statement:55} {ms:8.1f} ms  {ms / peer:6.2f} times langchain-core's")


def _time(statement: str) -> float:
    code = _TIMED.format(statement=statement)
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
