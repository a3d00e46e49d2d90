"""Training data for a fine-tune elsewhere, made of one example set.

A row is the prompt that the endpoint will be sent for its input, as `prepare_rung` gathers it on
the fine-tuned rung, and the output: what a model is trained on is what it is asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from agent_knowledge.build import ConfigLike, load_example_sets, packaged_embedder, read_config
from agent_knowledge.config import AgentProfile, EndpointConfig, KnowledgeConfig
from agent_knowledge.errors import DISTRIBUTION, ConfigError, InputError, MissingExtraError, nearest
from agent_knowledge.ledger.history import now
from agent_knowledge.models.chat import to_messages
from agent_knowledge.retrieval.examples import StoredExamples, load_examples
from agent_knowledge.retrieval.labels import are_labels
from agent_knowledge.routing.few_shot import ExampleChooser
from agent_knowledge.routing.gathering import gather
from agent_knowledge.routing.ladder import at_rung
from agent_knowledge.routing.resources import Shelf, form_of
from agent_knowledge.routing.rules import OVERFIT_EXAMPLES
from agent_knowledge.screening.redacting import EXTRA, Detector, redact
from agent_knowledge.text import count_tokens
from agent_knowledge.trials.data_card import (
    Card,
    LeftOut,
    Personal,
    Split,
    look_for_personal_data,
    measure_labels,
    measure_tokens,
    render_card,
)
from agent_knowledge.trials.overlap import (
    SAME,
    contradicting,
    folded,
    groups_of,
    hold_out,
    restating,
)
from agent_knowledge.types import Example, Signals, Task
from agent_knowledge.types.search import MeasuredTask, Query

FORMATS = ("chat-jsonl",)
"""`chat-jsonl`: OpenAI's chat format, which TRL and others read too; a row is {"messages"}."""
TRAIN, VALIDATION, CARD, CARD_DATA = "train.jsonl", "validation.jsonl", "card.md", "card.json"
_STAND_IN = "fine-tuned"
_ROLES = {"system": "system", "human": "user", "ai": "assistant"}
Turns: TypeAlias = "tuple[dict[str, str], ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to export.

    Attributes:
        format: One of `FORMATS`.
        validation: Share of the rows to validate on, 0..0.5.
        seed: Of the chance that chooses them.
        max_tokens: Longer rows are named; TRL cuts at 1,024 unless told otherwise.
        redact: Replace personal data and secrets by their kinds.
        tenant: Whose examples alone; needed where the set keeps tenants apart, so that no model
            is trained on what it may not tell.

    Raises:
        InputError: A value is not accepted.
    """

    format: str = "chat-jsonl"
    validation: float = 0.1
    seed: int = 0
    max_tokens: int = 1024
    redact: bool = False
    tenant: str | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            msg = f"format: {self.format!r} is not accepted; {nearest(self.format, FORMATS)}"
            raise InputError(msg)
        if not 0 < self.validation <= 0.5:
            msg = f"validation: {self.validation!r} is not accepted; give a share above 0, to 0.5"
            raise InputError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export, not yet written: the files' text, by name, and the card."""

    files: Mapping[str, str]
    card: Card


def make_export(
    config: ConfigLike,
    example_set: str,
    agent: str | None = None,
    *,
    options: Options | None = None,
    detector: Detector | None = None,
    cases: Sequence[str] = (),
) -> Export:
    """Make training data of an example set.

    Args:
        config: A configuration, or the path of one.
        example_set: The set.
        agent: Whose prompt the rows have; None for the only agent.
        options: How.
        detector: Looks for personal data and secrets; without one the card says that nobody
            looked.
        cases: Tasks that the trained model is to be measured on: rows that restate one are left
            out, so that nothing is trained on what it is tried by.

    Raises:
        ConfigError: The configuration is wrong, or the agent has no such set.
        InputError: The set cannot be read, or is too small (`enough-data`).
        TenantMissingError: It keeps tenants apart, and the options name none.
    """
    config, options = read_config(config), options or Options()
    profile = config.agent(agent)
    if example_set not in profile.examples:
        msg = f"agent {profile.name!r} has no example set {example_set!r}; "
        raise ConfigError(msg + nearest(example_set, profile.examples))
    stored = _load(config, example_set).of_tenant(options.tenant)
    places, left_out = clean(stored.examples)
    if cases:
        places, left_out = _without_cases(stored, places, left_out, cases)
    _require_enough(example_set, len(places), len(stored.examples))
    texts = {
        place + 1: (stored.examples[place].input, stored.examples[place].output) for place in places
    }
    personal = look_for_personal_data(
        {row: "\n".join(said) for row, said in texts.items()}, detector
    )
    if options.redact:
        stored, personal = _redacted(stored, personal, detector)
    kept = _Kept.of(stored, places, profile, options)
    left_out = replace(left_out, near_conflicts=_contradictions(stored, places, kept.labels))
    files = kept.files()
    card = Card(
        set=example_set,
        agent=profile.name,
        format=options.format,
        made=now(),
        package=version(DISTRIBUTION),
        rows=len(stored.examples),
        examples=stored.digest,
        versions=profile.versions_for(example_set),
        left_out=left_out,
        split=kept.split(options),
        labels=measure_labels(kept.labels, kept.validated) if any(kept.labels) else None,
        tokens=measure_tokens(kept.lengths(), options.max_tokens),
        personal=personal,
        files={name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()},
    )
    return Export(files=files, card=card)


def clean(examples: Sequence[Example]) -> tuple[tuple[int, ...], LeftOut]:
    """Leave out what repeats, contradicts or teaches nothing.

    Inputs that differ in case, in white space or in a compatible form of a character (NFKC) are
    one. Of such an input with several outputs nobody knows the right one, so none of it is kept.

    Returns:
        The places that are kept, and the rows that are not.
    """
    empty = [place for place, example in enumerate(examples) if not example.output.strip()]
    rest = [place for place, example in enumerate(examples) if example.output.strip()]
    places: dict[str, list[int]] = {}
    for place in rest:
        places.setdefault(folded(examples[place].input), []).append(place)
    disputed = [
        group
        for group in places.values()
        if len({examples[place].output.strip() for place in group}) > 1
    ]
    contradicting = {place for group in disputed for place in group}
    agreed = [group for group in places.values() if group[0] not in contradicting]
    left_out = LeftOut(
        duplicates=tuple((place + 1, group[0] + 1) for group in agreed for place in group[1:]),
        conflicts=tuple(tuple(place + 1 for place in group) for group in disputed),
        empty_outputs=tuple(place + 1 for place in empty),
    )
    return tuple(group[0] for group in agreed), left_out


def write_export(export: Export, folder: Path, *, force: bool = False) -> None:
    """Write the files and the card.

    Each file is written beside and moved into place, the card's data last: a folder without
    `card.json` is not whole.

    Args:
        export: What to write.
        folder: Where; made when it is absent.
        force: Write into a folder that holds something; files of other names are left alone.

    Raises:
        InputError: The folder holds something, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not force:
            msg = f"{str(folder)!r} is not empty; name another folder, or overwrite with --force"
            raise InputError(msg)
        (folder / CARD_DATA).unlink(missing_ok=True)
        for name, text in export.files.items():
            _write(folder / name, text)
        _write(folder / CARD, render_card(export.card))
        _write(folder / CARD_DATA, json.dumps(to_row(export.card), indent=1) + "\n")
    except OSError as error:
        msg = f"cannot write to {str(folder)!r} ({error.strerror}); name a folder that can be made"
        raise InputError(msg) from error


def to_row(card: Card) -> dict[str, Any]:
    """A card as plain JSON types, with its warnings."""
    return {**asdict(card), "warnings": list(card.warnings)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The rows that are exported, by number, in their order; `of` makes it.

    Attributes:
        rows: Number, example and prompt of each.
        labels: Their outputs where those are labels, else empty.
        groups: Their groups of near-duplicates.
        validated: Places of those to validate on.
    """

    rows: tuple[tuple[int, Example, Turns], ...]
    labels: tuple[str, ...]
    groups: tuple[int, ...]
    validated: frozenset[int]

    @classmethod
    def of(
        cls, stored: StoredExamples, places: Sequence[int], agent: AgentProfile, options: Options
    ) -> _Kept:
        examples = [stored.examples[place] for place in places]
        labelled = are_labels([example.output for example in examples])
        labels = tuple(example.output if labelled else "" for example in examples)
        groups = groups_of(stored.vectors[list(places)])
        numbers = [place + 1 for place in places]
        return cls(
            rows=tuple(zip(numbers, examples, _prompts(stored, places, agent), strict=True)),
            labels=labels,
            groups=groups,
            validated=hold_out(groups, labels, options.validation, options.seed),
        )

    def files(self) -> dict[str, str]:
        """The text of each file."""
        texts = {TRAIN: "", VALIDATION: ""}
        for place, (_, example, prompt) in enumerate(self.rows):
            line = json.dumps({"messages": [*prompt, _turn("assistant", example.output)]}) + "\n"
            texts[VALIDATION if place in self.validated else TRAIN] += line
        return texts

    def split(self, options: Options) -> Split:
        sizes = Counter(self.groups)
        return Split(
            train=len(self.rows) - len(self.validated),
            validation=len(self.validated),
            share=options.validation,
            seed=options.seed,
            threshold=SAME,
            groups=len(sizes),
            largest_group=max(sizes.values()),
        )

    def lengths(self) -> dict[int, int]:
        """Estimated tokens by row."""
        return {
            number: count_tokens(example.output) + sum(count_tokens(t["content"]) for t in prompt)
            for number, example, prompt in self.rows
        }


def _contradictions(
    stored: StoredExamples, places: Sequence[int], labels: Sequence[str]
) -> tuple[tuple[int, int], ...]:
    found = contradicting(stored.vectors[list(places)], labels)
    return tuple((places[a] + 1, places[b] + 1) for a, b in found)


def _redacted(
    stored: StoredExamples, personal: Personal, detector: Detector | None
) -> tuple[StoredExamples, Personal]:
    """The set with what was found replaced by its kind.

    Raises:
        MissingExtraError: Nobody can look.
    """
    if detector is None:
        msg = f"--redact needs who finds personal data and secrets: {EXTRA}; all else works without"
        raise MissingExtraError(msg)
    examples = tuple(
        Example(input=redact(one.input, detector), output=redact(one.output, detector))
        for one in stored.examples
    )
    return replace(stored, examples=examples), replace(personal, redacted=True)


def _load(config: KnowledgeConfig, name: str) -> StoredExamples:
    """A set with MiniLM's vectors, which near-duplicates are told by, whatever the agent uses."""
    embedder = packaged_embedder()
    if config.embedding == embedder.name:
        return load_example_sets(config, (name,), embedder)[name]
    spec = config.examples[name]
    file = config.resolve(spec.file, f"examples.{name}.file")
    return load_examples(name, file, embedder, config.store_path / "export", spec.tenant)


def _without_cases(
    stored: StoredExamples, places: Sequence[int], left_out: LeftOut, cases: Sequence[str]
) -> tuple[tuple[int, ...], LeftOut]:
    vectors = stored.vectors[list(places)]
    said = restating(vectors, packaged_embedder().embed(cases)) if places else frozenset[int]()
    kept = tuple(place for n, place in enumerate(places) if n not in said)
    rows = tuple(place + 1 for n, place in enumerate(places) if n in said)
    return kept, replace(left_out, cases=rows)


def _require_enough(name: str, kept: int, rows: int) -> None:
    """Refuse a set that a model would only learn by heart.

    Raises:
        InputError: It is.
    """
    if kept >= OVERFIT_EXAMPLES:
        return
    of = f", of {rows} rows" if rows > kept else ""
    msg = (
        f"enough-data: {name!r} has {kept} usable examples{of}; with fewer than {OVERFIT_EXAMPLES}"
        f" a fine-tuned model overfits. Add {OVERFIT_EXAMPLES - kept}, or show them in the prompt"
        " (few_shot), which needs no training"
    )
    raise InputError(msg)


def _prompts(stored: StoredExamples, places: Sequence[int], agent: AgentProfile) -> Iterator[Turns]:
    """What an endpoint that serves the set is sent for inputs; the agent may have none yet."""
    name = stored.name
    stand_in = EndpointConfig(model=_STAND_IN, serves=name)
    serving = agent.model_copy(update={"endpoint": stand_in, "endpoint_name": _STAND_IN})
    shelf = Shelf(
        embedder=packaged_embedder(),
        examples={name: ExampleChooser.of(stored)},
        forms={name: form_of(serving, name, stored)},
    )
    signals = Signals(need={"direct": 0.0, "retrieval": 0.0, "few_shot": 1.0})
    for place in places:
        task, vector = Task(stored.examples[place].input), stored.vectors[place]
        decision = at_rung("fine_tuned", task, signals, task.text, serving, name)
        reading = MeasuredTask(
            task=task,
            signals=signals,
            query=Query(text=task.text, vector=vector),
            standalone=task.text,
            views=(vector,),
        )
        sent = to_messages(gather(decision, reading, serving, shelf))
        yield tuple(_turn(_ROLES[message.type], message.text) for message in sent)


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _write(file: Path, text: str) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
