"""The sources of an agent as a LangChain retriever: always retrieves, decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, SkipValidation

from agent_knowledge.models.callbacks import as_documents
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.types.filters import Filter, Scope


class KnowledgeRetriever(BaseRetriever):
    """Searches the indexed sources of an agent.

    Each document's metadata has the passage's `source`, `document`, `title`, `uri`, `start`,
    `end` (characters in the stored document), `score`, `date`, and under `fields` what a filter
    reads. `invoke(query, k=3)` asks for another number of passages, and `invoke(query,
    filter={"lang": "en"})` for those whose metadata says so. Each document's id is its passage's.

    For one tenant, give it that tenant's router: `router.scoped(Scope(tenant="acme"))`.
    """

    router: SkipValidation[KnowledgeRouter] = Field(exclude=True, repr=False)
    k: int | None = None
    """How many passages at most; None for the policy's `k`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: Mapping[str, object] | None = None,  # noqa: A002 - LangChain's name
    ) -> list[Document]:
        router = self.router.scoped(Scope(filter=Filter.of(filter))) if filter else self.router
        return as_documents(router.retrieve(query, k=k or self.k))
