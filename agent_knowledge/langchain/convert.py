"""Between LangChain's messages and our values; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
)
from langchain_core.messages.content import Citation as CitationBlock
from langchain_core.messages.content import create_citation

from agent_knowledge.models.given import DATA, to_data
from agent_knowledge.types import Knowledge, Message, Passage, Task
from agent_knowledge.types.answers import Citation

MessageT = TypeVar("MessageT", bound=BaseMessage)
SENT = "agent_knowledge_sent"
"""Where an annotated answer keeps, in its response metadata, what a provider is sent of it."""


def task_from_messages(messages: Sequence[BaseMessage]) -> Task | None:
    """The last user turn as a task, with the turns before it as history.

    Returns:
        None when the last user turn has no text, such as an image alone.
    """
    place = last_user_turn(messages)
    if place is None or not text_of(messages[place]).strip():
        return None
    return Task(text_of(messages[place]), history=_history(messages[:place]))


def last_user_turn(messages: Sequence[BaseMessage]) -> int | None:
    """Place of the last user turn, or None."""
    turns = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return turns[-1] if turns else None


def turn_of(messages: Sequence[BaseMessage]) -> str:
    """What tells the last user turn from others: its message id, which LangGraph gives."""
    place = last_user_turn(messages)
    return "" if place is None else messages[place].id or str(place)


def turns_before(messages: Sequence[BaseMessage], count: int) -> list[str]:
    """The user's turns before the last, at most so many, oldest first; see `turn_of`."""
    turns: list[str] = []
    place = last_user_turn(messages)
    while place and len(turns) < count:
        turns.append(turn_of(messages[:place]))
        place = last_user_turn(messages[:place])
    return [turn for turn in reversed(turns) if turn]


def text_of(message: BaseMessage) -> str:
    """The text of a message; blocks that an image parts are not run together."""
    if isinstance(message.content, str):
        return message.content
    blocks = (b if isinstance(b, str) else b.get("text") for b in message.content)
    return "\n".join(text for text in blocks if isinstance(text, str) and text)


def _is_summary(message: BaseMessage) -> bool:
    """Whether `SummarizationMiddleware` wrote a message: it reads as the user's, and is not."""
    return message.additional_kwargs.get("lc_source") == "summarization"


def _history(messages: Iterable[BaseMessage]) -> tuple[Message, ...]:
    """The text of a message; tool calls and their results are no part of it."""
    turns: list[Message] = []
    for message in messages:
        text = "" if _is_summary(message) else text_of(message)
        if text and isinstance(message, HumanMessage):
            turns.append(Message("user", text))
        elif text and isinstance(message, AIMessage):
            turns.append(Message("assistant", text))
    return tuple(turns)


def replace_user_turn(messages: Sequence[AnyMessage], knowledge: Knowledge) -> list[AnyMessage]:
    """The same messages with the last user turn's text replaced; images and files stay.

    What the text was written from goes beside it, as in `models.chat.to_messages`.
    """
    prompt = knowledge.prompt
    place = last_user_turn(messages)
    if place is None:
        return list(messages)
    turn = messages[place]
    content: str | list[Any] = prompt
    if isinstance(turn.content, list):
        content = [{"type": "text", "text": prompt}, *filter(_is_no_text, turn.content)]
    beside = {**turn.additional_kwargs, DATA: to_data(knowledge)}
    changed = turn.model_copy(update={"content": content, "additional_kwargs": beside})
    return [*messages[:place], changed, *messages[place + 1 :]]


def extend_system(message: SystemMessage | None, text: str) -> SystemMessage | None:
    """The system message with a text after its own; its blocks stay, such as cached ones."""
    if not text or message is None:
        return SystemMessage(text) if text else message
    if isinstance(message.content, str):
        joined = f"{message.content}\n\n{text}" if message.content else text
        return message.model_copy(update={"content": joined})
    return message.model_copy(
        update={"content": [*message.content, {"type": "text", "text": text}]}
    )


def annotate(message: AIMessage, text: str, citations: Sequence[Citation]) -> AIMessage:
    """The message with its text replaced and its citations as LangChain annotations.

    The content becomes standard (v1) blocks. All text becomes one block, in the place of the first,
    so that offsets count in it; a provider's own annotations stay where its text is unchanged. What
    a provider is sent of it on a later turn is what `without_citations` makes of it.
    """
    blocks: list[Any] = list(message.content_blocks) if _has_blocks(message) else []
    texts = [block for block in blocks if not _is_no_text(block)]
    foreign = list(_annotations(texts)) if message.text == text else []
    ours = [citation_block(citation) for citation in citations]
    block = {**(texts[0] if texts else {"type": "text"}), "text": text}
    place = blocks.index(texts[0]) if texts else len(blocks)
    before = list(filter(_is_no_text, blocks[:place]))
    after = list(filter(_is_no_text, blocks[place:]))
    metadata = {**message.response_metadata, "output_version": "v1", SENT: _sent(message, text)}
    return message.model_copy(
        update={
            "content": [*before, block | {"annotations": [*foreign, *ours]}, *after],
            "response_metadata": metadata,
        },
    )


def without_citations(messages: Sequence[MessageT]) -> list[MessageT]:
    """A conversation as a model may be sent it: earlier answers without what was added to them.

    No provider knows our annotations, and most refuse a request that has them. Answers go back as
    the model gave them, but for markers that were removed; a provider's own citations stay.
    `KnowledgeMiddleware` does this by itself.

    Args:
        messages: Of the conversation, as the state of an agent or `cite_sources` has them.
    """
    return [cast("MessageT", _unmarked(m)) if isinstance(m, AIMessage) else m for m in messages]


def _unmarked(message: Any) -> Any:
    """One answer without our citations and without the decision in its metadata."""
    metadata: dict[str, Any] = dict(message.response_metadata)
    known = metadata.pop("agent_knowledge", None) is not None
    sent: dict[str, Any] | None = metadata.pop(SENT, None)
    content = message.content
    if sent is not None:
        content = _content_of(sent, str(message.text))
        metadata = {**metadata, "output_version": sent["output_version"]}
        metadata = {k: v for k, v in metadata.items() if k != "output_version" or v is not None}
    elif is_cited(message):  # by an earlier version, which did not keep what there was before
        content = [_without_ours(block) for block in content]
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
            metadata.pop("output_version", None)
    elif not known:
        return message
    return message.model_copy(update={"content": content, "response_metadata": metadata})


def is_cited(message: BaseMessage) -> bool:
    """Whether a message bears citations of ours; a provider's own name no passage."""
    blocks: list[Any] = message.content if isinstance(message.content, list) else []
    return any(_is_ours(note) for note in _annotations(blocks))


def _is_ours(annotation: Any) -> bool:
    extras: dict[str, Any] = annotation.get("extras") or {}
    return annotation.get("type") == "citation" and {"number", "passage"} <= extras.keys()


def _without_ours(block: Any) -> Any:
    if _is_no_text(block) or "annotations" not in block:
        return block
    kept = [note for note in block["annotations"] if not _is_ours(note)]
    rest = {key: value for key, value in block.items() if key != "annotations"}
    return {**rest, "annotations": kept} if kept else rest


def _has_blocks(message: BaseMessage) -> bool:
    return isinstance(message.content, list) and bool(message.content)


def _annotations(blocks: Iterable[Any]) -> Iterator[Any]:
    """The annotations of text blocks, their offsets counted in all of the text together."""
    before = 0
    for block in blocks:
        if not isinstance(block, dict):
            continue
        known = cast("dict[str, Any]", block)
        for note in known.get("annotations") or ():
            places = {k: note[k] + before for k in ("start_index", "end_index") if k in note}
            yield {**note, **places}
        before += len(known.get("text") or "")


def _sent(message: AIMessage, text: str) -> dict[str, Any]:
    """What a provider is sent of an answer later: its own content, with the text as it is then.

    Of the text only places are kept: another middleware may yet take something out of the answer,
    and no copy must hold it.
    """
    version = message.response_metadata.get("output_version")
    if not _has_blocks(message):
        return {"content": None, "output_version": version}
    blocks = cast("list[Any]", message.content)
    if message.text != text:
        place = next((i for i, b in enumerate(blocks) if not _is_no_text(b)), len(blocks))
        after = filter(_is_no_text, blocks[place:])
        blocks = [*blocks[:place], {"type": "text", "text": text}, *after]
    return {"content": list(_placed(blocks)), "output_version": version}


def _placed(blocks: Iterable[Any]) -> Iterator[Any]:
    """Blocks with the places of their text in all of the text, instead of the text."""
    start = 0
    for block in blocks:
        if _is_no_text(block):
            yield block
            continue
        text: str = block if isinstance(block, str) else block.get("text") or ""
        span = [start, start + len(text)]
        start += len(text)
        yield span if isinstance(block, str) else {**block, "text": span}


def _filled(blocks: Sequence[Any], text: str) -> Iterator[Any]:
    """Blocks with the text at their places; all of it in the first where it has another length."""
    texts = [block for block in blocks if not _is_no_text(block)]
    same = not texts or _span(texts[-1])[1] == len(text)
    for block in blocks:
        if _is_no_text(block):
            yield block
        elif same:
            piece = text[slice(*_span(block))]
            yield piece if isinstance(block, list) else {**block, "text": piece}
        elif block is texts[0]:
            yield {"type": "text", "text": text}


def _span(block: Any) -> tuple[int, int]:
    known = cast("dict[str, Any]", block)
    span: list[int] = known["text"] if isinstance(block, dict) else block
    return span[0], span[1]


def _content_of(sent: dict[str, Any], text: str) -> Any:
    """The content that `_sent` tells of, with the text of today."""
    content = sent["content"]
    if content is None:
        return text
    return content if isinstance(content, str) else list(_filled(content, text))


def _is_no_text(block: object) -> bool:
    return isinstance(block, dict) and cast("dict[str, Any]", block).get("type") != "text"


def citation_block(citation: Citation) -> CitationBlock:
    """A verified citation in LangChain's standard form.

    `start_index` and `end_index` are the claim in the answer. `cited_text` is where the passage
    says it, and `start` and `end` of the extras are that in the stored document; both are the
    whole passage where it is not found to say it. The extras have `number` (as in `[1]`),
    `passage` (the passage's id), `source`, `document`, `document_hash`, `date`, `lines`,
    `supported`, `verdict` (`supported`, `unsupported` or `contradicted`) and `score`, 0..1.
    """
    passage = citation.passage
    return create_citation(
        url=passage.uri or None,
        title=passage.title or None,
        start_index=citation.start,
        end_index=citation.end,
        cited_text=passage.text[slice(*citation.quote)] if citation.quote else passage.text,
        number=citation.number,
        supported=citation.supported,
        verdict=citation.verdict,
        score=citation.score,
        **_place(passage, citation.quote),
    )


def passage_block(number: int, passage: Passage) -> CitationBlock:
    """A passage as a citation that an answer may use: it has no place in an answer yet."""
    return create_citation(
        url=passage.uri or None,
        title=passage.title or None,
        cited_text=passage.text,
        number=number,
        **_place(passage),
    )


def _place(passage: Passage, quote: tuple[int, int] | None = None) -> dict[str, Any]:
    """Where a passage, or what is quoted of it, stands."""
    first, after = quote or (0, len(passage.text))
    return {
        "source": passage.source,
        "document": passage.document,
        "document_hash": passage.document_hash,
        "passage": passage.id,
        "start": passage.start + first,
        "end": passage.start + after,
        "lines": list(passage.lines) if passage.lines else None,
        "date": passage.date,
    }
