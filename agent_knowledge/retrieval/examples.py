"""Example sets: JSON lines of {"input", "output"}, a vector per input, and their states.

A set is small enough to live in memory as one matrix. Its vectors, and the states that the text
model gives of it, are kept in the store under the hash of what they were made from, so a set is
embedded again only when it or a model changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent_knowledge import limits
from agent_knowledge.config.files import UnreadableError, read_object, read_text, reason_of
from agent_knowledge.errors import InputError
from agent_knowledge.ports import Embedder, TextEncoder
from agent_knowledge.retrieval.embedded import arrays
from agent_knowledge.retrieval.joined import missing_tenant
from agent_knowledge.types import Example, Matrix, without_surrogates
from agent_knowledge.types.measured import SetStates

_NAMES = ("states", "description", "described")


def load_states(
    name: str,
    inputs: Sequence[str],
    description: str,
    models: tuple[Embedder, TextEncoder],
    store: Path,
) -> SetStates:
    """Read a set by the text model; what the store has is taken where it still fits.

    Args:
        name: The set's name.
        inputs: Its inputs.
        description: What the configuration says of it.
        models: What the index is built with, and the text model.
        store: The store's folder; states are kept in its folder `examples`.
    """
    embedder, encoder = models
    text = "\0".join((embedder.name, encoder.version, description, *inputs))
    stamp = hashlib.sha256(text.encode()).hexdigest()
    file = store / "examples" / f"{name}.states.npz"
    kept = arrays.read(file, stamp, _NAMES)
    if kept:
        return SetStates(**{key: kept[key] for key in _NAMES})
    made = read_states(name, inputs, description, models)
    found = {"states": made.states, "description": made.description, "described": made.described}
    arrays.write(file, stamp, found)
    return made


def read_states(
    name: str, inputs: Sequence[str], description: str, models: tuple[Embedder, TextEncoder]
) -> SetStates:
    """Read a set by the text model; its name stands in for an empty description."""
    embedder, encoder = models
    described = description or name
    states = encoder.read([*inputs, described]).states
    vector = embedder.embed([described])[0]
    return SetStates(states=states[:-1], description=vector, described=states[-1])


_SHOWN_FAULTS = 10
"""A limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredExamples:
    """A set of worked examples with their vectors; satisfies `ports.ExampleSet`.

    Attributes:
        name: The set's name in the configuration.
        examples: In the file's order.
        vectors: One row per example, of its input.
        digest: Hash of the examples alone: it changes when, and only when, an example does.
        tenants: Of a set that keeps tenants apart, whose each example is.
    """

    name: str
    examples: tuple[Example, ...]
    vectors: Matrix
    digest: str
    tenants: tuple[str, ...] = ()

    def of_tenant(self, tenant: str | None) -> StoredExamples:
        """One tenant's part of it, with the digest of the whole; all of it where none are apart.

        Raises:
            TenantMissingError: It keeps tenants apart, and no tenant is given.
            InputError: None of its examples is the tenant's.
        """
        if not self.tenants:
            return self
        if not tenant:
            raise missing_tenant(self.name)
        places = [place for place, whose in enumerate(self.tenants) if whose == tenant]
        if not places:
            msg = f"examples.{self.name}: no example is this tenant's; add some, or name another"
            raise InputError(msg)
        return replace(
            self,
            examples=tuple(self.examples[place] for place in places),
            vectors=self.vectors[places],
            tenants=(tenant,) * len(places),
        )


def read_examples(
    name: str, file: Path, field: str | None = None, tenant: str | None = None
) -> tuple[Example, ...]:
    """Read a set's file.

    Args:
        name: The set's name.
        file: Its JSON lines file.
        field: The field of a row that says whose it is, where the set keeps tenants apart.
        tenant: Whose examples alone; None for all.

    Raises:
        InputError: The file cannot be read, is empty, or has bad lines (all listed, by number).
    """
    rows = _read_rows(name, file, field if tenant else None)
    return tuple(example for example, whose in rows if not (field and tenant) or whose == tenant)


def _read_rows(name: str, file: Path, tenant: str | None) -> list[tuple[Example, str]]:
    """A set's examples, each with whose it is where a field says that."""
    try:
        text = read_text(file, limits.EXAMPLES_BYTES)
    except (OSError, UnreadableError) as error:
        why = f"cannot read {str(file)!r} ({reason_of(error)})"
        msg = f"examples.{name}: {why}; give a UTF-8 JSON lines file"
        raise InputError(msg) from error
    examples: list[tuple[Example, str]] = []
    faults: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):  # U+2028 may stand inside a line
        if not line.strip():
            continue
        fault, example, whose = _read_line(line, tenant)
        if example is None:
            faults.append(f"line {number}: {fault}")
        else:
            examples.append((example, whose))
    if faults:
        shown = "\n  ".join(faults[:_SHOWN_FAULTS])
        more = f"\n  and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        lines = "1 bad line" if len(faults) == 1 else f"{len(faults)} bad lines"
        msg = f"examples.{name}: {str(file)!r} has {lines}\n  {shown}{more}"
        raise InputError(msg)
    if not examples:
        msg = f'examples.{name}: {str(file)!r} holds no example; add lines {{"input", "output"}}'
        raise InputError(msg)
    return examples


def _read_line(line: str, tenant: str | None) -> tuple[str, Example | None, str]:
    """What is wrong with a line, or its example; and whose it is."""
    try:
        fields = read_object(line)
    except UnreadableError as error:
        return str(error), None, ""
    given, output = fields.get("input"), fields.get("output")
    if not isinstance(given, str) or not isinstance(output, str):
        missing = [key for key in ("input", "output") if not isinstance(fields.get(key), str)]
        return f"no text under {' and '.join(map(repr, missing))}", None, ""
    if not given.strip():
        return "'input' is empty", None, ""
    for key, text in (("input", given), ("output", output)):
        if len(text) > limits.TASK_CHARACTERS:
            size, most = f"{len(text):,} characters", f"{limits.TASK_CHARACTERS:,}"
            return f"{key!r} has {size}; at most {most} are accepted", None, ""
    whose = fields.get(tenant) if tenant else ""
    whose = str(whose) if isinstance(whose, int) and not isinstance(whose, bool) else whose
    if not isinstance(whose, str) or (tenant and not whose):
        return f"no text or number under {tenant!r}: nobody would be shown it", None, ""
    return "", Example(input=without_surrogates(given), output=without_surrogates(output)), whose


def load_examples(
    name: str, file: Path, embedder: Embedder, store: Path, tenant: str | None = None
) -> StoredExamples:
    """Read a set and its vectors; embed it when the store has none that fit.

    Args:
        name: The set's name.
        file: Its JSON lines file.
        embedder: What to embed its inputs with.
        store: The store's folder; vectors are kept in its folder `examples`.
        tenant: The field of a row that says whose it is, where the set keeps tenants apart.

    Raises:
        InputError: See `read_examples`; or a row does not say whose it is.
    """
    rows = _read_rows(name, file, tenant)
    examples = tuple(example for example, _ in rows)
    digest = digest_of(examples)
    cache = store / "examples" / f"{name}.npz"
    stamp = f"{embedder.name} {digest}"
    kept = arrays.read(cache, stamp, ("vectors",))
    vectors = kept["vectors"] if kept else embedder.embed([example.input for example in examples])
    if kept is None:
        arrays.write(cache, stamp, {"vectors": vectors})
    tenants = tuple(whose for _, whose in rows) if tenant else ()
    return StoredExamples(
        name=name, examples=examples, vectors=vectors, digest=digest, tenants=tenants
    )


def digest_of(examples: tuple[Example, ...]) -> str:
    """Hash of examples: it changes when, and only when, one of them does, or their order."""
    text = "\n".join(json.dumps([example.input, example.output]) for example in examples)
    return hashlib.sha256(text.encode()).hexdigest()
