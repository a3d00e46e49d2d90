"""What was measured is kept for good, whatever happens to a writer."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from agent_knowledge.errors import SourceError
from agent_knowledge.ledger import Ledger, StoredEvidence
from agent_knowledge.ledger.history import History
from tests.unit.trial_values import trial


def test_a_trial_is_read_back_as_it_was_written(tmp_path: Path):
    made = trial({"prompt": 0.4, "few_shot": 0.1}, versions={"system_prompt": "abc"}, target=0.9)
    Ledger(tmp_path).append(made)
    assert Ledger(tmp_path).trials() == (made,)
    assert Ledger(tmp_path).trials("another") == ()


def test_nothing_was_measured_where_there_is_no_ledger(tmp_path: Path):
    assert Ledger(tmp_path / "none").trials() == ()


def test_a_line_cut_off_by_a_crash_costs_itself_alone(tmp_path: Path):
    ledger = Ledger(tmp_path)
    ledger.append(trial({}, id="first"))
    with ledger.file.open("a") as file:
        file.write('{"id": "half')
    ledger.append(trial({}, id="second"))
    assert [one.id for one in ledger.trials()] == ["first", "second"]


def test_a_row_of_a_later_release_is_left_out_not_fatal(tmp_path: Path):
    ledger = Ledger(tmp_path)
    ledger.file.write_text('{"id": "strange"}\n[1]\nnull\n')
    ledger.append(trial({}))
    assert len(ledger.trials()) == 1


def test_a_line_that_was_changed_counts_for_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    ledger = Ledger(tmp_path)
    for name in ("first", "second"):
        ledger.append(trial({"prompt": 0.4}, id=name))
    text = ledger.file.read_text(encoding="utf-8")
    ledger.file.write_text(text.replace("0.4", "0.9", 1), encoding="utf-8")
    assert [one.id for one in Ledger(tmp_path).trials()] == ["second"]
    assert "line 1 of" in caplog.text
    assert str(ledger.file) in caplog.text
    assert "checksum differs" in caplog.text


def test_a_line_without_a_checksum_is_one_of_an_earlier_release(tmp_path: Path):
    ledger = Ledger(tmp_path)
    ledger.append(trial({}, id="early"))
    row = json.loads(ledger.file.read_text(encoding="utf-8"))
    del row["checksum"]
    ledger.file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert [one.id for one in Ledger(tmp_path).trials()] == ["early"]


@pytest.mark.parametrize(
    "content", [b"\xff\x00\n", b"[" * 100_000, b'{"checksum": []}', b"7\nnull\n"]
)
def test_garbage_in_the_ledger_ends_no_run(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
):
    ledger = Ledger(tmp_path)
    ledger.file.write_bytes(content)
    assert ledger.trials() == ()
    assert "line 1 of" in caplog.text


def test_a_ledger_that_cannot_be_read_is_told(tmp_path: Path):
    ledger = Ledger(tmp_path)
    ledger.file.mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        ledger.trials()


def _append(store: Path, first: int) -> None:
    for number in range(first, first + 20):
        Ledger(store).append(trial({}, id=str(number)))


def test_two_processes_may_write_at_once(tmp_path: Path):
    fork = multiprocessing.get_context("spawn")
    writers = [fork.Process(target=_append, args=(tmp_path, first)) for first in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {one.id for one in Ledger(tmp_path).trials()} == {str(n) for n in range(40)}


def test_evidence_is_that_of_the_endpoint_and_its_set(tmp_path: Path):
    ledger, history = Ledger(tmp_path), History(tmp_path)
    for made in (
        trial({}, id="own"),
        trial({}, id="another set", example_set="voice"),
        trial({}, id="another endpoint", endpoint="other"),
        trial({}, id="another agent", agent="other"),
    ):
        ledger.append(made)
    evidence = StoredEvidence(
        ledger=ledger,
        history=history,
        agent="agent",
        endpoint="triage-ft",
        serves="triage",
        examples="now",
    )
    assert [one.id for one in evidence.now().trials] == ["own"]
    assert evidence.now().examples_changed is None


def test_a_trial_is_seen_at_once_by_a_router_that_runs(tmp_path: Path):
    ledger = Ledger(tmp_path)
    assert ledger.trials() == ()
    Ledger(tmp_path).append(trial({}))
    assert len(ledger.trials()) == 1
