"""The router as a tool: an agent's model asks, and gets back what the task needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from langchain.tools import ToolRuntime
from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.tools import BaseTool, InjectedToolArg, ToolException
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SkipValidation, create_model
from pydantic.json_schema import WithJsonSchema

from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import (
    AgentKnowledgeError,
    InputError,
    SourceError,
    TenantMissingError,
    nearest,
    shown,
)
from agent_knowledge.langchain.convert import passage_block
from agent_knowledge.langchain.numbering import next_number, numbered, to_json
from agent_knowledge.langchain.state import SHOWN, fields_of
from agent_knowledge.langchain.tenants import TenantReader, router_of_run
from agent_knowledge.models.callbacks import CallbackRuns
from agent_knowledge.observing import observed_by
from agent_knowledge.prompts import (
    knowledge_rules,
    look_up_rules,
    render_knowledge,
    render_look_up,
)
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.types import Knowledge, RuleName, to_dict
from agent_knowledge.types.filters import Filter, Scope

_LOGGER = logging.getLogger(__name__)
_UNAVAILABLE = (
    "The sources cannot be searched at present. Go on without them, and say that nothing could be "
    "looked up."
)

_Runtime = Annotated[
    ToolRuntime[Any, Any] | None,
    InjectedToolArg(),
    SkipValidation,
    # LangChain dumps the input, which would copy the whole state, and the fields' JSON schema.
    PlainSerializer(lambda _: None),
    WithJsonSchema({"type": "null"}),
]


_CONDITIONS = (
    "Look only at passages whose metadata says this: per field a value, a list of values one of "
    'which it has, or a range such as {"gte": 2020, "lt": 2024} of numbers or ISO dates'
)
_CONDITION = {
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
        {
            "type": "object",
            "properties": {
                **{end: {"type": ["number", "string"]} for end in ("gte", "gt", "lte", "lt")},
                "exists": {"type": "boolean"},
            },
        },
    ]
}


class KnowledgeInput(BaseModel):
    """What the tool takes."""

    query: str = Field(description="The question or task, complete enough to be understood alone")
    runtime: _Runtime = None
    """Given by LangGraph inside an agent; a direct call leaves it out, a model never sees it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)


class KnowledgeTool(BaseTool):
    """Looks up what an agent's model asks for: passages to cite, or worked examples.

    A model that calls it has decided to look, so every call brings what the router's `retrieve`
    does, and says so where the sources do not seem to hold it; an agent without sources gets the
    nearest examples. `mode="route"` leaves it to the router whether anything is handed over.

    The content goes to the model. The artifact (`decision`, `rules`, `passages`, `examples`,
    `citations`, plain JSON, so that it survives any checkpointer) stays with the application, and
    with the packaged model. With `filters`, the model may narrow a call to passages whose metadata
    says so; it can never widen what the configuration and the host allow, and never names a tenant,
    which comes from the runtime context as it does for `KnowledgeMiddleware`. Inside an agent
    the passages of a further call are numbered on from those that the conversation has shown, so
    that a number means one passage; `cite_sources` annotates the final message from there.

    Example:
        agent = create_agent(model, [KnowledgeTool(load_router("agent-knowledge.yaml"))])
    """

    name: str = "knowledge"
    description: str = ""
    args_schema: type[BaseModel] = KnowledgeInput  # pyright: ignore[reportIncompatibleVariableOverride]
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    mode: Literal["look_up", "route"] = "look_up"
    """`look_up`: every call is a look-up. `route`: the router decides what a call brings."""
    router: SkipValidation[KnowledgeRouter] = Field(exclude=True, repr=False)
    filters: tuple[str, ...] = ()
    """Fields of metadata that the calling model may narrow a call by."""
    tenant: SkipValidation[TenantReader | None] = Field(default=None, exclude=True, repr=False)
    """Reads the tenant off the runtime context; None: as `agents.NAME.tenant` says."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def __init__(self, router: KnowledgeRouter, **kwargs: Any) -> None:
        """Make the tool.

        Args:
            router: The agent's router.
            kwargs: `mode`, `filters`, `tenant`, and fields of LangChain's `BaseTool`, such as
                another `name` or `description`.
        """
        kwargs.setdefault("description", _describe(router, kwargs.get("mode")))
        if filters := kwargs.get("filters"):
            kwargs.setdefault("args_schema", _input_with(filters))
        super().__init__(router=router, **kwargs)  # pyright: ignore[reportCallIssue]

    def _run(
        self,
        query: str,
        runtime: object = None,
        filter: object = None,  # noqa: A002 - the word that a model knows
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> tuple[str, dict[str, Any]]:
        router, routes = self._of(runtime), self.mode == "route"
        render, rules = (
            (render_knowledge, knowledge_rules) if routes else (render_look_up, look_up_rules)
        )
        try:
            router = router.scoped(Scope(filter=self._narrowed(filter)))
            with observed_by(CallbackRuns()):
                found = router.prepare(query) if routes else router.look_up(query)
            first = _first_number(runtime)
            return render(found, first), _artifact(found, first, rules(found))
        except TenantMissingError as error:
            raise self._unavailable(error) from error
        except InputError as error:  # the model that called can mend its query
            raise ToolException(str(error)) from error
        except SourceError as error:
            raise self._unavailable(error) from error

    async def _arun(
        self,
        query: str,
        runtime: object = None,
        filter: object = None,  # noqa: A002 - as in `_run`
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> tuple[str, dict[str, Any]]:
        return await asyncio.to_thread(self._run, query, runtime, filter)

    def _of(self, runtime: object) -> KnowledgeRouter:
        """The router as the run may use it that calls; outside an agent, as the host scoped it."""
        given = cast("ToolRuntime[Any, object]", runtime)
        context = given.context if isinstance(runtime, ToolRuntime) else None
        try:
            return router_of_run(self.router, context, self.tenant)
        except InputError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: AgentKnowledgeError) -> ToolException:
        """The model can go on without. What is wrong, and where that is, is not for it."""
        _LOGGER.warning("the tool %r could not search: %s", self.name, error)
        return ToolException(_UNAVAILABLE)

    def _narrowed(self, given: object) -> Filter:
        """What a model asks of passages, by the fields that it may use.

        Raises:
            InputError: It is no filter, or uses another field.
        """
        written = cast("Mapping[str, object]", given or {})
        made = Filter.of(written)
        for name in written:
            if name not in self.filters:
                msg = f"the filter's field {shown(name)} is not offered; "
                raise InputError(msg + nearest(name, self.filters))
        return made


def _input_with(filters: Sequence[str]) -> type[BaseModel]:
    """What the tool takes where a model may narrow a call by fields."""
    properties = dict.fromkeys(filters, _CONDITION)
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    narrowed = Annotated[dict[str, Any] | None, WithJsonSchema(schema)]
    return create_model(
        "NarrowedKnowledgeInput",
        __base__=KnowledgeInput,
        filter=(narrowed, Field(default=None, description=_CONDITIONS)),
    )


def _first_number(runtime: object) -> int:
    """The number of a call's first passage; 1 outside an agent."""
    if not isinstance(runtime, ToolRuntime):  # nothing, or what a model made up
        return 1
    given = cast("ToolRuntime[Any, object]", runtime)
    state = fields_of(given.state)
    tools = (tool for tool in given.tools if isinstance(tool, KnowledgeTool))
    return next_number(
        state.get("messages") or (),
        given.tool_call_id,
        {tool.name: tool.router.agent.policy.k for tool in tools},
        state.get(SHOWN) or 0,
    )


def _artifact(knowledge: Knowledge, first: int, rules: Sequence[RuleName]) -> dict[str, Any]:
    shown = numbered(knowledge.passages, first)
    return {
        "decision": to_dict(knowledge.decision),
        "rules": [*rules],
        "passages": [{"number": int(n), **row} for n, row in to_json(shown).items()],
        "examples": [to_dict(example) for example in knowledge.examples],
        "citations": [passage_block(int(n), passage) for n, passage in shown.items()],
    }


def _describe(router: KnowledgeRouter, mode: str | None) -> str:
    """Tell a model what it can find here, in the words of the configuration."""
    agent = router.agent
    purpose = "Look up what a task needs: facts with their sources, or worked examples to follow."
    if mode != "route":
        purpose = " ".join(_what_a_call_brings(agent))
    lines = [purpose]
    lines += [_line("Facts", name, spec.description) for name, spec in agent.sources.items()]
    lines += [_line("Examples", name, spec.description) for name, spec in agent.examples.items()]
    return "\n".join(lines)


def _what_a_call_brings(agent: AgentProfile) -> Iterator[str]:
    yield "Look something up; ask in one complete question."
    if agent.sources:
        yield (
            "Every call brings the passages nearest to it, numbered for citing, and says so when "
            "the sources do not seem to hold the answer."
        )
    if agent.sources and agent.examples:
        yield "Worked examples come along where the query is one more of them."
    elif agent.examples:
        yield "Every call brings the worked examples nearest to it."


def _line(kind: str, name: str, description: str) -> str:
    return f"{kind} in {name}: {description}" if description else f"{kind} in {name}"
