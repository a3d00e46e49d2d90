from __future__ import annotations

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from agent_knowledge.errors import ConfigError, EndpointError, MissingExtraError
from agent_knowledge.models.embeddings import LangChainEmbedder

KEY = "sk-not-a-real-key-123"


class Fixed(Embeddings):
    """Gives the same rows back whatever it is asked."""

    def __init__(self, rows: list[list[float]], model: str = "") -> None:
        self.rows = rows
        self.model = model or None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.rows

    def embed_query(self, text: str) -> list[float]:
        return self.rows[0]


class Failing(Fixed):
    """Fails as a provider does that repeats the key in its message."""

    def __init__(self) -> None:
        super().__init__([])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise ValueError(f"401: key {KEY} is not known")


def test_vectors_are_scaled_to_length_one() -> None:
    vectors = LangChainEmbedder(Fixed([[3.0, 4.0], [0.0, -2.0]])).embed(["a", "b"])
    assert vectors == pytest.approx(np.array([[0.6, 0.8], [0.0, -1.0]]))
    assert vectors.dtype == np.float32


def test_a_vector_of_zeros_stays_finite() -> None:
    assert np.isfinite(LangChainEmbedder(Fixed([[0.0, 0.0]])).embed(["a"])).all()


def test_no_texts_call_no_provider() -> None:
    assert len(LangChainEmbedder(Failing()).embed([])) == 0


def test_a_failing_provider_is_an_endpoint_error_without_its_words() -> None:
    with pytest.raises(EndpointError) as caught:
        LangChainEmbedder(Failing(), name="cloud:small").embed(["a"])
    assert "cloud:small" in str(caught.value)
    assert "ValueError" in str(caught.value)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize(
    "rows", [[], [[1.0]], [[1.0], [2.0], [3.0]], [[float("nan")], [1.0]], [[1.0], [1.0, 2.0]]]
)
def test_what_is_no_vector_per_text_is_refused(rows: list[list[float]]) -> None:
    with pytest.raises(EndpointError):
        LangChainEmbedder(Fixed(rows)).embed(["a", "b"])


def test_the_identity_is_the_class_and_its_model() -> None:
    assert LangChainEmbedder(Fixed([], model="small")).name == "Fixed:small"
    assert LangChainEmbedder(Fixed([])).name == "Fixed"
    assert LangChainEmbedder(Fixed([]), name="mine").name == "mine"


@pytest.mark.parametrize("spec", ["nonsense", "nobody:model", "", ":", "minilmm"])
def test_an_unknown_provider_is_a_config_error_that_says_what_is_known(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LangChainEmbedder.from_string(spec)
    assert repr(spec) in str(caught.value)
    assert "minilm" in str(caught.value)


def test_a_provider_whose_package_is_missing_is_named() -> None:
    with pytest.raises(MissingExtraError, match="cohere:embed-v4"):
        LangChainEmbedder.from_string("cohere:embed-v4")
