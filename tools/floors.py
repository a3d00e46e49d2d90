"""Prints the oldest versions that pyproject.toml allows, as constraints for pip.

python tools/floors.py > floors.txt && pip install -c floors.txt -e ".[dev]"
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def floors(project: dict[str, object]) -> list[str]:
    """Turn `name>=1.2,<2` into `name==1.2`, for what the package itself needs."""
    wanted = project["dependencies"]
    assert isinstance(wanted, list)
    found = (re.match(r"([A-Za-z0-9._-]+)>=([0-9][0-9a-z.]*)", str(line)) for line in wanted)
    return [f"{match.group(1)}=={match.group(2)}" for match in found if match]


if __name__ == "__main__":
    print("\n".join(floors(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"])))
