"""Our router beside its peers on agents with labelled tasks: what should the model be given.

    python -m tools.bench.agents --data ../shared/data --peers
    python -m tools.bench.agents --folder tools/train/agents --agents click vetclinic
    python -m tools.bench.agents --folder AGENTS_OF_YOURS --packaged

Of the shared agents, those of the test part are routed, or of `--part`; of another folder, all.
What ships was fitted to these agents. So each is routed by a text model and fits that were made
without it, which `tools.train.text --left-out` and `tools.train.decision` leave on the machine.
Agents of one's own are routed by what ships: `--packaged`.

A strategy is right if it is the task's label or among those that a careful person would accept as
well. covered: the documents answer it. gap: a user would expect a look-up, and the documents do not
say. follow-up: to be read with the turns before it. chat: thanks, or work on the answer just given.
general: any assistant gets it. bare: an input of an example set as it arrives. asked: the same with
an instruction. near miss: looks like an input of a set, or like a question, and is none.

found: share of covered tasks with a relevant document among five passages, whatever is decided.
tool: share of covered tasks for which `KnowledgeTool`, called as a model calls it, brings passages.

The peers are told the same of each agent: descriptions, headings, examples' inputs, and 200 general
requests of the need set. How many those are, and how many neighbours vote, was chosen in the peers'
favour; see `agents_peers`. The majority alone knows the labels.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from langchain_core.messages import ToolMessage
from threadpoolctl import threadpool_limits

from agent_knowledge import AgentKnowledgeError, KnowledgeRouter
from agent_knowledge.errors import ConfigError, nearest
from agent_knowledge.langchain import KnowledgeTool
from agent_knowledge.routing.need import Weights
from tools.bench.agents_peers import Peer, general_requests, lessons, majority, peers
from tools.bench.agents_table import Judged, print_head, print_row
from tools.bench.peers import semantic_router_client
from tools.data.agent_folders import IndexedAgent, indexed
from tools.data.agents import LabelledAgent, read_agents
from tools.data.embedding import RememberingMiniLM
from tools.data.split import Part, add_option, agents_of
from tools.train.decision_data import VECTORS, left_out_weights, packaged_agents
from tools.train.folds import FOLDS

WeightsFor = Callable[[str], tuple[RememberingMiniLM, Weights | None]]
"""Given an agent's name: what reads it, and what was fitted; None for the packaged weights."""

PASSAGES = 5
"""What an agent hands over by default."""
LEFT_OUT = "left out: text model and fits have not seen the agent"
FITTED = "PACKAGED WEIGHTS, FITTED TO THESE AGENTS: no result"
UNSEEN = "packaged weights, which have not seen the agents"
_HOW = (
    *(
        f"python -m tools.train.text --data DATA --minilm model.safetensors --left-out {fold}"
        for fold in range(FOLDS)
    ),
    "python -m tools.train.decision --data DATA",
)
"""The commands that leave weights which have not seen an agent on this machine."""
_ALL = "ours, all agents"


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, help="the agents' folder (DATA/agents)")
    parser.add_argument("--agents", nargs="+", metavar="NAME", help="only these")
    parser.add_argument(
        "--packaged", action="store_true", help="route by what ships: for agents of your own"
    )
    parser.add_argument("--peers", action="store_true", help="install semantic-router for itself")
    add_option(parser)
    args = parser.parse_args()
    folder = args.folder or args.data / "agents"
    part: Part = "all" if args.folder or args.agents else args.part
    agents = {agent.name: agent for agent in agents_of(read_agents(folder), part)}
    if not agents:
        what = f"no agents (part: {part}) in {str(folder)!r}"
        print(f"{what}: pass --data FOLDER or --folder FOLDER")
        return
    for name in args.agents or ():
        if name not in agents:
            parser.error(f"--agents: {name!r} is not in {str(folder)!r}; {nearest(name, agents)}")
    general = general_requests(args.data)
    if not general:
        print(f"no need set in {str(args.data)!r}, so no peers: pass --data FOLDER")
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        worker = semantic_router_client.started(stack, install=args.peers) if general else None
        others = peers(RememberingMiniLM(), worker) if general else {}
        chosen = [agents[name] for name in args.agents or agents]
        title, weights_for = choose_weights(chosen, packaged=args.packaged)
        print_head(f"{title}; part: {part}")
        print_rows(chosen, weights_for, others, general)
        print(f"\n{worker.how if worker else 'without semantic-router'}")
    print(f"{time.perf_counter() - started:.0f} s in all")


def choose_weights(agents: Sequence[LabelledAgent], *, packaged: bool) -> tuple[str, WeightsFor]:
    """What routes the agents: weights that have not seen them, or the packaged ones.

    Where an agent lacks such weights on this machine, the standard error says how they are made,
    and the packaged ones route all of them.

    Args:
        agents: The agents.
        packaged: Whether to take the packaged weights in any case.

    Returns:
        What the router is fitted to, in words, and its weights per agent.

    Raises:
        ConfigError: The packaged weights are to be taken, and are missing.
    """
    names = [agent.name for agent in agents]
    if not packaged:
        lacking = [name for name in names if not _is_left_out(name)]
        if not lacking:
            return LEFT_OUT, left_out()
        print(f"no weights here that have not seen {', '.join(lacking)}:", file=sys.stderr)
        print("to make them, run", *_HOW, sep="\n  ", file=sys.stderr)
        print("agents of your own are for --packaged", file=sys.stderr)
    encoder = RememberingMiniLM()
    title = UNSEEN if packaged_agents().isdisjoint(names) else FITTED
    return title, lambda _: (encoder, None)


def left_out() -> WeightsFor:
    """Weights that have not seen an agent: the text model's of its fold, and fits of its own."""
    encoder = cache(lambda layers: RememberingMiniLM(layers, layers.parent / VECTORS))

    def of(agent: str) -> tuple[RememberingMiniLM, Weights]:
        layers, weights = left_out_weights(agent)
        return encoder(layers), weights

    return of


def print_rows(
    agents: Sequence[LabelledAgent],
    weights_for: WeightsFor,
    others: Mapping[str, Peer],
    general: Sequence[str],
) -> None:
    """Measure our router agent by agent, and print it and its peers on all of them together.

    An agent that cannot be laid out is left out, with the reason on the standard error.

    Args:
        agents: The agents.
        weights_for: What routes each of them.
        others: The peers, by name.
        general: General requests that the peers are told, for every agent the same.
    """
    judged: dict[str, list[Judged]] = {}
    for agent in agents:
        try:
            encoder, weights = weights_for(agent.name)
            with indexed(agent, encoder) as here:
                ours = measure(here, here.router(weights))
                told = lessons(here, general)
        except AgentKnowledgeError as error:
            print(f"{agent.name}: {error}", file=sys.stderr)
            continue
        print_row(agent.name, ours)
        judged.setdefault(_ALL, []).append(ours)
        for name, judge in others.items():
            judged.setdefault(name, []).append(judge(told, agent.tasks))
    for name, parts in judged.items():
        print_row(name, Judged.together(parts))
    tasks = [task for part in judged.get(_ALL, ()) for task in part.tasks]
    if tasks:
        print_row("majority", majority(tasks))


def measure(here: IndexedAgent, router: KnowledgeRouter) -> Judged:
    """Have a router decide all tasks of an agent, and look up the covered ones."""
    tasks = here.agent.tasks
    covered = [task for task in tasks if task.kind == "covered"]
    decisions = router.route_many([task.task for task in tasks])
    tool = KnowledgeTool(router)
    return Judged(
        tasks=tasks,
        named=tuple(decision.strategy for decision in decisions),
        confidence=tuple(decision.confidence for decision in decisions),
        found=tuple(here.finds(task, router.retrieve(task.task, PASSAGES)) for task in covered),
        handed=tuple(_hands_over(tool, task.task.text) for task in covered),
    )


def _is_left_out(agent: str) -> bool:
    try:
        layers, _ = left_out_weights(agent)
    except ConfigError:
        return False
    return layers.is_file()


def _hands_over(tool: KnowledgeTool, text: str) -> bool:
    """Whether a model that calls the tool is given passages."""
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"query": text}}
    message: ToolMessage = tool.invoke(call)
    return bool(message.artifact and message.artifact["passages"])


if __name__ == "__main__":
    main()
