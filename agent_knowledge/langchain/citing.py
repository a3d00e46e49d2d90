"""Citations of what a run of an agent ends with: a last message, or structured output.

A field of structured output is verified as a text of its own, so offsets count in it. What
verification changes is put back only where the schema still accepts it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel, RootModel, TypeAdapter

from agent_knowledge.build import load_verifier
from agent_knowledge.citations.finish import Finished, Unsupported
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.config.json_schema import check_answer
from agent_knowledge.langchain.convert import annotate, is_cited
from agent_knowledge.langchain.numbering import shown_by_tools
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Citation


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
        ```python
        messages = cite_sources(agent.invoke({"messages": [question]})["messages"])
        messages[-1].content_blocks[-1]["annotations"]
        ```
    """
    last = messages[-1] if messages else None
    passages = shown_by_tools(messages)
    if not isinstance(last, AIMessage) or last.tool_calls or not passages or is_cited(last):
        return list(messages)
    verifier = verifier or load_verifier()
    finished = verifier.finish(last.text, passages, unsupported)
    return [*messages[:-1], annotate(last, finished.text, finished.citations)]


T = TypeVar("T")
_MOST_NESTED = 64
"""Objects and lists within each other that are looked into: a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedFields(Generic[T]):
    """A structured value as it may be shown.

    Attributes:
        value: Of the same type as given.
        citations: By the path of the field, such as `steps.0.why`; offsets count in the field.
        fabricated: By the same paths, ids that no passage has; removed from `value`.
        kept: Paths of fields that had to be changed and are as the model wrote them, because the
            schema refuses them otherwise; they have no citations.
    """

    value: T
    citations: Mapping[str, tuple[Citation, ...]]
    fabricated: Mapping[str, tuple[str, ...]]
    kept: tuple[str, ...]


def cite_fields(
    value: T,
    passages: Sequence[Passage] | Mapping[str, Passage],
    unsupported: Unsupported = "annotate",
    verifier: CitationVerifier | None = None,
    schema: object = None,
) -> CitedFields[T]:
    """Verify the strings of a structured value.

    Pydantic models, dataclasses, dicts, lists and tuples are looked through. Numbers are not
    citations, whatever they are meant for: a field `sources: list[int]` is not checked.

    Args:
        value: What `with_structured_output` or `response_format` gave.
        passages: What the model was given: by its number, or in order from 1.
        unsupported: See `citations.finish`; `refuse` counts as `annotate`, since there is no
            answer to withhold that would still satisfy a schema, and `repair` searches no further.
        verifier: Verifies the citations; default: the packaged one.
        schema: A type or a JSON schema that the whole must satisfy, where the value does not know
            it: a dict does not, a pydantic model does.
    """
    policy = "annotate" if unsupported == "refuse" else unsupported
    judge = verifier or load_verifier()
    found = _Walk(lambda text: judge.finish(text, passages, policy)).over(value)
    if found.changed and schema is not None and not _satisfies(found.value, schema):
        found = _refused(value, found)
    return CitedFields(
        value=cast("T", found.value),
        citations={path: row for path, row in found.citations.items() if row},
        fabricated={path: row for path, row in found.fabricated.items() if row},
        kept=found.kept,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A value, or a part of one, after verification; `changed`: the paths that now differ."""

    value: object
    citations: Mapping[str, tuple[Citation, ...]] = dataclasses.field(
        default_factory=dict[str, tuple[Citation, ...]]
    )
    fabricated: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=dict[str, tuple[str, ...]]
    )
    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class _Walk:
    """Goes through a value and verifies its strings."""

    def __init__(self, judge: Callable[[str], Finished]) -> None:
        self._judge = judge

    def over(self, value: object, path: str = "", depth: int = 0) -> _Part:
        """Verify a value at a path."""
        if type(value) is str:  # not an enumeration's member
            finished = self._judge(value)
            return _Part(
                value=finished.text,
                citations={path: finished.citations},
                fabricated={path: finished.fabricated},
                changed=(path,) if finished.text != value else (),
            )
        whole = _Part(value=value)
        for key, child in _children(value) if depth < _MOST_NESTED else ():
            part = self.over(child, f"{path}.{key}" if path else str(key), depth + 1)
            whole = _joined(whole, key, child, part)
        return whole


def _joined(whole: _Part, key: Any, child: object, part: _Part) -> _Part:
    """Put a verified part back, or leave it as it was where the whole would not be valid."""
    value = whole.value
    if part.changed:
        try:
            value = _with(value, key, part.value)
        except Exception:  # noqa: BLE001 - a validator of the user's may raise anything
            part = _refused(child, part)
    return _Part(
        value=value,
        citations={**whole.citations, **part.citations},
        fabricated={**whole.fabricated, **part.fabricated},
        kept=(*whole.kept, *part.kept),
        changed=(*whole.changed, *part.changed),
    )


def _refused(original: object, part: _Part) -> _Part:
    """A part left as it was: what was to be changed has no citations."""
    return _Part(
        value=original,
        citations={p: c for p, c in part.citations.items() if p not in part.changed},
        fabricated={p: ids for p, ids in part.fabricated.items() if p not in part.changed},
        kept=(*part.kept, *part.changed),
    )


def _children(value: object) -> Iterator[tuple[Any, object]]:
    if isinstance(value, BaseModel):
        yield from value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    elif isinstance(value, dict):
        yield from cast("dict[Any, object]", value).items()
    elif isinstance(value, list | tuple):
        yield from enumerate(cast("Sequence[object]", value))


def _with(whole: object, key: Any, child: object) -> object:
    """The same whole with one child replaced, validated where it can be.

    Raises:
        ValidationError: The model does not accept the child; a validator may raise others.
    """
    if isinstance(whole, RootModel):
        return type(cast("RootModel[Any]", whole)).model_validate(child)
    if isinstance(whole, BaseModel):
        given = {name: getattr(whole, name) for name in whole.model_fields_set}
        return type(whole).model_validate({**given, key: child}, by_alias=False, by_name=True)
    if dataclasses.is_dataclass(whole) and not isinstance(whole, type):
        return dataclasses.replace(whole, **{key: child})
    if isinstance(whole, dict):
        return {**cast("dict[Any, object]", whole), key: child}
    items = [*cast("Sequence[object]", whole)]
    items[key] = child
    return tuple(items) if isinstance(whole, tuple) else items


def _satisfies(value: object, schema: Any) -> bool:
    try:
        if isinstance(schema, dict):
            return not check_answer(json.dumps(value), json.dumps(schema)).faults
        TypeAdapter[Any](schema).validate_python(value)
    except Exception:  # noqa: BLE001 - a schema may be anything, and so may its validators
        return False
    return True
