"""A chatbot in the terminal: offline at once, any chat model by one option.

    python examples/chatbot.py                                  # the packaged sample shop
    python examples/chatbot.py --config agent-knowledge.yaml --model openai:NAME

Type `/agent NAME` to talk to another agent, `/quit` or an empty line to leave.
"""

from __future__ import annotations

import argparse

from agent_knowledge import (
    Answerer,
    CitedTurn,
    KnowledgeConfig,
    Message,
    Task,
    index_sources,
    load_answerer,
    open_sample,
)


def main() -> None:
    """Talk until the user leaves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", help="a configuration; default: the sample shop")
    parser.add_argument("--model", help="any init_chat_model string; default: the configuration's")
    options = parser.parse_args()
    with open_sample() as sample:
        config = KnowledgeConfig.from_yaml(options.config) if options.config else sample
        index_sources(config)
        agents = {name: load_answerer(config, name, model=options.model) for name in config.agents}
        print(f"Agents: {', '.join(agents)}. Ask away; /agent NAME changes, /quit leaves.")
        talk(agents)


def talk(agents: dict[str, Answerer]) -> None:
    """Read a line, answer it, remember both."""
    name, history, cited = next(iter(agents)), list[Message](), list[CitedTurn]()
    while (line := input(f"\n{name}> ").strip()) not in {"", "/quit"}:
        if line.startswith("/agent"):
            if (wanted := line.removeprefix("/agent").strip()) in agents:
                name, history, cited = wanted, [], []
            continue
        answer = agents[name].answer(Task(line, history=tuple(history), cited=tuple(cited)))
        history += [Message("user", line), Message("assistant", answer.text)]
        cited += [answer.cited_turn]  # so that "what does [2] say?" can be answered
        print(f"({answer.decision.strategy}: {answer.decision.reasons[0].text})\n{answer.text}")
        for number, passage in sorted({c.number: c.passage for c in answer.citations}.items()):
            print(f"  [{number}] {passage.title} ({passage.uri})")


if __name__ == "__main__":
    try:
        main()
    except (EOFError, KeyboardInterrupt):
        print()
