"""The packaged sample shop, ready to be indexed: for the demo, the examples and your own trials."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from shutil import copytree, ignore_patterns

from agent_knowledge.config import KnowledgeConfig


@contextmanager
def open_sample() -> Generator[KnowledgeConfig]:
    """Copy the sample to a temporary folder, so that its store never grows inside the package.

    Yields:
        Its configuration; nothing is indexed yet.
    """
    with tempfile.TemporaryDirectory(prefix="agent-knowledge-") as folder:
        with resources.as_file(resources.files("agent_knowledge.demo")) as packaged:
            copytree(packaged, folder, dirs_exist_ok=True, ignore=ignore_patterns("*.py*"))
        yield KnowledgeConfig.from_yaml(Path(folder) / "agent-knowledge.yaml")
