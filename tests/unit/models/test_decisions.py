"""Decision models: whoever serves one says the same, and what does not hold is left out."""

from __future__ import annotations

import gc
import math
from collections.abc import Mapping
from typing import Any

import pytest
from langchain_core._api import suppress_langchain_beta_warning
from langchain_openai.decisions import OpenAIDecisions
from pydantic import SecretStr

from agent_knowledge import load_verifier
from agent_knowledge.config import ModelsConfig
from agent_knowledge.errors import ConfigError, EndpointError
from agent_knowledge.models.decision_clients import decision_client
from agent_knowledge.models.decisions import (
    Asking,
    DecisionClaimJudge,
    DecisionClient,
    Pick,
    Refusal,
    YesNo,
    ask_soundly,
    checked,
)
from tests.decision_server import MISSING, REFUSED, Said, answering, decision_server
from tests.loopback import Loopback, failing, head

STATE = {"message": "How long is the return window?", "sources": [{"name": "faq"}]}
QUESTIONS: Mapping[str, Asking] = {
    "need": Pick(instructions="What?", options={"direct": "nothing", "retrieval": "facts"}),
    "fresh": YesNo(instructions="Does it change?"),
}
FORMS = ("systemone", "decisions", "object of OpenAI's", "object of LangChain's")


def models(server: Loopback, **limits: Any) -> ModelsConfig:
    return ModelsConfig(
        router_url=SecretStr(server.url), router_key=SecretStr("sk-secret"), **limits
    )


def client_of(form: str, server: Loopback, **limits: Any) -> DecisionClient:
    if form == "object of OpenAI's":
        with suppress_langchain_beta_warning():
            given: Any = OpenAIDecisions(
                model="m", base_url=server.url, api_key=SecretStr("x"), max_retries=0
            )
    elif form == "object of LangChain's":
        given = langchains(server)
    else:
        given = f"{form}:m"
    client = decision_client(given, "models.router", models(server, **limits))
    assert client is not None
    return client


def langchains(server: Loopback) -> Any:
    """A decision model as LangChain wants one, over a System One server."""
    core = pytest.importorskip("langchain_core.decisions")
    wire = decision_client("systemone:m", "k", models(server))
    assert wire is not None

    class Model(core.BaseDecisionModel):
        model: str = "m"

        @property
        def _provider(self) -> str:
            return "test"

        def _classify(self, state: Any, questions: Any) -> Any:
            ask: dict[str, Asking] = {
                name: Pick(instructions=q.instructions, options=q.criteria)
                if isinstance(q, core.Choice)
                else YesNo(instructions=q.instructions)
                for name, q in questions.items()
            }
            given: Any = wire.ask(state, ask)
            return core.ClassifierResponse(
                model="m",
                answers={
                    name: core.ChoiceAnswer(
                        type="choice", choice="direct", probabilities=told, confidence=0.5
                    )
                    if isinstance(told, dict)
                    else core.NoulAnswer(type="noul", noul=told)
                    for name, told in given.items()
                },
            )

    return Model()


@pytest.mark.parametrize("form", FORMS)
def test_both_wire_forms_say_the_same(form: str) -> None:
    with decision_server(need={"direct": 0.25, "retrieval": 0.75}, fresh=0.125) as server:
        answers = ask_soundly(client_of(form, server), STATE, QUESTIONS)
    assert answers.picks == {"need": {"direct": 0.25, "retrieval": 0.75}}
    assert answers.yes == {"fresh": 0.125}
    assert answers.left_out == {}
    (asked,) = server.asked
    assert asked["model"] == "m"
    assert str(STATE["message"]) in str(asked.get("state", asked.get("input")))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_answered_is_missed_in_every_form(form: str) -> None:
    with decision_server(need=REFUSED, fresh=0.5) as server:
        answers = ask_soundly(client_of(form, server), STATE, QUESTIONS)
    refused = "it refused to answer" if "OpenAI" in form or form == "decisions" else "no answer"
    assert answers.picks == {}
    assert refused in answers.left_out["need"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"direct": 0.5, "retrieval": 0.81}, "its probabilities sum to 1.31"),
        ({"direct": 0.5, "retrieval": 0.4}, "its probabilities sum to 0.9"),
        ({"direct": 7.0, "retrieval": -6.0}, "it gave 7.0 for a probability"),
        ({"direct": math.nan, "retrieval": 1.0}, "it gave nan for a probability"),
        ({"direct": True, "retrieval": 0.0}, "another question"),
        ({"direct": 1.0}, "other options than were offered"),
        ({"direct": 0.5, "retrieval": 0.25, "magic": 0.25}, "other options than were offered"),
        (0.5, "another question than a choice"),
        (Refusal(), "it refused to answer"),
        (None, "it gave no answer"),
    ],
)
def test_what_does_not_hold_is_left_out_and_told(given: object, why: str) -> None:
    found = checked({"need": given, "fresh": 0.5, "unasked": 1.0}, QUESTIONS)
    assert why in found.left_out["need"]
    assert (found.picks, found.yes) == ({}, {"fresh": 0.5})


@pytest.mark.parametrize(
    "given", [7.0, -0.1, math.inf, math.nan, True, "0.5", {"yes": 1.0}, 10**400]
)
def test_a_yes_or_no_is_a_probability_or_nothing(given: object) -> None:
    found = checked({"need": {"direct": 0.5, "retrieval": 0.5}, "fresh": given}, QUESTIONS)
    assert "fresh" in found.left_out
    assert found.yes == {}


def test_a_sum_that_is_off_by_rounding_is_mended() -> None:
    found = checked({"need": {"direct": 0.33, "retrieval": 0.66}}, QUESTIONS)
    assert found.picks["need"] == pytest.approx({"direct": 1 / 3, "retrieval": 2 / 3})


@pytest.mark.parametrize("given", [None, [], "yes", {}, {"need": None}])
def test_where_nothing_holds_the_model_has_failed(given: object) -> None:
    class Says:
        name = "odd"

        def ask(self, state: object, questions: object) -> object:
            return given

    with pytest.raises(EndpointError, match=r"'odd' answered nothing.*it gave no answer"):
        ask_soundly(Says(), STATE, QUESTIONS)


@pytest.mark.parametrize("form", ["systemone", "decisions"])
def test_what_may_pass_is_asked_again(form: str) -> None:
    with decision_server(failing(429, retry_after="0"), answering(fresh=0.75)) as server:
        answers = ask_soundly(client_of(form, server, retries=1), STATE, QUESTIONS)
    assert answers.yes == {"fresh": 0.75}
    assert len(server.asked) == 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("script", "told"),
    [
        (failing(429), "status 429|RateLimit"),
        (failing(401), "status 401|Authentication"),
        ([head(), b'{"answers": {"fre'], "failed"),
        ([head(kind="text/html"), b"<p>sk-secret</p>"], "failed|answered nothing"),
    ],
)
def test_a_server_that_fails_is_told_without_its_words(
    form: str, script: list[bytes], told: str
) -> None:
    with decision_server(script) as server, pytest.raises(EndpointError, match=told) as failed:
        ask_soundly(client_of(form, server, retries=0), STATE, QUESTIONS)
    assert "sk-secret" not in str(failed.value)
    assert server.url not in str(failed.value)


@pytest.mark.parametrize("form", ["systemone", "decisions"])
def test_a_server_that_hangs_is_waited_for_no_longer_than_its_budget(form: str) -> None:
    with decision_server([30.0]) as server:
        client = client_of(form, server, timeout_s=0.2, budget_s=0.3)
        with pytest.raises(EndpointError, match=r"time-out.*models\.timeout_s"):
            client.ask(STATE, QUESTIONS)
    assert server.asked


def test_a_key_goes_to_its_server_and_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openais")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    with decision_server() as server:
        client = client_of("systemone", server)
        client.ask(STATE, QUESTIONS)
        (sent,) = server.heads
        assert "authorization: bearer sk-secret" in [line.lower() for line in sent]
        assert not [line for line in sent if "org-secret" in line or "sk-openais" in line]
        assert "sk-secret" not in repr(client)
        assert server.url not in repr(client)
        keyless = ModelsConfig(router_url=SecretStr(server.url))
        for name in ("systemone:m", "decisions:m"):
            made = decision_client(name, "k", keyless)
            assert made is not None
            made.ask(STATE, QUESTIONS)
        del client, made
        gc.collect()
    assert not [line for sent in server.heads for line in sent if "sk-openais" in line]


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("", "/v1/systemone"),
        ("/v1", "/v1/systemone"),
        ("/v1/", "/v1/systemone"),
        ("/api/v1", "/api/v1/systemone"),
        ("/ai/run/@cf/clef", "/ai/run/@cf/clef"),
    ],
)
def test_an_address_is_called_as_its_host_wants_it(path: str, called: str) -> None:
    with decision_server() as server:
        root = server.url.split("/", 3)
        config = ModelsConfig(router_url=SecretStr("/".join(root[:3]) + path))
        client = decision_client("systemone:m", "k", config)
        assert client is not None
        client.ask(STATE, QUESTIONS)
    assert server.heads[0][0].split()[1] == called


def test_an_envelope_is_opened() -> None:
    inside = b'{"success": true, "result": {"answers": {"fresh": {"type": "noul", "noul": 0.5}}}}'
    with decision_server([head(), inside]) as server:
        answers = ask_soundly(client_of("systemone", server), STATE, QUESTIONS)
    assert answers.yes == {"fresh": 0.5}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("systemone:", r"models\.router: 'systemone:' names no model; write systemone:NAME"),
        ("systemone:m", r"models\.router: 'systemone:m' has no server; set models\.router_url"),
        ("decisions:m", r"OPENAI_API_KEY is not set.*models\.router_key"),
    ],
)
def test_a_name_that_lacks_something_says_what(
    name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OPENAI_API_KEY", "LANGSMITH_GATEWAY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=told):
        decision_client(name, "models.router")


def test_a_bad_address_is_told_and_not_shown() -> None:
    for name in ("systemone:m", "decisions:m"):
        with pytest.raises(ConfigError, match=r"models\.router_url: is no address") as refused:
            decision_client(name, "k", ModelsConfig(router_url=SecretStr("sk-secret:8080")))
        assert "sk-secret" not in str(refused.value)


# A second opinion on claims.

CLAIM, PASSAGE = "Returns take 30 days.", "Shoes and bags may be returned within 30 days."


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"supported": 0.9, "contradicted": 0.0}, (True, False)),
        ({"supported": 0.2, "contradicted": 0.9}, (False, True)),
        ({"supported": 0.2, "contradicted": 0.3}, (False, False)),
        ({"supported": 0.9, "contradicted": 0.9}, (True, False)),
        ({"supported": 0.2, "contradicted": MISSING}, (False, False)),
    ],
)
def test_a_claim_is_judged(form: str, said: dict[str, Said], verdict: tuple[bool, bool]) -> None:
    with decision_server(**said) as server:
        judge = DecisionClaimJudge(client=client_of(form, server))
        opinion = judge.judge(CLAIM, [PASSAGE, "x" * 100_000])
    assert (opinion.supported, opinion.contradicted) == verdict
    assert opinion.score == said["supported"]
    assert len(str(server.asked[0])) < 20_000
    assert PASSAGE in str(server.asked[0])


def test_a_claim_that_it_says_nothing_of_has_no_verdict() -> None:
    with decision_server(supported=REFUSED) as server:
        opinion = DecisionClaimJudge(client=client_of("decisions", server)).judge(CLAIM, [PASSAGE])
    assert (opinion.supported, opinion.reason) == (None, "it refused to answer")


@pytest.mark.parametrize("form", ["systemone:m", "object of LangChain's"])
def test_a_verifier_takes_a_decision_model(form: str) -> None:
    with decision_server(supported=0.125) as server:
        given = form if form == "systemone:m" else langchains(server)
        verifier = load_verifier(judge=given, limits=models(server))
        (claim,) = verifier.verify(f"{CLAIM} [1]", [PASSAGE]).claims
    assert claim.supported
    assert claim.opinion is not None
    assert (claim.opinion.supported, claim.opinion.score) == (False, 0.125)
    assert claim.opinion.judge == ("systemone:m" if form == "systemone:m" else "Model:m")
