"""Labelled agents as a user would have them: a folder with an index, and its router."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, index_sources, load_router
from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import SourceError
from agent_knowledge.ports import Embedder
from agent_knowledge.routing.need import Weights
from agent_knowledge.types import Passage
from tools.data.agents import TASKS, LabelledAgent, LabelledTask
from tools.data.documents import CACHE, MANIFEST, fetch_documents

CONFIG = "agent-knowledge.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedAgent:
    """A labelled agent whose knowledge is indexed.

    Attributes:
        agent: The agent.
        config: Its configuration, in a folder of its own.
        embedder: What it was indexed with.
    """

    agent: LabelledAgent
    config: KnowledgeConfig
    embedder: Embedder

    @property
    def profile(self) -> AgentProfile:
        """What the agent has at hand."""
        return self.config.agent()

    def router(self, weights: Weights | None = None) -> KnowledgeRouter:
        """Open its router, as the package has it or with other weights."""
        return load_router(self.config, embedding=self.embedder, weights=weights)

    def finds(self, task: LabelledTask, passages: Iterable[Passage]) -> bool:
        """Whether one of some passages is of a document that is relevant to a task.

        A passage's document is a row's id, or a path below its source's folder; the labels name
        documents by such ids, and by paths in the agent's folder.
        """
        return any(
            {passage.document, str(self._source_folder(passage.source) / passage.document)}
            & task.relevant
            for passage in passages
        )

    def _source_folder(self, source: str) -> PurePosixPath:
        """The folder, below the agent's, that a source's documents are named from."""
        path = self.config.sources[source].path or ""
        fixed = PurePosixPath(*takewhile(_is_plain, PurePosixPath(path).parts))
        return fixed.parent if (self.config.folder / fixed).is_file() else fixed


@contextmanager
def indexed(
    agent: LabelledAgent, embedder: Embedder, cache: Path = CACHE
) -> Generator[IndexedAgent]:
    """Lay an agent out in a temporary folder and index it.

    Args:
        agent: The agent; its own folder is only read.
        embedder: MiniLM, best one that embeds each text once however many agents are opened.
        cache: Where the documents of packages are kept.

    Raises:
        InputError: Its `documents.json` is faulty.
        RunError: Documents cannot be fetched, or a source of it cannot be read.
    """
    documents = fetch_documents(agent.folder, cache)
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for place, file in (_own_files(agent.folder) | documents).items():
            (home / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, home / place)  # without its mode: the data may be read-only
        config = KnowledgeConfig.from_yaml(home / CONFIG)
        summary = index_sources(config, embedding=embedder)
        if summary.errors:
            msg = f"agent {agent.name!r}: {'; '.join(summary.errors.values())}"
            raise SourceError(msg)
        yield IndexedAgent(agent=agent, config=config, embedder=embedder)


def _own_files(folder: Path) -> dict[str, Path]:
    """All files but the labels and the manifest, which a wide glob would index."""
    return {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*")
        if file.is_file() and file.name not in {TASKS, MANIFEST}
    }


def _is_plain(part: str) -> bool:
    return not glob.has_magic(part)
