"""The Python examples of README and docs are run as they stand, page by page.

A page starts where its reader does: in a folder that `agent-knowledge init` and `index` have
prepared, with a chat model at hand (the packaged offline one) and no tools of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from agent_knowledge import index_sources, load_model
from agent_knowledge.cli.starting import init


def _enter(namespace: dict[str, Any]) -> None:
    folder = TemporaryDirectory()
    namespace["_left"] = (folder, Path.cwd())
    init(Path(folder.name))
    os.chdir(folder.name)
    index_sources("agent-knowledge.yaml")
    namespace["model"] = load_model("agent-knowledge.yaml").model
    namespace["tools"] = []


def _leave(namespace: dict[str, Any]) -> None:
    folder, before = namespace["_left"]
    os.chdir(before)
    folder.cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()], patterns=["*.md"], setup=_enter, teardown=_leave
).pytest()
