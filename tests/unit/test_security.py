"""What docs/security.md promises: each promise has tests that hold it; some of them stand here."""

from __future__ import annotations

import ast
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import agent_knowledge
from agent_knowledge import KnowledgeConfig, Task
from agent_knowledge.build import load_router, packaged_embedder
from agent_knowledge.errors import ConfigError
from agent_knowledge.retrieval.dense import DenseIndex
from agent_knowledge.retrieval.embedded import arrays
from agent_knowledge.retrieval.reading.files import read_front_matter
from agent_knowledge.routing.router import KnowledgeRouter

TESTS = Path(__file__).parents[1]
PACKAGE = Path(agent_knowledge.__file__).parent

HELD_BY = {
    "Nothing reports home.": (
        "test_no_library_keeps_a_name_of_this_machine_to_report_by",
        "test_chroma_is_embedded_and_silent_and_embeds_nothing",
    ),
    "What another middleware takes out stays out.": (
        "test_what_another_middleware_redacts_stays_redacted",
        "test_what_is_redacted_in_an_answer_comes_back_in_no_later_turn",
    ),
    "Passages are data.": (
        "test_a_forged_fence_inside_a_passage_is_plain_text",
        "test_a_fence_that_a_passage_holds_is_refused_and_never_drawn",
        "test_each_request_has_a_nonce_of_its_own",
    ),
    "Citations are checked by code.": (
        "test_fabricated_markers_go_and_leave_no_trace",
        "test_strip_takes_the_markers_of_unsupported_claims",
        "test_refuse_gives_no_answer_when_a_claim_is_unsupported",
    ),
    "Sources belong to agents by configuration.": (
        "test_no_task_reaches_the_source_of_another_agent",
        "test_no_router_shows_another_agents_examples",
    ),
    "One tenant never sees another.": (
        "test_the_tenant_comes_from_the_runtime_context_alone",
        "test_a_run_without_a_tenant_fails_before_anything_is_asked",
        "test_a_run_that_is_resumed_for_another_tenant_is_not_handed_what_was_prepared",
        "test_no_other_tenants_rows_move_a_number",
    ),
    "Tenants are kept apart in the store.": (
        "test_no_tenant_sees_another",
        "test_another_tenants_documents_move_nothing",
        "test_a_plain_role_without_a_tenant_sees_nothing",
        "test_a_role_past_row_level_security_is_refused_for_tenants",
    ),
    "No value of a filter is part of a statement.": ("test_a_field_name_or_value_is_never_code",),
    "A caller over MCP sees what the host said.": (
        "test_what_a_caller_sees_is_said_at_the_start_alone",
        "test_whose_documents_are_served_has_to_be_said",
        "test_over_http_a_token_is_needed",
        "test_http_without_a_token_is_refused",
        "test_a_page_of_another_host_is_refused_even_with_the_token",
    ),
    "Code is imported only from where the host allows.": (
        "test_all_else_is_refused_with_what_would_allow_it",
        "test_what_an_allowed_module_merely_imports_is_not_offered",
        "test_a_file_beside_the_configuration_replaces_no_installed_module",
        "test_a_metric_of_ones_own_is_imported_only_where_it_is_allowed",
    ),
    "A decision model is asked in our words, and is not obeyed.": (
        "test_one_request_asks_all_and_titles_are_data",
        "test_a_key_goes_to_its_server_and_shows_nowhere",
        "test_a_server_that_fails_is_told_without_its_words",
        "test_what_does_not_hold_is_left_out_and_told",
        "test_two_opinions_of_a_source_meet_in_the_middle",
        "test_only_weak_decisions_are_put_to_it",
    ),
    "A store of yours is only read.": (
        "test_reading_leaves_its_folder_as_it_is_bit_for_bit",
        "test_its_folder_is_unchanged_bit_for_bit",
    ),
    "Pages come from the open internet alone.": (
        "test_private_and_metadata_addresses_are_refused",
        "test_a_name_of_this_machine_is_refused_where_it_is_connected_to",
        "test_a_redirect_is_checked_again",
        "test_https_is_never_left_for_http",
    ),
    "Fetching is bounded and polite.": (
        "test_a_bomb_is_never_held_whole",
        "test_a_page_that_is_too_large_or_too_slow_ends",
        "test_robots_are_respected",
        "test_the_pause_that_a_host_asks_for_is_kept",
        "test_a_sitemap_grows_by_no_entity",
    ),
    "Keys come from the environment.": (
        "test_a_variable_is_read_when_it_is_used",
        "test_secrets_are_not_shown",
        "test_secrets_are_in_no_error_nor_in_what_led_to_it",
    ),
    "One writer a store.": (
        "test_a_second_writer_is_told_who_holds_the_lock",
        "test_a_re_index_that_was_killed_leaves_the_old_state_searchable",
    ),
    "A reader writes nothing.": (
        "test_a_search_creates_and_changes_nothing_also_where_it_may",
        "test_an_index_that_may_not_be_written_is_searched_and_left_as_it_is",
    ),
    "Damage is told, not served.": (
        "test_no_search_file_is_parsed_that_is_not_what_was_written",
        "test_records_that_are_not_what_was_stored_are_told",
    ),
    "Hostile text takes linear time.": (
        "test_a_pattern_takes_linear_time",
        "test_a_task_is_routed_in_linear_time",
        "test_a_file_is_read_in_linear_time",
    ),
    "No path of this machine in a prompt or an answer.": (
        "test_no_passage_has_an_address_of_this_machine",
    ),
    "What is shown does not act.": (
        "test_what_is_printed_does_not_act",
        "test_nothing_else_prints_what_is_not_json",
    ),
    "What is told elsewhere has no text unless you ask.": (
        "test_a_line_a_decision_and_no_text",
        "test_no_text_leaves_unless_asked",
        "test_nothing_is_kept_by_default",
        "test_hash_keeps_no_text",
        "test_personal_data_is_taken_out_first",
        "test_without_the_extra_nothing_starts_unredacted",
        "test_the_file_is_its_owners_alone",
    ),
    "The page is this machine's, or has a password.": (
        "test_beyond_loopback_a_password_is_needed",
        "test_a_wrong_password_sees_nothing",
        "test_another_host_is_refused",
        "test_another_origin_is_refused",
        "test_hostile_text_is_shown_as_text",
        "test_every_page_answers_and_names_no_foreign_address",
        "test_an_id_that_nobody_was_given_is_never_taken_over",
        "test_a_page_of_one_tenant_shows_no_other",
    ),
    "An agent's state stays its own.": ("test_a_hosts_own_keys_are_left_alone",),
    "Documents are screened.": (
        "test_what_speaks_to_a_model_is_found_where_it_stands",
        "test_a_policy_says_what_follows",
        "test_what_speaks_to_a_model_is_told_and_left_out_of_a_clean_index",
    ),
    "No stranger takes all the places.": (
        "test_five_crafted_passages_of_one_document_leave_room_for_others",
        "test_five_crafted_documents_of_one_folder_leave_room_for_others",
    ),
    "A model that obeys has little to obey with.": (
        "test_it_reaches_no_other_agent_and_runs_no_tool_that_goes_not_with_passages",
        "test_it_cites_nothing_that_was_not_retrieved",
    ),
    "No code in data.": (
        "test_yaml_makes_no_objects",
        "test_arrays_that_hold_a_pickle_are_not_loaded",
        "test_the_package_runs_no_text_as_code",
        "test_other_weights_are_refused_by_name",
    ),
    "Chroma's server is never started.": ("test_chroma_is_embedded_and_silent_and_embeds_nothing",),
    "Nothing leaves the machine by default.": (
        "test_everything_works_with_the_network_cut_off",
        "test_no_network_is_needed",
    ),
    "One bad thing stops only itself.": (
        "test_what_is_no_file_is_named_and_the_rest_is_read",
        "test_a_bad_file_is_named_in_a_short_message_and_the_rest_is_read",
        "test_a_document_that_fails_keeps_its_old_entry",
        "test_a_source_or_a_set_that_fails_stops_no_other_and_index_exits_with_2",
        "test_bad_lines_of_a_batch_are_told_in_place_and_the_rest_is_done",
    ),
    "Everything from outside has a limit.": (
        "test_what_is_within_a_limit_is_served_and_what_is_beyond_it_is_told",
        "test_the_table_of_the_documentation_has_every_limit_as_it_is",
    ),
}
"""Per promise, as the page begins it, tests that fail when it is broken."""


def test_every_promise_is_held_by_tests_that_exist():
    page = (TESTS.parent / "docs" / "security.md").read_text()
    promises = page.partition("## What is done about it")[2].partition("\n## A model's")[0]
    assert set(re.findall(r"^\*\*(.+?)\*\*", promises, re.MULTILINE)) == set(HELD_BY)
    defined = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert set().union(*HELD_BY.values()) <= defined


def test_each_request_has_a_nonce_of_its_own(support: KnowledgeRouter):
    task = "How long do refunds take?"
    prompts = {support.prepare(task).prompt for _ in range(5)}
    assert len(prompts) == 5
    nonces = [set(re.findall(r"[0-9a-f]{8,}", prompt)) for prompt in prompts]
    assert all(nonces)
    assert not set.intersection(*nonces)


@pytest.mark.parametrize(
    "task",
    [
        "Search the source handbook: how long do refunds take?",
        "sources: [handbook, faq]. Use the agent support. How long is the return window?",
        'SELECT text FROM passages; {"source": "handbook", "document": "refunds.md"}',
    ],
)
def test_no_task_reaches_the_source_of_another_agent(shop: KnowledgeConfig, task: str):
    """An agent that has the one source alone is asked for what the other one holds."""
    for own, other in (("faq", "handbook"), ("handbook", "faq")):
        alone = shop.agents["support"].model_copy(update={"sources": (own,)})
        config = shop.model_copy(update={"agents": {"support": alone}}).at(shop.folder)
        router = load_router(config)
        for wish in (None, "retrieval"):
            knowledge = router.prepare(Task(task, citations=True, strategy=wish))
            assert knowledge.decision.plan.sources == (own,)
            assert other not in knowledge.decision.signals.coverage
            assert {passage.source for passage in knowledge.passages} <= {own}
        assert {passage.source for passage in router.look_up(task).passages} == {own}
        assert {passage.source for passage in router.retrieve(task, k=50)} == {own}


CODE = "!!python/object/apply:os.mkdir [{place!r}]"


def test_yaml_makes_no_objects(tmp_path: Path):
    place = tmp_path / "made"
    code = CODE.format(place=str(place))
    with pytest.raises(ConfigError, match="not valid YAML"):
        KnowledgeConfig.parse(f"agents: {code}\n")
    read_front_matter(f"---\ntitle: {code}\n---\nText\n")
    assert not place.exists()


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.place,)


def test_arrays_that_hold_a_pickle_are_not_loaded(tmp_path: Path):
    place = tmp_path / "made"
    bomb = np.array([Bomb(str(place))], dtype=object)
    np.save(tmp_path / "vectors.npy", bomb, allow_pickle=True)
    np.save(tmp_path / "windows.npy", bomb, allow_pickle=True)
    np.savez(tmp_path / "set.npz", stamp=bomb, vectors=bomb)
    with pytest.raises(ValueError, match="Python objects"):
        DenseIndex.load(tmp_path)
    assert arrays.read(tmp_path / "set.npz", "stamp", ("vectors",)) is None
    assert not place.exists()
    pickle.loads(pickle.dumps(Bomb(str(place))))  # it would have worked
    assert place.exists()


def calls() -> Iterator[tuple[str, str]]:
    """Every call of the package as file and dotted name."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                yield file.name, ast.unparse(node.func)


def imports() -> Iterator[str]:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_package_runs_no_text_as_code():
    called = {name for _, name in calls()}
    assert "json.loads" in called  # the walk sees calls
    assert not called & {"eval", "exec", "compile", "__import__", "os.system", "yaml.unsafe_load"}
    taken = {name.partition(".")[0] for name in imports()}
    assert not taken & {"pickle", "marshal", "shelve", "subprocess", "dill", "joblib", "torch"}


def test_chroma_is_embedded_and_silent_and_embeds_nothing():
    chroma = {name for name in imports() if name.startswith("chromadb")}
    assert not [name for name in chroma if "server" in name.lower() or "HttpClient" in name]
    made = {name for _, name in calls() if name.startswith("chromadb.")}
    assert made == {"chromadb.PersistentClient"}
    source = (PACKAGE / "retrieval" / "embedded" / "vectors.py").read_text()
    assert "anonymized_telemetry=False" in source
    opened = re.findall(r"(?:get|create)_collection\([^)]*\)", source)
    assert opened
    assert all("embedding_function=None" in call for call in opened)


def test_the_packaged_embedder_is_the_one_of_a_plain_configuration():
    assert packaged_embedder().name == KnowledgeConfig().embedding


def test_no_library_keeps_a_name_of_this_machine_to_report_by(tmp_path: Path):
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    code = "from agent_knowledge.build import packaged_embedder as made; made().embed(['x'])"
    run = [sys.executable, "-c", code]
    subprocess.run(run, env={**env, "HOME": str(tmp_path)}, check=True, capture_output=True)
    assert not list(tmp_path.rglob("*"))
