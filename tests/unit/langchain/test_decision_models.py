"""Our router and our verifier where LangChain takes a decision model."""

from __future__ import annotations

import asyncio
import importlib
import sys
from importlib.metadata import version
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from packaging.version import Version

import agent_knowledge.langchain as faces
from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router, load_verifier
from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import InputError, MissingExtraError
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.models.decision_clients import decision_client
from agent_knowledge.models.decisions import Pick, YesNo, ask_soundly
from tests.scripted import ScriptedModel

HAS_CORE = Version(version("langchain-core")) >= Version("1.8")
HAS_ROUTER = Version(version("langchain")) >= Version("1.5")
needs_core = pytest.mark.skipif(not HAS_CORE, reason="langchain-core 1.7 has no decision models")

WINDOW, CHAT = "How long is the return window?", "Hi there, lovely day!"
TICKET = "Two identical payments showed up on my credit card."
MODULE = "agent_knowledge.langchain.decisions"


def ours(router: KnowledgeRouter, **more: Any) -> Any:
    return importlib.import_module(MODULE).RouterDecisions(router=router, **more)


def choice(*labels: str) -> Any:
    from langchain_core.decisions import Choice  # noqa: PLC0415

    return Choice(instructions="which?", criteria=dict.fromkeys(labels))


def yes_no() -> Any:
    from langchain_core.decisions import Noul  # noqa: PLC0415

    return Noul(instructions="is it?")


def asked(model: Any, state: Any, **questions: Any) -> Any:
    return model.invoke({"state": state, "questions": questions})


def test_core_1_7_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_core.decisions", None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    for name in ("RouterDecisions", "VerifierDecisions"):
        monkeypatch.delitem(vars(faces), name, raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install '.*\[decisions\]'"):
        importlib.import_module(MODULE)
    for name in ("RouterDecisions", "VerifierDecisions"):
        with pytest.raises(MissingExtraError, match="langchain-core"):
            getattr(faces, name)


@needs_core
@pytest.mark.parametrize("task", [WINDOW, CHAT, TICKET, "Cite the handbook: what about lamps?"])
def test_it_chooses_what_the_router_decides(shop: KnowledgeConfig, task: str) -> None:
    router = load_router(shop, "desk")
    labels = ("direct", "retrieval", "few_shot", "fine_tuned")
    made = asked(ours(router), task, need=choice(*labels)).choices["need"]
    decision = router.route(task)
    assert made.choice == decision.strategy
    assert made.confidence == pytest.approx(decision.confidence)
    assert made.probabilities[made.choice] == made.confidence
    assert sum(made.probabilities.values()) == pytest.approx(1)


@needs_core
def test_labels_stand_for_strategies(shop: KnowledgeConfig) -> None:
    router = load_router(shop, "desk")
    labels = {"large": ("retrieval", "fine_tuned"), "small": ("direct", "few_shot")}
    model = ours(router, labels=labels)
    assert asked(model, WINDOW, m=choice("large", "small")).choices["m"].choice == "large"
    told = asked(model, CHAT, m=choice("small", "large")).choices["m"]
    assert told.choice == "small"
    signals = router.route(CHAT).signals
    assert told.probabilities["large"] == pytest.approx(signals.likely["retrieval"], abs=0.001)


@needs_core
def test_what_was_decided_and_not_offered_leaves_the_likeliest_of_the_rest(
    shop: KnowledgeConfig,
) -> None:
    made = asked(ours(load_router(shop, "desk")), WINDOW, m=choice("few_shot", "direct"))
    told = made.choices["m"]
    assert told.probabilities[told.choice] == max(told.probabilities.values())
    nothing = asked(ours(load_router(shop, "writer")), CHAT, m=choice("fine_tuned"))
    assert nothing.choices["m"].probabilities == {"fine_tuned": 1.0}


@needs_core
def test_a_yes_or_no_is_told_by_its_name(shop: KnowledgeConfig) -> None:
    router = load_router(shop, "desk")
    names = ("handbook", "faq", "covered", "fresh", "gap", "retrieval")
    told = asked(ours(router), WINDOW, **{name: yes_no() for name in names}).nouls
    decision = router.route(WINDOW)
    for name in ("handbook", "faq"):
        assert told[name].noul == pytest.approx(decision.signals.coverage[name])
    assert told["covered"].noul == max(told["handbook"].noul, told["faq"].noul)
    assert told["fresh"].noul == pytest.approx(decision.signals.fresh)
    assert told["retrieval"].noul == pytest.approx(decision.signals.likely["retrieval"])
    assert told["gap"].noul == 0.0


@needs_core
@pytest.mark.parametrize(
    "state",
    [
        WINDOW,
        HumanMessage(WINDOW),
        [HumanMessage("Hello"), AIMessage("Hello!"), HumanMessage(WINDOW)],
        (AIMessage("Hello!"), HumanMessage(WINDOW)),
        {"messages": [HumanMessage(WINDOW)]},
        {"ticket": {"text": WINDOW}},
    ],
)
def test_a_state_is_read_as_it_comes(shop: KnowledgeConfig, state: Any) -> None:
    model = ours(load_router(shop, "desk"))
    assert asked(model, state, m=choice("direct", "retrieval")).choices["m"].choice == "retrieval"


@needs_core
@pytest.mark.parametrize("state", ["  ", [AIMessage("x")], {"odd": {1, 2}}])
def test_a_state_without_a_task_is_refused(shop: KnowledgeConfig, state: Any) -> None:
    with pytest.raises(InputError):
        asked(ours(load_router(shop, "desk")), state, m=choice("direct"))


@needs_core
def test_labels_that_nobody_knows_are_named(shop: KnowledgeConfig) -> None:
    model = ours(load_router(shop, "desk"))
    with pytest.raises(
        InputError, match=r"question 'm': the label 'retrieve'.*'retrieval'.*labels="
    ):
        asked(model, WINDOW, m=choice("direct", "retrieve"))
    with pytest.raises(InputError, match=r"'handbok' is none.*did you mean 'handbook'"):
        asked(model, WINDOW, handbok=yes_no())
    with pytest.raises(InputError, match="known: large"):
        asked(ours(load_router(shop, "desk"), labels={"large": ("direct",)}), WINDOW, m=choice("x"))
    from langchain_core.decisions import Score  # noqa: PLC0415

    with pytest.raises(InputError, match="is a Score; give a Choice or a Noul"):
        asked(model, WINDOW, m=Score(instructions="how much?", criteria=["a", "b"]))


@needs_core
def test_it_is_its_own_judge_offline(shop: KnowledgeConfig) -> None:
    """The client of LangChain's models reads ours as any other."""
    client = decision_client(ours(load_router(shop, "desk")), "k")
    assert client is not None
    need = Pick(instructions="?", options=dict.fromkeys(("direct", "retrieval"), "x"))
    questions = {"need": need, "faq": YesNo(instructions="?")}
    told = ask_soundly(client, {"message": WINDOW}, questions)
    assert told.left_out == {}
    assert told.picks["need"]["retrieval"] > 0.5


@needs_core
def test_our_verifier_answers_yes_or_no() -> None:
    model = importlib.import_module(MODULE).VerifierDecisions(verifier=load_verifier())
    passages = ["Shoes may be returned within 30 days.", "Bags may be returned within 10 days."]

    def support(claim: str, *, of: list[str] = passages) -> float:
        return asked(model, {"claim": claim, "passages": of}, s=yes_no()).nouls["s"].noul

    assert support("Shoes may be returned within 30 days.") > 0.5
    assert support("Shoes may be returned within 60 days.") < 0.5
    assert support("Shoes may be returned within 30 days.", of=passages[1:]) < 0.5
    assert support("Shoes may be returned within 30 days.", of=[]) == 0.0
    whole = "Shoes may be returned within 30 days. The moon is made of cheese."
    assert support(whole) < 0.5
    for state in (
        "text",
        {"claim": "x"},
        {"claim": "", "passages": []},
        {"claim": "x", "passages": "y"},
    ):
        with pytest.raises(InputError, match='"passages"'):
            asked(model, state, s=yes_no())
    with pytest.raises(InputError, match="give a Noul"):
        asked(model, {"claim": "x", "passages": ["y"]}, s=choice("a"))


class _Named(ScriptedModel):
    """A chat model that says who it is."""


def speaking(name: str) -> Any:
    return _Named(replies=[f"{name} says so [1]."])


@needs_core
@pytest.mark.skipif(not HAS_ROUTER, reason="langchain 1.4 routes no models")
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("first", ["theirs", "ours"])
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_our_router_routes_models_in_either_order(
    shop: KnowledgeConfig, first: str, mode: str
) -> None:
    from langchain.agents.middleware import ModelChoice, ModelRouterMiddleware  # noqa: PLC0415

    router = load_router(shop, "desk")
    labels = {"looker": ("retrieval",), "talker": ("direct", "few_shot")}
    middleware: list[Any] = [
        ModelRouterMiddleware(
            choices={name: ModelChoice(speaking(name), name) for name in labels},
            instructions="Which model?",
            classifier=ours(router, labels=labels),
        ),
        KnowledgeMiddleware(router),
    ]
    if first == "ours":
        middleware.reverse()
    agent: Any = create_agent(speaking("nobody"), [], middleware=middleware)

    def answer(text: str) -> str:
        given = {"messages": [HumanMessage(text)]}
        out = asyncio.run(agent.ainvoke(given)) if mode == "async" else agent.invoke(given)
        return out["messages"][-1].text

    assert answer(WINDOW).startswith("looker says so")
    assert answer(CHAT).startswith("talker says so")


@needs_core
def test_a_router_without_anything_still_answers() -> None:
    from agent_knowledge.build import packaged_embedder  # noqa: PLC0415

    model = ours(KnowledgeRouter(AgentProfile(), embedder=packaged_embedder()))
    told = asked(model, CHAT, m=choice("direct", "retrieval"), covered=yes_no())
    assert told.choices["m"].choice == "direct"
    assert told.nouls["covered"].noul == 0.0
