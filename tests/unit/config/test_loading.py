from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import ConfigError

DESIGN = """\
# agent-knowledge.yaml
embedding: minilm                     # packaged, offline
store: {kind: chroma, path: .agent-knowledge}   # or {kind: pgvector, url: "${DATABASE_URL}"}
models:
  default: extractive                 # offline
sources:
  handbook: {path: docs/, description: "Policies on refunds and warranty", changes: weekly}
  faq: {path: faq.jsonl}              # {"id","title","text",...}; the rest is metadata
  web: {external: true, description: general web search}   # the host passes a retriever
examples:
  ticket-triage: {file: triage.jsonl, description: Put a support ticket into its queue, k: 4}
  brand-voice: {file: voice.jsonl, description: Answer in our voice, kind: style}
endpoints:
  triage-ft: {model: "openai:ft:...", base_url: null, api_key: "${FT_KEY}", serves: ticket-triage,
              training: {examples: 2400, data_as_of: 2026-06-01}, timeout_s: 10}
agents:
  support:
    description: Answers customers of Acme
    system_prompt: prompts/support.md
    sources: [handbook, faq]
    examples: [ticket-triage, brand-voice]
    endpoint: triage-ft
    policy:
      citations: when_retrieved        # default; always: every task is grounded and cited; never
      unsupported: annotate            # default; strip | repair | refuse
      when_unsure: retrieve            # default; direct | ask
      on_failure: next_rung            # default; raise
      context_tokens: 2000             # budget for passages and examples
      latency_budget_ms: null
"""

BROKEN = """\
embeding: minilm
store:
  kind: postgres
sources:
  handbook: {path: docs/, external: true}
  two words: {path: faq.jsonl}
endpoints:
  ft: {model: openai:x, serves: triag}
examples:
  triage: {file: triage.jsonl, k: 0}
agents:
  support:
    sources: [handbok]
    examples: triage
    endpoint: ft2
    policy:
      when_unsure: retreive
      k: many
"""


SET = "examples: {s: {file: f}}\n"
ENDPOINT = "endpoints: {e: {model: m, serves: s}}\n"
FAULTS = """
embeding (line 1): unknown key; did you mean 'embedding'?
store.kind (line 3): 'postgres' is not accepted; known: chroma, pgvector, qdrant
sources.handbook (line 5): give exactly one of path (file, folder or glob), url, sitemap,\
 retriever, loader, or external: true; it has path and external
sources.two words (line 6): 'two words' is no name; use letters, digits, '.', '_' and '-',\
 at most 63
endpoints.ft.serves (line 8): no example set 'triag'; did you mean 'triage'?
examples.triage.k (line 10): 0 is not accepted: input should be greater than or equal to 1
agents.support.sources.0 (line 13): no source 'handbok'; did you mean 'handbook'?
agents.support.examples (line 14): expected a list, as in [first, second], found 'triage'
agents.support.endpoint (line 15): no endpoint 'ft2'; did you mean 'ft'?
agents.support.policy.when_unsure (line 17): 'retreive' is not accepted; did you mean 'retrieve'?\
 Accepted: retrieve, direct, ask
agents.support.policy.k (line 18): 'many' is not accepted: input should be a valid integer,\
 unable to parse string as an integer
"""


def faults_of(text: str) -> list[str]:
    """The lines of the error, without the first one."""
    with pytest.raises(ConfigError) as caught:
        KnowledgeConfig.parse(text)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def message_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        KnowledgeConfig.parse(text)
    return str(caught.value)


def test_the_configuration_of_the_design_loads_as_shown():
    config = KnowledgeConfig.parse(DESIGN)
    assert list(config.sources) == ["handbook", "faq", "web"]
    assert config.sources["web"].external
    assert config.examples["brand-voice"].kind == "style"
    assert str(config.endpoints["triage-ft"].training.data_as_of) == "2026-06-01"
    support = config.agents["support"]
    assert support.sources == ("handbook", "faq")
    assert support.endpoint == "triage-ft"
    assert support.policy.latency_budget_ms is None


def test_the_defaults_are_those_that_the_design_names():
    policy = KnowledgeConfig.parse("agents: {x: {}}").agent("x").policy
    chosen = policy.citations, policy.unsupported, policy.when_unsure, policy.on_failure
    assert chosen == ("when_retrieved", "annotate", "retrieve", "next_rung")
    assert policy.context_tokens == 2000


def test_every_fault_is_reported_at_once_in_the_order_of_the_file():
    assert "\n".join(faults_of(BROKEN)) == FAULTS.strip()


def test_the_first_line_names_the_file_and_counts_the_faults(tmp_path: Path):
    file = tmp_path / "bad.yaml"
    file.write_text(BROKEN)
    with pytest.raises(ConfigError) as caught:
        KnowledgeConfig.from_yaml(file)
    assert str(caught.value).startswith(f"{file}: 11 faults\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sources:\n  a: {path: x}\n  a: {path: y}", "sources.a (line 2): is given twice"),
        ("sources: {a: {path: x,\n path: y}}", "sources.a.path (line 1): is given twice"),
        ("endpoints: {e: {serves: s}}", "endpoints.e.model (line 1): is required and missing"),
        ("sources: {no: {path: x}}", "(line 1): False is no name;"),
        ("sources: {1: {path: x}}", "sources.1 (line 1): 1 is no name;"),
        ("sources: docs/", "sources (line 1): expected keys and values, found a str"),
        ("sources: {a: {path: [x]}}", "a list is not accepted"),
        ("agents: {x: {policy: {k: .nan}}}", "agents.x.policy.k (line 1): nan"),
        ("agents: {x: {policy: {thresholds: {fresh: .inf}}}}", "thresholds.fresh (line 1): inf"),
        ("agents: {x: {policy: {thresholds: {fresh: .nan}}}}", "thresholds.fresh (line 1): nan"),
        ("agents: {x: {policy: {leaning: {few_shot: .nan}}}}", "leaning.few_shot (line 1): nan"),
        ("agents: {x: {policy: {leaning: {retrieval: -5.1}}}}", "leaning.retrieval (line 1): -5.1"),
        ("agents: {x: {policy: {leaning: {direct: 1}}}}", "leaning.direct (line 1): unknown key"),
        (
            SET + "endpoints: {e: {model: m, serves: s,\n training: {data_as_of: 2026-13-45}}}",
            "endpoints.e.training.data_as_of (line 3): '2026-13-45' is not accepted",
        ),
        (
            SET + ENDPOINT + "agents: {x: {endpoint: e}}",
            "agents.x.endpoint (line 3): it serves 's', which is not among this agent's examples",
        ),
        ("agents: {x: {sources: [a]}}", "agents.x.sources.0 (line 1): no source 'a'; none is"),
        (
            "sources: {1: {path: a}, b: {path: c}}\nagents: {x: {sources: [d]}}",
            "agents.x.sources.0 (line 2): no source 'd'; known: 1, b",
        ),
        (
            SET + ENDPOINT + "agents: {x: {endpoint: e, examples: 5}}",
            "agents.x.examples (line 3): expected a list",
        ),
        ("agents: {x: {endpoints: e}}", "agents.x.endpoints (line 1): unknown key; did you mean"),
        ("agents: {x: {policy: {zzz: null}}}", "agents.x.policy.zzz (line 1): unknown key; known:"),
        ("1: 2", "1 (line 1): 1 is not accepted: keys should be strings"),
    ],
)
def test_a_fault_is_named_with_its_place_and_value(text: str, fault: str):
    assert fault in "\n".join(faults_of(text))


@pytest.mark.parametrize(("gone", "instead"), [("gap", "retrieval"), ("clear_pattern", "pattern")])
def test_a_threshold_that_is_gone_says_what_became_of_it_and_what_to_do(gone: str, instead: str):
    text = f"agents:\n  x:\n    policy:\n      thresholds: {{{gone}: 0.7, fresh: 0.4}}"
    (fault,) = faults_of(text)
    assert fault.startswith(f"agents.x.policy.thresholds.{gone} (line 4): is gone: ")
    assert f"'{instead}' is its threshold" in fault
    assert "take this key out" in fault
    assert "'agent-knowledge tune' fits policy.leaning" in fault


@pytest.mark.parametrize("text", ["- a\n- b", "just words", "42"])
def test_something_else_than_keys_is_refused_at_the_top(text: str):
    assert "the file: expected keys such as 'agents:'" in message_of(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("agents:\n  x: y: z", "line 2, column 7"),
        ("agents: [", "line 1, column 10"),
        ("a: 1\n---\nb: 2", "line 2"),
        ("? [a]\n: b", "line 1"),
        ("a: \x00", "not valid YAML"),
        ("[" * 100_000, "not valid YAML"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, place: str):
    message = message_of(text)
    assert place in message
    assert "not valid YAML" in message


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!mine"]
)
def test_tags_make_no_objects(tag: str):
    assert "could not determine a constructor" in message_of(f"embedding: {tag} [echo]")


@pytest.mark.parametrize(
    "text",
    [
        "agents: &a {x: *a}",
        "agents: &a {x: {sources: [*a]}}",
        "sources: &a [*a]",
        "a: &a {<<: *a}",
        "agents: {x: &x {policy: *x}}",
    ],
)
def test_an_alias_of_itself_is_refused(text: str):
    assert message_of(text)


def test_anchors_and_merges_serve_to_share_a_policy():
    config = KnowledgeConfig.parse(
        "agents:\n  a: {policy: &careful {when_unsure: ask, k: 3}}\n"
        "  b: {policy: *careful}\n  c: {policy: {<<: *careful, k: 4}}\n"
    )
    policies = [config.agents[name].policy for name in "abc"]
    assert [(p.when_unsure, p.k) for p in policies] == [("ask", 3), ("ask", 3), ("ask", 4)]


def test_a_key_without_a_value_takes_its_default():
    config = KnowledgeConfig.parse(
        "store:\nsources:\nagents:\n  x:\n  y:\n    sources:\n    policy:\n"
    )
    assert config.agent("x").sources == config.agent("y").sources == {}
    assert config.store.kind == "chroma"


def test_an_empty_file_defines_no_agent():
    with pytest.raises(ConfigError, match="none is defined"):
        KnowledgeConfig.parse("").agent()


def test_a_missing_file_says_what_writes_one(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"no configuration at .*nowhere\.yaml.* init' writes"):
        KnowledgeConfig.from_yaml(tmp_path / "nowhere.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path):
    file = tmp_path / "agent-knowledge.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="must be a UTF-8 text file"):
        KnowledgeConfig.from_yaml(file)
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        KnowledgeConfig.from_yaml(tmp_path)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path):
    file = tmp_path / "agent-knowledge.yaml"
    file.write_bytes(b"\xef\xbb\xbfagents:\r\n  x: {}\r\n")
    assert list(KnowledgeConfig.from_yaml(file).agents) == ["x"]


_KEYS = st.sampled_from(
    ["sources", "examples", "endpoints", "agents", "policy", "store", "path", "serves", "x", "é"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(_VALUES)
def test_whatever_is_given_loads_or_is_refused_as_a_fault(value: object):

    with contextlib.suppress(ConfigError):
        KnowledgeConfig.parse(json.dumps(value))


def test_a_filter_says_itself_what_it_accepts():
    (fault,) = faults_of("sources: {rows: {path: a.csv, filter: {year: {above: 3}}}}")
    assert fault.startswith("sources.rows.filter (line 1): the filter's field 'year' has 'above';")


@pytest.mark.parametrize(
    ("origin", "key"),
    [
        ("url: ftp://files.example/a.md", "url"),
        ("url: [https://a.example/, file:///etc/hosts]", "url.1"),
        ("sitemap: www.example/sitemap.xml", "sitemap"),
    ],
)
def test_an_address_that_no_web_page_has_is_told_before_anything_is_read(origin: str, key: str):
    (fault,) = faults_of(f"sources: {{s: {{{origin}}}}}")
    assert fault.startswith(f"sources.s.{key} (line 1): begins with neither http:// nor https://")


@pytest.mark.parametrize("origin", ["url: '${WIKI}/start'", "sitemap: 'https://${HOST}/s'"])
def test_an_address_of_a_page_names_no_variable(origin: str):
    (fault,) = faults_of(f"sources: {{s: {{{origin}}}}}")
    assert "names a variable, which no address of a page may" in fault


def test_the_scheme_of_an_address_may_be_in_capitals():
    KnowledgeConfig.parse("sources: {t: {sitemap: HTTPS://e.example/s}}")
