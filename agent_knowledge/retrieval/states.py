"""What the text model makes of an example set; kept in the store as its vectors are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from agent_knowledge.ports import Embedder, TextEncoder
from agent_knowledge.retrieval import arrays
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
