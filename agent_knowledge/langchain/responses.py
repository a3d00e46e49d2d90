"""A model's response with its citations verified: prose, or a structured value's fields."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from langchain.agents.middleware import ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from pydantic_core import to_jsonable_python

from agent_knowledge.citations.finish import Finished
from agent_knowledge.citations.flags import strings_of
from agent_knowledge.langchain.citing import CitedFields, cite_fields
from agent_knowledge.langchain.convert import annotate, citation_block, last_user_turn
from agent_knowledge.langchain.state import citations_of
from agent_knowledge.turn import Draft, Verifying, answer_of
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Answer, Citation

SOURCES_EVENT = "agent_knowledge.sources"
"""Type of the custom stream event that ends a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A response as it may be shown.

    Attributes:
        response: With the answering message annotated, or the structured value cleaned.
        answer: The same as a value of ours; the citations of a structured one count in their field.
        citations: LangChain `Citation` blocks as plain JSON; those of a structured value name
            their `field` in the extras, and their offsets count in it.
        passages: The passages cited, by number.
        metadata: What else was found, as JSON: `fabricated` (ids that no passage has; removed),
            `uncited` (the spans of sentences without a marker, where all need one), `ungrounded`
            (the spans of those that no passage supports), `flags` (see `Answer.flags`), `opinions`
            (of a second judge, by the span of the claim) and `faults` (fields that hold markers
            which could not be removed). What was not found is left out.
    """

    response: ModelResponse[Any]
    answer: Answer
    citations: tuple[dict[str, Any], ...] = ()
    passages: Mapping[str, Passage] = field(default_factory=dict[str, Passage])
    metadata: Mapping[str, list[Any]] = field(default_factory=dict[str, list[Any]])


def answering(response: ModelResponse[Any]) -> int | None:
    """The place of the message that ends a turn, if one does."""
    result = response.result
    if response.structured_response is not None:
        places = [i for i, message in enumerate(result) if isinstance(message, AIMessage)]
        return places[-1] if places else None
    last = result[-1] if result else None
    return len(result) - 1 if isinstance(last, AIMessage) and not last.tool_calls else None


def with_text(response: ModelResponse[Any], text: str) -> ModelResponse[Any]:
    """The same response with another text in the message that ends the turn."""
    place = answering(response)
    if place is None or response.result[place].text == text:
        return response
    message = cast("AIMessage", response.result[place])
    return _with_message(response, place, annotate(message, text, ()))


def with_metadata(
    response: ModelResponse[Any], place: int, metadata: Mapping[str, Any]
) -> ModelResponse[Any]:
    """The same response with more in one message's response metadata."""
    message = cast("AIMessage", response.result[place])
    update = {"response_metadata": {**message.response_metadata, **metadata}}
    return _with_message(response, place, message.model_copy(update=update))


def _with_message(
    response: ModelResponse[Any], place: int, message: AIMessage
) -> ModelResponse[Any]:
    result = response.result
    return replace(response, result=[*result[:place], message, *result[place + 1 :]])


def verify_response(
    response: ModelResponse[Any], draft: Draft, verifying: Verifying, schema: object = None
) -> Verified:
    """Verify the response that ends a turn.

    Args:
        response: One that `answering` has a place for.
        draft: What the turn came to.
        verifying: How the agent's drafts are verified.
        schema: What a structured response must satisfy, where it does not know that itself.
    """
    if response.structured_response is None:
        return _verify_prose(with_text(response, draft.text), draft, verifying)
    return _verify_structured(response, draft, verifying, schema)


def _verify_prose(response: ModelResponse[Any], draft: Draft, verifying: Verifying) -> Verified:
    """Put what verifying the message that ends a turn came to into the response."""
    finished = verifying.verify(draft)
    answer = answer_of(draft, finished)
    place = answering(response) or 0
    message = cast("AIMessage", response.result[place])
    metadata = _metadata(finished, draft)
    if not finished.by_number:  # nothing was handed over: brackets mean something else
        return Verified(response=response, answer=answer, metadata=metadata)
    annotated = annotate(message, finished.text, finished.citations)
    blocks = cast("list[dict[str, Any]]", annotated.content)
    notes = [note for block in blocks for note in block.get("annotations") or ()]
    return Verified(
        response=_with_message(response, place, annotated),
        answer=answer,
        citations=tuple(notes[len(notes) - len(finished.citations) :]),  # ours stand last
        passages=_cited(finished.citations),
        metadata=metadata,
    )


def _metadata(finished: Finished, draft: Draft) -> dict[str, list[Any]]:
    metadata: dict[str, list[Any]] = {
        "fabricated": [*finished.fabricated],
        "uncited": [list(span) for span in finished.uncited],
        "ungrounded": [list(span) for span in finished.ungrounded],
        "flags": [*finished.flags],
        "opinions": [
            {"start": claim.start, "end": claim.end, **dataclasses.asdict(claim.opinion)}
            for claim in finished.claims
            if claim.opinion
        ],
        "faults": [*draft.faults],
    }
    return {name: found for name, found in metadata.items() if found}


def _verify_structured(
    response: ModelResponse[Any], draft: Draft, verifying: Verifying, schema: object
) -> Verified:
    """Verify the strings of a structured response.

    The message that carried it keeps the calls of tools as the model made them: they are its own
    words. A message whose text is the value as JSON is written anew where a marker was removed.
    """
    value: object = response.structured_response
    known = verifying.known(draft) or {}
    unsupported = verifying.policy.unsupported
    cited = cite_fields(value, known, unsupported, verifying.verifier, schema)
    texts = strings_of(_as_json(cited.value))
    flags = verifying.flags(draft, texts, known, cited=bool(cited.citations))
    clean = replace(response, structured_response=cited.value)
    if cited.value != value:
        result = [_rewritten(message, value, cited.value) for message in response.result]
        clean = replace(clean, result=result)
    cited_all = tuple(one for found in cited.citations.values() for one in found)
    finished = Finished(
        text=draft.text,
        citations=cited_all,
        fabricated=tuple(dict.fromkeys(i for ids in cited.fabricated.values() for i in ids)),
        flags=flags,
    )
    kept = tuple(f"{path}: the schema wants the text as it is" for path in cited.kept)
    draft = replace(draft, faults=(*draft.faults, *kept))
    return Verified(
        response=clean,
        answer=answer_of(draft, finished),
        citations=tuple(_field_blocks(cited)),
        passages=_cited(cited_all),
        metadata=_metadata(finished, draft),
    )


def sources_event(state: Mapping[str, Any]) -> dict[str, Any]:
    """The event that ends a streamed turn: the answer as it may be shown, with its sources.

    Args:
        state: The agent's, when the turn has ended.
    """
    messages: Sequence[BaseMessage] = state["messages"]
    turn = messages[last_user_turn(messages) or 0 :]
    answers = [message for message in turn if isinstance(message, AIMessage)]
    text = str(answers[-1].text) if answers else ""
    decision = answers[-1].response_metadata.get("agent_knowledge") if answers else None
    event: dict[str, Any] = {
        "type": SOURCES_EVENT,
        "text": text,
        "citations": citations_of(state),
        "decision": decision,
    }
    value = state.get("structured_response")
    return event if value is None else {**event, "structured_response": _as_json(value)}


def _rewritten(message: BaseMessage, old: object, new: object) -> Any:
    """A message of the response that shows the value in LangChain's own words, or as JSON."""
    if isinstance(message, ToolMessage):
        shown = f"Returning structured response: {old}"  # what `create_agent` writes
        if message.content == shown:
            return message.model_copy(update={"content": shown.replace(str(old), str(new))})
    elif isinstance(message, AIMessage) and not message.tool_calls:
        return annotate(message, json.dumps(_as_json(new), ensure_ascii=False), ())
    return message


def _field_blocks(cited: CitedFields[Any]) -> Iterable[dict[str, Any]]:
    for path, found in cited.citations.items():
        for citation in found:
            block = _block(citation)
            yield {**block, "extras": {**block["extras"], "field": path}}


def _block(citation: Citation) -> dict[str, Any]:
    return cast("dict[str, Any]", _as_json(citation_block(citation)))


def _cited(citations: Iterable[Citation]) -> dict[str, Passage]:
    return {str(citation.number): citation.passage for citation in citations}


def _as_json(value: object) -> Any:
    return to_jsonable_python(value, fallback=str)
