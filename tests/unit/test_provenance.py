"""Whatever is fitted and packaged says how it was made, of what, and how well it does elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import agent_knowledge

DATA = Path(agent_knowledge.__file__).parent / "data"
NOT_FITTED_HERE = {"minilm_tokenizer.json"}
FITTED = sorted(file.name for file in DATA.glob("*.json") if file.name not in NOT_FITTED_HERE)


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield str(key)  # pyright: ignore[reportUnknownArgumentType]
            yield from keys_of(inner)


def refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("name", FITTED)
def test_a_fitted_file_tells_its_provenance(name: str):
    stored = json.loads((DATA / name).read_text(encoding="utf-8"), parse_constant=refuse)
    provenance = stored["provenance"]
    assert provenance["command"].startswith("python -m tools.train.")
    module = provenance["command"].split()[2]
    assert (
        Path(agent_knowledge.__file__)
        .parents[1]
        .joinpath(*module.split("."))
        .with_suffix(".py")
        .is_file()
    )
    date.fromisoformat(provenance["date"])
    assert "licences" in provenance
    assert any("sha256" in key for key in keys_of(provenance))
    assert any(key.startswith("left_out") for key in keys_of(stored))
