"""The sources of an agent as a LangChain retriever: always retrieves, decides nothing."""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, SkipValidation

from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.types import to_dict


class KnowledgeRetriever(BaseRetriever):
    """Searches the indexed sources of an agent.

    Each document's metadata has the passage's `source`, `document`, `title`, `uri`, `start`,
    `end` (characters in the stored document), `score` and `date`. `invoke(query, k=3)` asks for
    another number of passages. Each document's id is its passage's.
    """

    router: SkipValidation[KnowledgeRouter] = Field(exclude=True, repr=False)
    k: int | None = None
    """How many passages at most; None for the policy's `k`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        passages = self.router.retrieve(query, k=k or self.k)
        rows = [(passage.id, to_dict(passage)) for passage in passages]
        return [Document(id=id_, page_content=row.pop("text"), metadata=row) for id_, row in rows]
