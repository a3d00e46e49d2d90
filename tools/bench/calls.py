"""What one warm answer does inside the package: calls, functions and modules.

    python -m tools.bench.calls [TASK] [--most 40] [--values]

The sample's support agent answers on the packaged model, offline: once to load what it needs, once
under `sys.setprofile`. A call is that of a function of the package, its comprehensions and steps of
generators included; `--values` counts the values that were constructed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import agent_knowledge
from agent_knowledge import index_sources, load_answerer, open_sample

TASK = "How long do I have to return a tent that I bought in a sale?"
_ROOT = str(Path(agent_knowledge.__file__).parent)


def main() -> None:
    """Print the three counts, and what was called most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", nargs="?", default=TASK)
    parser.add_argument("--most", type=int, default=20, help="functions to list")
    parser.add_argument("--values", action="store_true", help="list constructors instead")
    arguments = parser.parse_args()
    calls = count(arguments.task)
    modules = Counter[str]()
    for (module, _), times in calls.items():
        modules[module] += times
    print(f"{calls.total():,} calls, {len(calls)} functions, {len(modules)} modules")
    shown = Counter(
        {key: times for key, times in calls.items() if ("__init__" in key[1]) >= arguments.values}
    )
    for (module, function), times in shown.most_common(arguments.most):
        print(f"{times:7,}  {module}  {function}")


def count(task: str) -> Counter[tuple[str, str]]:
    """Calls of a warm answer by module and qualified name."""
    calls: Counter[tuple[str, str]] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call":
            return
        if code.co_filename.startswith(_ROOT):
            calls[code.co_filename.removeprefix(_ROOT).lstrip("/"), code.co_qualname] += 1
        elif code.co_filename == "<string>" and code.co_name == "__init__":
            made = type(frame.f_locals.get("self"))
            if made.__module__.startswith("agent_knowledge"):
                calls[made.__module__, f"{made.__qualname__}.__init__"] += 1

    with open_sample() as config:
        index_sources(config)
        with load_answerer(config, "support") as answerer:
            answerer.answer(task)
            sys.setprofile(profile)
            try:
                answerer.answer(task)
            finally:
                sys.setprofile(None)
    return calls


if __name__ == "__main__":
    main()
