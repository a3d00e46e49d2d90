from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_knowledge.errors import InputError
from agent_knowledge.retrieval.examples import load_examples, read_examples
from tests.unit.fakes import CountingEmbedder


def lines(*rows: object) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)


def row(given: str, output: str = "billing") -> dict[str, str]:
    return {"input": given, "output": output}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "triage.jsonl"
    made.write_text(lines(row("I was charged twice"), row("Where is my parcel?", "shipping")))
    return made


def test_examples_are_read_in_order_and_other_keys_are_left_alone(tmp_path: Path):
    file = tmp_path / "t.jsonl"
    file.write_text(lines(row("a", "1") | {"id": 7}, "", "   ", row("b", "")), encoding="utf-8")
    assert [(e.input, e.output) for e in read_examples("t", file)] == [("a", "1"), ("b", "")]


def test_every_bad_line_is_listed_by_its_number(tmp_path: Path):
    file = tmp_path / "t.jsonl"
    deep = "[" * 100_000
    file.write_text(lines(row("ok"), "{", "", "[1]", '{"input": 1}', row(" "), deep))
    with pytest.raises(InputError) as caught:
        read_examples("t", file)
    head, *faults = [line.strip() for line in str(caught.value).splitlines()]
    assert head == f"examples.t: {str(file)!r} has 5 bad lines"
    assert faults[0].startswith("line 2: is not JSON (")
    assert faults[1:4] == [
        "line 4: is a JSON list, expected an object in braces",
        "line 5: no text under 'input' and 'output'",
        "line 6: 'input' is empty",
    ]
    assert faults[4].startswith("line 7: is nested too deeply")


def test_of_very_many_bad_lines_the_first_ten_are_shown(tmp_path: Path):
    file = tmp_path / "t.jsonl"
    file.write_text("{\n" * 25)
    with pytest.raises(InputError, match=r"25 bad lines(?s:.)*line 10: (?s:.)*and 15 more$"):
        read_examples("t", file)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_examples_is_refused(tmp_path: Path, text: str):
    file = tmp_path / "t.jsonl"
    file.write_text(text)
    with pytest.raises(InputError, match=r"examples\.t: .* holds no example; add lines"):
        read_examples("t", file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"examples\.t: cannot read .*gone\.jsonl.*No such file"):
        read_examples("t", tmp_path / "gone.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"input": "caf\xe9", "output": "x"}')
    with pytest.raises(InputError, match="give a UTF-8 JSON lines file"):
        read_examples("t", tmp_path / "latin.jsonl")


def test_windows_files_and_line_separators_inside_a_text_are_read(tmp_path: Path):
    file = tmp_path / "t.jsonl"
    odd = "one\u2028two\u0085three"
    text = json.dumps(row(odd), ensure_ascii=False) + "\r\n" + json.dumps(row("b")) + "\r\n"
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [example.input for example in read_examples("t", file)] == [odd, "b"]


def test_lone_surrogates_are_replaced(tmp_path: Path):
    file = tmp_path / "t.jsonl"
    file.write_text(r'{"input": "a\ud800b", "output": "\udfff"}')
    example = read_examples("t", file)[0]
    assert (example.input, example.output) == ("a\ufffdb", "\ufffd")


def test_a_set_is_embedded_once_and_then_read(file: Path, tmp_path: Path):
    embedder = CountingEmbedder()
    first = load_examples("triage", file, embedder, tmp_path / "store")
    again = load_examples("triage", file, embedder, tmp_path / "store")
    assert embedder.calls == 1
    assert (again.vectors == first.vectors).all()
    assert again.vectors.shape == (2, 2)
    assert (again.examples, again.digest) == (first.examples, first.digest)


def test_a_set_is_embedded_again_when_an_example_or_the_embedding_changed(
    file: Path, tmp_path: Path
):
    store = tmp_path / "store"
    embedder = CountingEmbedder()
    before = load_examples("triage", file, embedder, store)
    file.write_text(file.read_text().replace("twice", "three times"))
    after = load_examples("triage", file, embedder, store)
    assert embedder.calls == 2
    assert after.digest != before.digest
    other = CountingEmbedder(name="other")
    load_examples("triage", file, other, store)
    assert other.calls == 1


def test_blank_lines_and_file_times_are_no_change(file: Path, tmp_path: Path):
    embedder = CountingEmbedder()
    load_examples("triage", file, embedder, tmp_path)
    file.write_text("\n\n" + file.read_text() + "\n")
    load_examples("triage", file, embedder, tmp_path)
    assert embedder.calls == 1


def test_a_damaged_cache_is_made_again(file: Path, tmp_path: Path):
    embedder = CountingEmbedder()
    whole = load_examples("triage", file, embedder, tmp_path)
    cache = tmp_path / "examples" / "triage.npz"
    content = cache.read_bytes()
    for damaged in (b"", b"no archive", content[:-40], content[: len(content) // 2], b"PK\x03\x04"):
        cache.write_bytes(damaged)
        mended = load_examples("triage", file, embedder, tmp_path)
        assert (mended.vectors == whole.vectors).all()
    assert embedder.calls == 6


def test_a_flipped_byte_anywhere_in_the_cache_ends_no_run(file: Path, tmp_path: Path):
    embedder = CountingEmbedder()
    whole = load_examples("triage", file, embedder, tmp_path)
    cache = tmp_path / "examples" / "triage.npz"
    content = cache.read_bytes()
    for place in range(0, len(content), 3):
        cache.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        assert (load_examples("triage", file, embedder, tmp_path).vectors == whole.vectors).all()


def test_nothing_is_left_beside_the_cache(file: Path, tmp_path: Path):
    load_examples("triage", file, CountingEmbedder(), tmp_path)
    assert [path.name for path in (tmp_path / "examples").iterdir()] == ["triage.npz"]


def test_a_damaged_cache_is_told(file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    load_examples("triage", file, CountingEmbedder(), tmp_path)
    assert caplog.text == ""
    cache = tmp_path / "examples" / "triage.npz"
    cache.write_bytes(cache.read_bytes()[:-40])
    load_examples("triage", file, CountingEmbedder(), tmp_path)
    assert str(cache) in caplog.text
    assert "made anew" in caplog.text


def test_a_length_that_was_garbled_is_not_allocated(file: Path, tmp_path: Path):
    whole = load_examples("triage", file, CountingEmbedder(), tmp_path)
    cache = tmp_path / "examples" / "triage.npz"
    content = cache.read_bytes()
    cache.write_bytes(content.replace(b"(2, 2)", b"(9e9,)"))
    assert cache.read_bytes() != content
    again = load_examples("triage", file, CountingEmbedder(), tmp_path)
    assert (again.vectors == whole.vectors).all()
