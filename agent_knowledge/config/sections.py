"""The sections of a configuration: every key with its default and its meaning."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from agent_knowledge.errors import InputError
from agent_knowledge.types.filters import Filter

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""A resource's name: it becomes part of file and collection names."""
Text = Annotated[str, StringConstraints(min_length=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
ScreenPolicy = Literal["allow", "flag", "drop"]
"""What follows when text speaks to the model that will read it: nothing; it is told, to the model
too; or it is left out."""


class Section(BaseModel):
    """A part of a configuration: strict about its keys, and immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_defaults(cls, value: object) -> object:
        """A section or known key with nothing behind it, such as `sources:`, takes its default."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, object]", value)
        return {k: v for k, v in given.items() if v is not None or k not in cls.model_fields}


def _read_filter(written: dict[str, Any]) -> dict[str, Any]:
    try:
        Filter.of(written)
    except InputError as error:
        raise ValueError(str(error)) from error
    return written


WrittenFilter = Annotated[dict[str, Any], AfterValidator(_read_filter)]
"""A filter as it is written: see `types.filters.Filter.of`."""


class StoreConfig(Section):
    """Where indexes are kept.

    Attributes:
        kind: Which store: Chroma, embedded; PostgreSQL with pgvector; or Qdrant, by `url`
            or local in `path`.
        path: Folder of the embedded store, of a local Qdrant, and of all that belongs to no source:
            the vectors of example sets, the ledger.
        url: Of a server.
        api_key: Of a Qdrant server that asks for one.
        timeout_s: Seconds that one request to a server may take.
        pool: Connections to PostgreSQL that one process holds at most.
    """

    kind: Literal["chroma", "pgvector", "qdrant"] = "chroma"
    path: Text = ".agent-knowledge"
    url: SecretStr | None = None
    api_key: SecretStr | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 5
    pool: Annotated[int, Field(ge=1, le=100)] = 8


class ModelsConfig(Section):
    """Chat models: `extractive` (packaged, offline) or any `init_chat_model` string.

    `router` is what the router asks where a policy has it ask one; none means `default`. The
    limits hold for both, and for judges.

    Attributes:
        default: What answers whatever no endpoint serves: `extractive`, packaged and
            offline, or a string for `init_chat_model`, such as `openai:NAME`.
        router: What the router asks where a policy has it ask a model; never opened
            otherwise. A decision model is `decisions:NAME` or `systemone:NAME`.
        timeout_s: Seconds that one call may take. A model that thinks before it writes a long
            answer takes a minute or two.
        budget_s: Seconds that all calls for one task may take together, waiting included.
        retries: Calls after the first that a task may take, where a repetition is safe; as many
            as OpenAI's own client makes.
        router_url: Where a decision model is served; needed for `systemone:` models.
        router_key: Its key, as `${NAME}`.
        router_orders: 2 has a decision model read the options in both orders, and averages.
    """

    default: Text = "extractive"
    router: Text | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120
    budget_s: Annotated[float, Field(gt=0, le=3600)] = 240
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    router_url: SecretStr | None = None
    router_key: SecretStr | None = None
    router_orders: Literal[1, 2] = 1


class LogConfig(Section):
    """The log of decisions; without this section nothing is kept.

    Attributes:
        path: The file; default: `decisions.jsonl` in the store's folder.
        text: Of tasks, queries and answers: all of it, a hash that tells equal ones, or nothing.
        redact: Whether personal data and secrets are taken out of the text first, which takes the
            extra `personal-data`.
    """

    path: Text | None = None
    text: Literal["whole", "hash", "none"] = "none"
    redact: bool = True


class SourceConfig(Section):
    """One source of documents; exactly one key says what it is.

    Attributes:
        path: A file, folder or glob; with `kind: chroma` the folder of a Chroma database.
        kind: What lies at the path.
        collection: Which collection of a Chroma database.
        url: Web pages, one or a list.
        sitemap: A sitemap, whose pages are read.
        include: Of a sitemap, the pages whose address fits this pattern, as
            `https://example.org/docs/*`.
        limit: Of a sitemap, how many pages at most.
        retriever: `package.module:name` of a LangChain vector store or retriever, or of a function
            that makes one; imported only from where the host allows.
        loader: `package.module:name` of a LangChain document loader; imported likewise.
        options: What the retriever's function or the loader is called with.
        external: The host hands its retriever over in Python.
        description: What it holds, in a line; shown to the model by the tool.
        changes: How often its facts change.
        filter: What the metadata of its passages must say.
        tenant: The field of its metadata that names whose a document is; a search then sees the
            documents of one tenant alone.
        screen: What follows when a passage of it speaks to a model.
    """

    path: Text | None = None
    kind: Literal["files", "chroma"] = "files"
    collection: Text | None = None
    url: Text | Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    sitemap: Text | None = None
    include: Text | None = None
    limit: Annotated[int, Field(ge=1, le=100_000)] = 1000
    retriever: Text | None = None
    loader: Text | None = None
    options: dict[str, Any] = {}
    external: bool = False
    filter: WrittenFilter = {}
    tenant: Text | None = None
    description: str = ""
    changes: Literal["never", "yearly", "monthly", "weekly", "daily", "hourly"] | None = None
    screen: ScreenPolicy = "flag"


class ExampleSetConfig(Section):
    """One set of worked examples, JSON lines of {"input", "output"}.

    `kind: pattern` teaches what to put out; `kind: style` teaches how to sound.

    Attributes:
        file: JSON lines of {"input": ..., "output": ...}.
        description: What it teaches, in a line; shown by the tool and in questions to the
            user.
        kind: `pattern` teaches what to put out, `style` how to sound.
        k: Examples shown at most.
        selection: Which examples of a set of labels are shown: `balanced`, one of each of the `k`
            likeliest labels; or `weighted`, half of them of the likeliest label.
        order: Where the nearest example stands: `best_last`, next to the task, or `best_first`.
        template: A Markdown file that says how a task of this set is put to the model.
        output_schema: A JSON schema file; an answer by this set must be JSON that satisfies it.
        screen: What follows when an example speaks to a model; `index` reports flagged ones.
        tenant: The field of a row that names whose it is; a task then sees one tenant's alone.
    """

    file: Text
    tenant: Text | None = None
    description: str = ""
    kind: Literal["pattern", "style"] = "pattern"
    k: Annotated[int, Field(ge=1, le=64)] = 4
    selection: Literal["balanced", "weighted"] = "balanced"
    order: Literal["best_last", "best_first"] = "best_last"
    template: Text | None = None
    output_schema: Text | None = None
    screen: ScreenPolicy = "flag"


class TrainingConfig(Section):
    """What a fine-tuned model was trained on; the gate asks for it.

    Attributes:
        examples: How many it was trained on; the gate refuses fewer than 500.
        data_as_of: How old its data is, as 2026-06-01.
        file: Its rows, JSON lines or the folder of an export: cases among them are not measured on.
    """

    examples: Annotated[int, Field(ge=0)] | None = None
    data_as_of: date | None = None
    file: Text | None = None


class BreakerConfig(Section):
    """When an endpoint that keeps failing is left alone.

    Attributes:
        failures: Tasks that fail one after another before it is.
        reset_s: Seconds until one task may try it again.
    """

    failures: Annotated[int, Field(ge=1)] = 5
    reset_s: Annotated[float, Field(gt=0)] = 30


class EndpointConfig(Section):
    """A fine-tuned model behind an OpenAI-compatible URL or an `init_chat_model` string.

    Attributes:
        model: The model behind `base_url`, or without one a string for `init_chat_model`.
        base_url: An OpenAI-compatible address, best as `${NAME}`.
        api_key: Its key, best as `${NAME}`.
        serves: The example set that it was trained to replace; the agent must have it too.
        reason: Which of the guide's four reasons it was trained for; none means what the set that
            it serves is: a style or a pattern.
        training: What it was trained on; without it the gate stays shut.
        timeout_s: Seconds that one call may take.
        budget_s: Seconds that all calls for one task may take together, waiting included.
        retries: Calls after the first that a task may take, where a repetition is safe.
        breaker: When it is left alone because it keeps failing.
        hosting_usd_per_month: What its host costs; `advise` counts with it.
        allow_unproven: It may serve without a trial on record.
    """

    model: Text
    base_url: SecretStr | None = None
    api_key: SecretStr | None = None
    serves: Name
    reason: Literal["style", "domain_language", "pattern", "latency"] | None = None
    training: TrainingConfig = TrainingConfig()
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 10
    budget_s: Annotated[float, Field(gt=0, le=600)] = 20
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    breaker: BreakerConfig = BreakerConfig()
    hosting_usd_per_month: Annotated[float, Field(ge=0)] | None = None
    allow_unproven: bool = False


class PriceConfig(Section):
    """What a model costs, in US dollars per million tokens.

    Attributes:
        input: Of a prompt.
        output: Of an answer.
        cached_input: Of what a provider had of a prompt already; default: as `input`.
    """

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    cached_input: Annotated[float, Field(ge=0)] | None = None


class Thresholds(Section):
    """Where a probability begins to count. The one home of every threshold of the policy.

    Attributes:
        retrieval: A task is looked up when all evidence together reaches this for retrieval.
        fresh: A task's answer changes with time from here on.
        multi_hop: A task takes several look-ups from here on.
        coverage: A source is able to serve from here on; below it in all sources is a gap. Its
            default and that of `confidence` are chosen in docs/adr/0015.
        pattern: A task is an instance of an example set when all evidence together reaches this.
        confidence: A decision below this is unsure, and `when_unsure` decides.
    """

    retrieval: Probability = 0.5
    fresh: Probability = 0.5
    multi_hop: Probability = 0.5
    coverage: Probability = 0.2
    pattern: Probability = 0.5
    confidence: Probability = 0.55


LEANING_MOST = 5.0
"""Log-odds: 150 to one. An agent that leans further has no use for evidence, and should be given no
source or no set instead."""
LogOdds = Annotated[float, Field(ge=-LEANING_MOST, le=LEANING_MOST)]


class Leaning(Section):
    """What an agent's own tasks add to the evidence, in log-odds against `direct`.

    `agent-knowledge tune` fits it to labelled tasks.

    Attributes:
        retrieval: Above 0 more of them are looked up than the evidence says, below it fewer.
        few_shot: The same of tasks that are instances of an example set.
    """

    retrieval: LogOdds = 0.0
    few_shot: LogOdds = 0.0


class Policy(Section):
    """How an agent wants its tasks served.

    Attributes:
        citations: `when_retrieved`: answers from passages cite them; `always`: every task
            is grounded and cited, and no endpoint serves; `never`: no answer cites.
        unsupported: A claim that its passage does not support: say so in its citation, take
            its marker away, cite the passage that does support it, or refuse the whole
            answer.
        threshold: The probability of being supported from which a claim counts as such.
        judge_decides: A judge that is given decides on claims in the packaged check's place.
        when_unsure: Where the evidence carries no choice, or no source seems to hold what
            is needed: search all the same, use the prompt alone, or ask the user.
        ask_model_below: A decision less sure than this is put to a model first; none:
            never.
        query_rewrite: `model`: a chat model writes what a turn of a conversation searches
            for.
        on_failure: When the endpoint fails: serve by the examples of its set, or raise.
        k: Passages that are retrieved at most.
        rerank: What puts the found passages into their last order: `maxsim`, which reads the
            signatures of code word by word, or `package.module:name` of a LangChain cross-encoder
            or of a function `(query, texts) -> scores`.
        rerank_top: How many of the best found it is given.
        context_tokens: Budget for passages and examples together; what does not fit is left
            out and told.
        latency_budget_ms: The latency that an endpoint is meant to meet; no decision rests on it
            yet.
        thresholds: Where a probability begins to count.
        leaning: What the agent's own tasks add to the evidence; `agent-knowledge tune` fits
            it.
    """

    citations: Literal["when_retrieved", "always", "never"] = "when_retrieved"
    unsupported: Literal["annotate", "strip", "repair", "refuse"] = "annotate"
    threshold: Probability = 0.5
    judge_decides: bool = False
    when_unsure: Literal["retrieve", "direct", "ask"] = "retrieve"
    ask_model_below: Probability | None = None
    query_rewrite: Literal["none", "model"] = "none"
    on_failure: Literal["next_rung", "raise"] = "next_rung"
    k: Annotated[int, Field(ge=1, le=100)] = 5
    rerank: Text | None = None
    rerank_top: Annotated[int, Field(ge=1, le=1000)] = 50
    context_tokens: Annotated[int, Field(ge=64, le=1_000_000)] = 2000
    latency_budget_ms: Annotated[int, Field(ge=1)] | None = None
    thresholds: Thresholds = Thresholds()
    leaning: Leaning = Leaning()


class AgentConfig(Section):
    """What one agent has at hand; every key is optional.

    Attributes:
        description: Who it is, in a line.
        system_prompt: The file of its system prompt, which may have placeholders.
        variables: What placeholders of your own stand for.
        sources: Where its facts come from.
        examples: Its example sets.
        endpoint: Its fine-tuned endpoint.
        filter: What the metadata of all passages that it is shown must say.
        tenant: The key or attribute of LangGraph's runtime context that names whose documents a
            run may see; needed where a source or a set keeps its tenants apart.
        policy: How it wants its tasks served.
    """

    description: str = ""
    system_prompt: Text | None = None
    variables: dict[Name, str] = {}
    sources: tuple[Name, ...] = ()
    examples: tuple[Name, ...] = ()
    endpoint: Name | None = None
    filter: WrittenFilter = {}
    tenant: Text | None = None
    policy: Policy = Policy()
