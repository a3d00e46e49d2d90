"""One turn, from what was prepared to what may be shown, without any input or output.

A `Turn` names the model to call and its prompt, is fed what came of it, and goes on until there is
a `Draft`. Whoever drives it makes the calls: whole or in pieces, awaited or not, in an agent or in
a trial.

    turn = Turn(knowledge, policy)
    while step := turn.asks:
        turn.feed(Said(...) or Failed(...))
    answer = answer_of(turn.draft(), verify(turn.draft(), ...))

| asked | what came | then |
|---|---|---|
| anybody | an answer in its form | the draft |
| anybody, first | an answer that breaks its form | the same once more, with its faults |
| the endpoint, again | another one that does | the next rung; under `on_failure: raise` an error |
| the model, again | another one that does | the draft with its faults, or that error |
| the endpoint | a failure | the next rung, or that error |
| the model, or after a first piece | a failure | the error |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent_knowledge.citations.finish import Finished
from agent_knowledge.citations.flags import flags_of, texts_of_json
from agent_knowledge.citations.repair import Search
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.config import Policy
from agent_knowledge.config.json_schema import Checked, check_answer
from agent_knowledge.errors import AgentKnowledgeError, BrokenStreamError, EndpointError
from agent_knowledge.models.chat import not_in_form, repair_turns, to_messages
from agent_knowledge.routing.ladder import after_failure
from agent_knowledge.types import Knowledge, Message, Passage
from agent_knowledge.types.answers import Answer, Flag

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class CallModel:
    """What to ask next: the endpoint that the plan names, or the agent's own model.

    Attributes:
        knowledge: What it is given.
        history: Earlier turns.
        broken: Its answer before, where that broke its form and is asked for once more.
        may_stream: Pieces of the answer may be shown; not where pieces of another one were.
    """

    knowledge: Knowledge
    history: Sequence[Message] = ()
    broken: Checked | None = None
    may_stream: bool = True

    @property
    def endpoint(self) -> str | None:
        """Name of the endpoint; None for the agent's own model."""
        return self.knowledge.decision.plan.endpoint

    @property
    def repair(self) -> list[BaseMessage]:
        """The turns that ask for an answer in its form, if this is to ask once more."""
        return repair_turns(self.broken) if self.broken else []

    @property
    def prompt(self) -> list[BaseMessage]:
        """The whole prompt."""
        return [*to_messages(self.knowledge, self.history), *self.repair]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A whole answer of the model that was called.

    Attributes:
        text: The answer.
        model: Who gave it, for the record.
        structured: It came as a value of the caller's own schema: no form of ours is asked of it.
        final: It is not asked for again, as one that is kept from an earlier run.
    """

    text: str
    model: str
    structured: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No answer, or not a whole one.

    Attributes:
        error: What went wrong, in words that may be shown.
        partial: Part of an answer was passed on; nothing may follow it.
    """

    error: AgentKnowledgeError
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The answer, with no model left to call; not yet verified.

    Attributes:
        text: In its form, or a question back to the user.
        knowledge: What it rests on: the rung that answered.
        model: Who gave it; empty where no model was called.
        faults: How it breaks its form.
        fallbacks: What failed first.
    """

    text: str
    knowledge: Knowledge
    model: str = ""
    faults: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()


class Turn:
    """One task on its way to a draft; see the table above. Belongs to one caller."""

    def __init__(
        self,
        knowledge: Knowledge,
        policy: Policy,
        *,
        history: Sequence[Message] = (),
        fall: bool = True,
    ) -> None:
        """Begin.

        Args:
            knowledge: What was prepared, with the rung below an endpoint.
            policy: The agent's.
            history: Earlier turns.
            fall: Go on to the next rung where an endpoint fails; not where that is measured.
        """
        self._knowledge = knowledge
        self._history = history
        self._raises = policy.on_failure == "raise"
        self._fall = fall and not self._raises
        self._broken: Checked | None = None
        self._heard = False
        self._fallbacks: tuple[str, ...] = ()
        self._error: AgentKnowledgeError | None = None
        clarify = knowledge.decision.plan.clarify
        self._draft = Draft(text=clarify, knowledge=knowledge) if clarify else None

    @property
    def asks(self) -> CallModel | None:
        """Whom to ask what; None when nothing is left to ask."""
        if self._draft or self._error:
            return None
        return CallModel(
            knowledge=self._knowledge,
            history=self._history,
            broken=self._broken,
            may_stream=not self._heard,
        )

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """What failed so far and was stepped down from."""
        return self._fallbacks

    def feed(self, event: Said | Failed) -> None:
        """Tell what came of what `asks` says."""
        if isinstance(event, Failed):
            self._fail(event.error, partial=event.partial)
            return
        self._heard = True
        endpoint = self._knowledge.decision.plan.endpoint
        if event.structured:
            self._settle(event, Checked(text=event.text))
        elif endpoint and not event.text.strip():
            self._fail(EndpointError(f"model {event.model!r} gave an empty answer"))
        else:
            self._check(event, check_answer(event.text, self._knowledge.form.schema))

    def draft(self) -> Draft:
        """What the turn came to.

        Raises:
            AgentKnowledgeError: What ended it instead.
            RuntimeError: A model is still to be called.
        """
        if self._error:
            raise self._error
        if self._draft is None:
            msg = "the turn is not over; ask what `asks` says first"
            raise RuntimeError(msg)
        return self._draft

    def _check(self, event: Said, said: Checked) -> None:
        if said.faults and self._broken is None and not event.final:
            self._broken = said
        elif said.faults and (self._knowledge.decision.plan.endpoint or self._raises):
            self._fail(not_in_form(self._knowledge, said.faults))
        else:
            self._settle(event, said)

    def _settle(self, event: Said, said: Checked) -> None:
        self._draft = Draft(
            text=said.text,
            knowledge=replace(self._knowledge, fallback=None),
            model=event.model,
            faults=said.faults,
            fallbacks=self._fallbacks,
        )

    def _fail(self, error: AgentKnowledgeError, *, partial: bool = False) -> None:
        ends = partial or isinstance(error, BrokenStreamError) or not self._fall
        if ends or self._knowledge.fallback is None:
            self._error = error
            return
        self._knowledge = after_failure(self._knowledge, str(error))
        self._fallbacks = (*self._fallbacks, str(error))
        self._broken = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    """How drafts of an agent are verified.

    Attributes:
        verifier: Every check there is.
        policy: The agent's.
        search: Finds passages for a claim that is to be repaired.
        shown: Passages that tools handed over besides, by the numbers that markers name.
        given: Some of those were handed over in this turn.
    """

    verifier: CitationVerifier
    policy: Policy
    search: Search
    shown: Mapping[str, Passage] = field(default_factory=dict[str, Passage])
    given: bool = False

    def known(self, draft: Draft) -> dict[str, Passage] | None:
        """The passages that a draft's markers may name, by number; None where nothing is cited.

        A question back to the user rests on nothing, and plain JSON has no room for markers.
        """
        knowledge = draft.knowledge
        plan = knowledge.decision.plan
        if plan.citations == "never" or plan.clarify or knowledge.form.schema:
            return None
        own = {str(n): passage for n, passage in enumerate(knowledge.passages, start=1)}
        return {**self.shown, **own}

    def verify(self, draft: Draft) -> Finished:
        """The draft as it may be shown: its citations checked, if there are to be any."""
        known, decision = self.known(draft), draft.knowledge.decision
        finished = Finished(text=draft.text)
        if known is not None:
            finished = self.verifier.finish(
                draft.text,
                known,
                self.policy.unsupported,
                plan=decision.plan,
                search=self.search,
            )
        given = draft.knowledge.passages
        free = not (known or decision.plan.clarify or draft.knowledge.form.schema)
        if free and (given or decision.gap):
            bare = self.verifier.ungrounded(draft.text, given)
            finished = replace(finished, ungrounded=bare)
        texts = texts_of_json(draft.text) if draft.knowledge.form.schema else (finished.text,)
        flags = self.flags(draft, texts, finished.by_number, cited=bool(finished.citations))
        return replace(finished, flags=flags)

    def flags(
        self, draft: Draft, texts: Iterable[str], known: Collection[str], *, cited: bool
    ) -> tuple[Flag, ...]:
        """What is told of a draft under every policy.

        Args:
            draft: The draft; a question back to the user states nothing.
            texts: What may be shown of it, whole or by its fields.
            known: Ids that its markers may name.
            cited: It has a citation.
        """
        decision = draft.knowledge.decision
        if decision.plan.clarify:
            return ()
        given = self.given or bool(draft.knowledge.passages)
        return flags_of(texts, known, cited=cited, given=given, gap=decision.gap)


def answer_of(draft: Draft, finished: Finished) -> Answer:
    """A verified draft as an answer."""
    passages = finished.passages or draft.knowledge.passages  # a repair may have found more
    return Answer(
        text=finished.text,
        knowledge=replace(draft.knowledge, passages=passages),
        citations=finished.citations,
        claims=finished.claims,
        fabricated=finished.fabricated,
        uncited=finished.uncited,
        ungrounded=finished.ungrounded,
        model=draft.model,
        fallbacks=draft.fallbacks,
        faults=draft.faults,
        flags=finished.flags,
    )
