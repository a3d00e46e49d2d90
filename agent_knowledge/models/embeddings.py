"""Any LangChain embeddings as an embedder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from langchain.embeddings import init_embeddings
from langchain_core.embeddings import Embeddings

from agent_knowledge.errors import ConfigError, EndpointError, MissingExtraError

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix


class LangChainEmbedder:
    """Adapts a LangChain `Embeddings` object; its vectors are scaled to length 1."""

    def __init__(self, embeddings: Embeddings, *, name: str | None = None) -> None:
        """Wrap an embeddings object.

        Args:
            embeddings: The object.
            name: Identity that an index records; default: the class and its model.
        """
        self._embeddings = embeddings
        self._name = name or _identity(embeddings)

    @classmethod
    def from_string(cls, spec: str, *, name: str | None = None) -> LangChainEmbedder:
        """Make one from a `provider:model` string, as `langchain.embeddings.init_embeddings` does.

        Args:
            spec: The string.
            name: Identity that an index records; default: the string.

        Raises:
            ConfigError: The string is none of those, or the provider refuses it.
            MissingExtraError: The provider's package is not installed.
        """
        hint = "use 'minilm' (packaged, offline) or 'provider:model', as 'openai:NAME'"
        try:
            made = init_embeddings(spec)
        except ImportError as error:
            msg = f"embedding: {spec!r} needs a package that is not installed ({error})"
            raise MissingExtraError(msg) from error
        except Exception as error:  # noqa: BLE001 - each provider raises its own kinds
            msg = f"embedding: {spec!r} is not accepted: {error}; {hint}"
            raise ConfigError(msg) from None
        return cls(made, name=name or spec)

    @property
    def name(self) -> str:
        """The identity that an index records."""
        return self._name

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; see `ports.Embedder`.

        Raises:
            EndpointError: The provider failed, or gave back something that is no list of vectors.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        try:
            vectors = np.asarray(self._embeddings.embed_documents(list(texts)), dtype=np.float32)
        except Exception as error:
            msg = f"embedding {self._name!r} failed ({type(error).__name__}); check key and network"
            raise EndpointError(msg) from error
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            msg = f"embedding {self._name!r} gave shape {vectors.shape} for {len(texts)} texts"
            raise EndpointError(msg)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(lengths, 1e-12)


def _identity(embeddings: Embeddings) -> str:
    model = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None)
    kind = type(embeddings).__name__
    return f"{kind}:{model}" if isinstance(model, str) else kind
