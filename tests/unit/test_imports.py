"""What a configuration may import is the host's to say, not the configuration's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from agent_knowledge.build.imports import VARIABLE, imported
from agent_knowledge.errors import ConfigError

KEY = "sources.shop.retriever"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A configuration's folder with modules of its own."""
    (tmp_path / "ourshop").mkdir()
    (tmp_path / "ourshop" / "__init__.py").write_text("")
    (tmp_path / "ourshop" / "search.py").write_text(
        "import os\nfrom subprocess import run\nfrom json import JSONDecoder\n"
        "def make(k=1):\n    return k\n"
        "ready = JSONDecoder()\n"
    )
    (tmp_path / "ourshop" / "broken.py").write_text("1 / 0")
    (tmp_path / "ourshop" / "lacking.py").write_text("import nowhere_to_be_found")
    (tmp_path / "ourshopping.py").write_text("make = 1")
    (tmp_path / "json.py").write_text("raise RuntimeError")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("ourshop")]:
        del sys.modules[name]


def _import(spec: str, folder: Path, *allowed: str) -> object:
    return imported(spec, KEY, allowed=allowed, folder=folder)


@pytest.mark.parametrize("allowed", ["ourshop", "ourshop.search"])
def test_what_the_host_allows_is_found_beside_the_configuration(folder: Path, allowed: str) -> None:
    before = list(sys.path)
    make = cast("Callable[..., int]", _import("ourshop.search:make", folder, allowed))
    assert make(k=3) == 3
    assert sys.path == before


def test_the_environment_allows_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "other, ourshop")
    assert callable(_import("ourshop.search:make", folder))


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ("ourshop.search:make", ()),
        ("ourshop.search:make", ("ourshop.other",)),
        ("ourshopping:make", ("ourshop",)),
        ("subprocess:run", ("ourshop",)),
    ],
)
def test_all_else_is_refused_with_what_would_allow_it(
    folder: Path, spec: str, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError, match=KEY) as refused:
        _import(spec, folder, *allowed)
    root = spec.split(":", maxsplit=1)[0].split(".", maxsplit=1)[0]
    for way in (f"imports=({root!r},)", f"--allow-imports {root}", f"{VARIABLE}={root}"):
        assert way in str(refused.value)
    assert spec.split(":", maxsplit=1)[0] not in sys.modules or spec.startswith("subprocess")


@pytest.mark.parametrize("name", ["run", "JSONDecoder"])
def test_what_an_allowed_module_merely_imports_is_not_offered(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"which is defined in '(subprocess|json\.decoder)'"):
        _import(f"ourshop.search:{name}", folder, "ourshop")


def test_an_object_that_an_allowed_module_made_is_offered(folder: Path) -> None:
    assert type(_import("ourshop.search:ready", folder, "ourshop")).__name__ == "JSONDecoder"


def test_a_file_beside_the_configuration_replaces_no_installed_module(folder: Path) -> None:
    assert callable(_import("json:loads", folder, "json"))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("ourshop.search", "write 'package.module:name'"),
        ("ourshop.search:os.system", "write 'package.module:name'"),
        ("ourshop.search:_hidden", "write 'package.module:name'"),
        ("ourshop.search:make()", "write 'package.module:name'"),
        ("ourshop.search:mak", "did you mean 'make'"),
        ("ourshop.search:os", "is a module"),
        ("ourshop.nothing:make", "there is no module 'ourshop.nothing'"),
        ("ourshop.broken:make", "ZeroDivisionError: division by zero"),
        ("ourshop.lacking:make", "needs 'nowhere_to_be_found', which is not installed"),
    ],
)
def test_what_cannot_be_imported_says_why(folder: Path, spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=KEY) as refused:
        _import(spec, folder, "ourshop")
    assert said in str(refused.value)
