"""Prints the oldest versions that pyproject.toml allows, as constraints for pip.

python tools/floors.py > floors.txt && pip install -c floors.txt -e ".[dev]"
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def floors(project: dict[str, object]) -> list[str]:
    """Turn `name>=1.2,<2; marker` into `name==1.2; marker`, for what the package itself needs."""
    wanted = project["dependencies"]
    assert isinstance(wanted, list)
    found = (re.match(r"([\w.-]+)>=([0-9][0-9a-z.]*)[^;]*(;.*)?", str(line)) for line in wanted)
    return [f"{match[1]}=={match[2]}{match[3] or ''}" for match in found if match]


if __name__ == "__main__":
    print("\n".join(floors(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"])))
