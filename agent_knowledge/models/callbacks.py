"""Retriever runs: a search of ours as LangChain's callbacks, and LangSmith through them, show it.

LangChain tells callbacks of what is a retriever of its own. Our indexes are none, so their searches
would be missing from a trace between the agent and its model.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.runnables.config import (
    get_callback_manager_for_config,
    patch_config,
    var_child_runnable_config,
)

from agent_knowledge.errors import SourceError
from agent_knowledge.types import Passage, to_dict
from agent_knowledge.types.stages import Stage


class CallbackRuns:
    """Tells LangChain's callbacks of each search, under the run that it is made in.

    An `Observer`: `with observed_by(CallbackRuns()): router.prepare(task)`. The faces for LangChain
    and the `Answerer` do that by themselves.
    """

    def __init__(self, config: RunnableConfig | None = None) -> None:
        """Say whose callbacks.

        Args:
            config: What the caller was handed; its callbacks, tags and metadata go on. None for
                those of the run that this happens in: none where it happens in no run.
        """
        self._config = config

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        """One retriever run around a search; nothing around deciding and verifying."""
        if stage.kind == "retrieve":
            with self._searching(stage):
                yield
        elif stage.kind == "answer" and self._config:
            with _within(ensure_config(self._config)):
                yield
        else:
            yield

    @contextmanager
    def _searching(self, stage: Stage) -> Generator[None]:
        config, name = ensure_config(self._config), ", ".join(stage.sources)
        about = {"agent": stage.agent, "ls_retriever_name": name}
        config["metadata"] = {**(config.get("metadata") or {}), **about}
        manager = get_callback_manager_for_config(config)
        run = manager.on_retriever_start({"name": name}, stage.query, name=name)
        with _within(patch_config(config, callbacks=run.get_child())):
            yield
        if stage.error:
            run.on_retriever_error(SourceError(stage.error))
        else:
            run.on_retriever_end(as_documents(stage.passages) if manager.handlers else [])


@contextmanager
def _within(config: RunnableConfig) -> Generator[None]:
    """Have a host's own retrievers and rerankers take their callbacks from a config."""
    token = var_child_runnable_config.set(config)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def as_documents(passages: Iterable[Passage]) -> list[Document]:
    """Passages as LangChain has them: the text, and all else as metadata; the id is the passage's.

    The metadata has `source`, `document`, `title`, `uri`, `start`, `end` (characters in the stored
    document), `score`, `date`, and under `fields` what a filter reads.
    """
    rows = [(passage.id, to_dict(passage)) for passage in passages]
    return [Document(id=id_, page_content=row.pop("text"), metadata=row) for id_, row in rows]
