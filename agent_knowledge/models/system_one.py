"""Decision models behind a server that speaks System One's form, such as llama.cpp's.

POST .../systemone  {"model", "state", "questions": {NAME: {"type", "instructions", ...}}}
-> {"answers": {NAME: {"type": "noul", "noul": 0.9} | {"type": "choice", "probabilities": {}}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from openai import AsyncOpenAI, Timeout

from agent_knowledge.models.client import bounded_client, close_with, parse_address
from agent_knowledge.models.decisions import Asking, YesNo
from agent_knowledge.models.repeating import BoundedCalls

_NO_KEY = "none"
"""What a server on one's own machine is sent, since the client insists on a key."""


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class SystemOneClient:
    """Puts questions to such a server; satisfies `decisions.DecisionClient`.

    Attributes:
        http: Reaches the server, within bounds.
        address: Where the questions go.
        model: What the server calls the model.
        name: What it goes by in the record.
        calls: How long it may take, and how often it is called.
    """

    http: AsyncOpenAI = field(repr=False)  # holds the key
    address: str = field(repr=False)
    model: str
    name: str
    calls: BoundedCalls

    @classmethod
    def at(
        cls, url: str, key: str | None, *, model: str, name: str, calls: BoundedCalls
    ) -> SystemOneClient:
        """Reach a server.

        Args:
            url: Its address; one that has no path gets `/v1`, and one that ends so `/systemone`.
                Any other is called as it stands, as a host of many models wants it.
            key: What it asks for; None for a server that asks for none.
            model: What it calls the model.
            name: What the model goes by in the record.
            calls: How long it may take, and how often it is called.

        Raises:
            ConfigError: The address is none.
        """
        reached = parse_address(url, "models.router_url")
        base = reached.url.rstrip("/")
        base = base if urlsplit(base).path else f"{base}/v1"
        timeout = Timeout(calls.limits.timeout_s)
        client = bounded_client(timeout, reached.login)
        http = AsyncOpenAI(
            base_url=base,
            api_key=key or _NO_KEY,
            timeout=timeout,
            max_retries=0,
            http_client=client,
        )
        http.organization = http.project = None  # of OpenAI's environment: nobody else's to know
        address = f"{base}/systemone" if base.endswith("/v1") else base
        made = cls(http=http, address=address, model=model, name=name, calls=calls)
        close_with(made, client)
        return made

    def ask(self, state: Mapping[str, object], questions: Mapping[str, Asking]) -> object:
        """Ask; see `decisions.DecisionClient`."""
        asked = {name: _written(question) for name, question in questions.items()}
        body = {"model": self.model, "state": state, "questions": asked}
        given = self.calls.make(lambda: self.http.post(self.address, body=body, cast_to=object))
        answers = _part(_part(given, "result") or given, "answers")
        return {name: _read(answer) for name, answer in answers.items()}


def _written(question: Asking) -> dict[str, object]:
    if isinstance(question, YesNo):
        return {"type": "noul", "instructions": question.instructions}
    criteria = dict(question.options)
    return {"type": "choice", "instructions": question.instructions, "criteria": criteria}


def _read(answer: object) -> object:
    if not isinstance(answer, Mapping):
        return None
    what = cast("Mapping[str, object]", answer)
    return what.get({"noul": "noul", "choice": "probabilities"}.get(str(what.get("type")), ""))


def _part(given: object, key: str) -> Mapping[str, object]:
    """What a JSON object has under a key; nothing where there is no object."""
    held = cast("Mapping[str, object]", given).get(key) if isinstance(given, Mapping) else None
    return cast("Mapping[str, object]", held) if isinstance(held, Mapping) else {}
