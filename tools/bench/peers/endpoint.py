"""A chat model behind an OpenAI-compatible URL."""

from __future__ import annotations

import os

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

AT_ONCE = 8
"""Calls in flight while nothing is timed."""
TIMEOUT_S = 60


def open_chat(url: str, model: str) -> ChatOpenAI:
    """Open a model; nothing is called yet.

    Args:
        url: Base URL, as `http://127.0.0.1:8000/v1`. Its key is read from OPENAI_API_KEY; without
            one a word is sent in its place, which servers without keys ignore.
        model: The model's name.
    """
    return ChatOpenAI(
        model=model,
        base_url=url,
        api_key=SecretStr(os.environ.get("OPENAI_API_KEY") or "none"),
        timeout=TIMEOUT_S,
        temperature=0,
        use_responses_api=False,
    )
