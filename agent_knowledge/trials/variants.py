"""What is asked beside the rungs as they are: each case again, and other system prompts.

The guide's first rule is that better prompting comes before anything else, so other wordings of the
system prompt are measured on the cases of the ladder, beside the configured one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import InputError
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.trials.asking import Arm, ArmReply
from agent_knowledge.types import RUNGS


def prompt_arms(
    files: Sequence[Path],
    config: KnowledgeConfig,
    arms: Sequence[Arm],
    opened: Callable[[KnowledgeConfig], KnowledgeRouter],
) -> Iterator[Arm]:
    """The rung `prompt` with each of several system prompts, under their files' names.

    Args:
        files: The prompts; placeholders in them are filled as in the configured one.
        config: The configuration.
        arms: The rungs.
        opened: Builds the agent's router from a configuration.

    Raises:
        InputError: The rung is not measured, so that there is nothing to compare with.
        ConfigError: A file cannot be read, or its placeholders are faulty.
    """
    base = next((arm for arm in arms if arm.rung == "prompt"), None)
    for file in dict.fromkeys(files):
        if base is None:
            msg = "--prompt is compared with the rung prompt; leave that among the --rungs"
            raise InputError(msg)
        name = base.router.agent.name
        worded = config.agents[name].model_copy(update={"system_prompt": str(file.resolve())})
        changed = config.model_copy(update={"agents": {**config.agents, name: worded}})
        # A file that is called as a rung is would be taken for it.
        called = f"./{file}" if str(file).partition(" #")[0] in RUNGS else str(file)
        yield replace(base, name=called, router=opened(changed.at(config.folder)))


def repeated(arms: Sequence[Arm], times: int) -> list[Arm]:
    """Each arm as often as its cases are asked; the first time is as if it were the only one."""
    return [
        arm
        if number == 1
        else replace(
            arm, name=_again(arm.name, number), identity={**arm.identity, "repeat": number}
        )
        for arm in arms
        for number in range(1, times + 1)
    ]


def joined(
    replies: Mapping[str, Sequence[ArmReply]], arms: Sequence[Arm], times: int
) -> dict[str, list[ArmReply]]:
    """Per arm one reply a case, which holds those of its repeats.

    A case of which one repeat failed is one that failed: nothing is told from the others.
    """
    found: dict[str, list[ArmReply]] = {}
    for arm in arms:
        names = [arm.name, *(_again(arm.name, number) for number in range(2, times + 1))]
        found[arm.name] = [
            next((one for one in row if one.entry is None), replace(row[0], again=row[1:]))
            for row in zip(*(replies[name] for name in names), strict=True)
        ]
    return found


def _again(name: str, number: int) -> str:
    return f"{name} #{number}"
