"""An agent that never loses a source: streamed, kept by a checkpointer, named a turn later.

python examples/cited_agent.py          # offline, on the packaged sample shop
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType]
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from agent_knowledge import index_sources, load_model, load_router, open_sample
from agent_knowledge.langchain import SOURCES_EVENT, KnowledgeMiddleware

TURNS = (
    "How long do I have to return something?",
    "Does [1] also hold for orders delivered in November?",
)


def main() -> None:
    """Ask two questions, the second about a source of the first answer."""
    with open_sample() as config:
        index_sources(config)
        agent = create_agent(
            load_model(config).model,  # or any LangChain chat model
            middleware=[KnowledgeMiddleware(load_router(config, "support"))],
            checkpointer=InMemorySaver(),
        )
        for text in TURNS:
            print(f"> {text}")
            show(agent, text)


def show(agent: Any, text: str) -> None:
    """Print the pieces of an answer as they come, then what it rests on."""
    thread = {"configurable": {"thread_id": "1"}}
    asked = {"messages": [HumanMessage(text)]}
    for mode, event in agent.stream(asked, thread, stream_mode=["messages", "custom"]):
        if mode == "messages":
            print(event[0].text, end="", flush=True)
        elif event["type"] == SOURCES_EVENT:
            print(f"\n\n{event['text']}")  # verified: to be shown in place of the pieces
            for citation in event["citations"]:
                extras = citation["extras"]
                print(f"  [{extras['number']}] {extras['verdict']}: {citation['title']}")


if __name__ == "__main__":
    main()
