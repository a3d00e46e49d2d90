"""The last message of a run with its citations, from what the run's own messages hold."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage

from agent_knowledge.build import load_verifier
from agent_knowledge.citations.finish import Unsupported
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.langchain.convert import annotate, is_cited
from agent_knowledge.langchain.numbering import shown_by_tools


def cite_sources(
    messages: Sequence[BaseMessage],
    unsupported: Unsupported = "annotate",
    verifier: CitationVerifier | None = None,
) -> list[BaseMessage]:
    """Verify and annotate the final message of an agent that has a `KnowledgeTool`.

    Markers that name none of the passages in the tool messages' artifacts are removed. An agent
    with `KnowledgeMiddleware` has this done already, for the tool's passages too.

    Args:
        messages: Of the whole conversation, as `agent.invoke` gives them.
        unsupported: The policy for claims that no cited passage supports.
        verifier: Verifies the citations; default: the packaged one. One to keep is faster, since
            it remembers what it read.

    Returns:
        The same messages, the last one annotated; as they are where no passage was handed over,
        the last is no answer, or it has our citations already.

    Before the messages go to a model again, take the citations off: see `without_citations`.

    Example:
        messages = cite_sources(agent.invoke({"messages": [question]})["messages"])
        messages[-1].content_blocks[-1]["annotations"]
    """
    last = messages[-1] if messages else None
    passages = shown_by_tools(messages)
    if not isinstance(last, AIMessage) or last.tool_calls or not passages or is_cited(last):
        return list(messages)
    verifier = verifier or load_verifier()
    finished = verifier.finish(last.text, passages, unsupported)
    return [*messages[:-1], annotate(last, finished.text, finished.citations)]
