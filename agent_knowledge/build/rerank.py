"""Makes a reranker of what a host hands over, or of what a policy's `rerank` names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from agent_knowledge.build import packaged_embedder
from agent_knowledge.build.imports import imported
from agent_knowledge.config import AgentProfile, KnowledgeConfig, expand
from agent_knowledge.errors import ConfigError, shown, without_password
from agent_knowledge.ports import Reranker
from agent_knowledge.retrieval.maxsim import MaxSim
from agent_knowledge.types import Passage

if TYPE_CHECKING:
    from langchain_core.cross_encoders import BaseCrossEncoder

ScoringFunction: TypeAlias = Callable[[str, Sequence[str]], Sequence[float]]
"""From a query and texts to a score per text, higher for better."""
RerankerLike: TypeAlias = "Reranker | BaseCrossEncoder | ScoringFunction"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReranker:
    """A function over texts as a `ports.Reranker`; a passage is read under its title.

    Attributes:
        name: What decisions call it.
        score: Scores texts for a query.
    """

    name: str
    score: ScoringFunction

    def scores(self, query: str, passages: Sequence[Passage]) -> Sequence[float]:
        """See `ports.Reranker`."""
        texts = [f"{one.title}\n{one.text}" if one.title else one.text for one in passages]
        return self.score(query, texts)


def load_reranker(
    config: KnowledgeConfig,
    profile: AgentProfile,
    given: RerankerLike | None,
    imports: Sequence[str],
) -> Reranker | None:
    """The reranker of an agent, if it has one.

    Args:
        config: The configuration.
        profile: The agent.
        given: What the host hands over, instead of what the policy names.
        imports: Packages that the configuration may import from.

    Raises:
        ConfigError: What the policy names cannot be imported, or is no reranker.
    """
    spec, key = profile.policy.rerank, f"agents.{profile.name}.policy.rerank"
    if given is not None:
        return as_reranker(given, "reranker")
    if spec is None:
        return None
    named = expand(spec, key)
    if named == MaxSim.name:
        return packaged_maxsim()
    if ":" not in named:
        msg = f"{key}: {shown(named)} is not accepted; write 'maxsim' or 'package.module:name'"
        raise ConfigError(msg)
    found = imported(named, key, allowed=imports, folder=config.folder)
    return as_reranker(_made(found, key), key, spec)


@cache
def packaged_maxsim() -> MaxSim:
    """MaxSim by the packaged MiniLM; one a process, since it keeps what it has read."""
    return MaxSim(packaged_embedder())


def as_reranker(given: object, key: str, name: str = "") -> Reranker:
    """Adapt a reranker.

    Args:
        given: One that satisfies `ports.Reranker`, a LangChain cross-encoder, or a function
            `(query, texts) -> scores`.
        key: Where it comes from, for messages.
        name: What decisions call it; default: its model's name, or its own.

    Raises:
        ConfigError: It is none of these.
    """
    if hasattr(given, "scores") and hasattr(given, "name"):
        return cast("Reranker", given)
    name = name or str(getattr(given, "model_name", "") or getattr(given, "__name__", ""))
    name = name or type(given).__name__
    if callable(pairs := getattr(given, "score", None)):

        def over_pairs(query: str, texts: Sequence[str]) -> Sequence[float]:
            return cast("Sequence[float]", pairs([(query, text) for text in texts]))

        return TextReranker(name=name, score=over_pairs)
    if callable(given):
        return TextReranker(name=name, score=cast("ScoringFunction", given))
    msg = (
        f"{key}: {shown(given)} is no reranker; give a LangChain cross-encoder (it has 'score'), "
        "a function (query, texts) -> scores, or an object with 'name' and 'scores'"
    )
    raise ConfigError(msg)


def _made(found: object, key: str) -> object:
    """What was named, or what it makes where it is a class or a function that takes nothing."""
    if not (inspect.isclass(found) or (inspect.isroutine(found) and _takes_nothing(found))):
        return found
    try:
        return cast("Callable[[], Any]", found)()
    except Exception as error:  # a host's own code may raise anything
        why = f"{type(error).__name__}: {without_password(str(error))}"
        msg = f"{key}: making the reranker failed ({why})"
        raise ConfigError(msg) from error


def _takes_nothing(function: Callable[..., object]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return all(one.default is not inspect.Parameter.empty for one in parameters)
