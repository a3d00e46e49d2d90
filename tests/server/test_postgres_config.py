"""A configuration with `store: {kind: pgvector}`, from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agent_knowledge import load_router
from agent_knowledge.cli import main
from agent_knowledge.types.filters import Scope

CONFIG = """
embedding: minilm
store: {kind: pgvector, path: store, url: "${SHOP_DATABASE}", timeout_s: 5}
models: {default: extractive}
sources:
  handbook: {path: handbook, description: How the shop works}
  notes: {path: notes.jsonl, description: Notes on customers, tenant: customer}
agents:
  support: {sources: [handbook]}
"""


@pytest.fixture
def shop(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of a shop whose store is the database."""
    monkeypatch.setenv("SHOP_DATABASE", url)
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "returns.md").write_text(
        "# Returns\n\nKettles can be returned within 45 days of delivery.\n"
    )
    (tmp_path / "handbook" / "shipping.md").write_text(
        "# Shipping\n\nParcels to islands take nine days.\n"
    )
    rows = [
        {"id": "1", "text": "Acme pays within 14 days.", "customer": "acme"},
        {"id": "2", "text": "Bolt pays within 90 days.", "customer": "bolt"},
    ]
    (tmp_path / "notes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    file = tmp_path / "agent-knowledge.yaml"
    file.write_text(CONFIG)
    return file


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["agent-knowledge", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def test_index_ask_and_doctor(
    shop: Path, capsys: pytest.CaptureFixture[str], postgres_server, database: str
):
    where = ("--config", str(shop))
    code, out, err = ran(capsys, "index", "--json", *where)
    assert code == 0, err
    [handbook, notes] = json.loads(out)["sources"]
    assert (handbook["added"], notes["added"]) == (2, 2)
    assert not (shop.parent / "store" / "passages.sqlite3").exists()

    code, out, err = ran(capsys, "ask", "How long can I return a kettle?", *where)
    assert code == 0, err
    assert "45 days" in out

    code, out, err = ran(capsys, "doctor", "--json", *where)
    told = {check["what"]: check for check in json.loads(out)["checks"]}
    assert told["store"]["state"] == "ok"
    assert "PostgreSQL 1" in told["store"]["detail"]
    assert "role 'app'" in told["store"]["detail"]
    assert told["source handbook"]["detail"].startswith("2 passages")
    assert postgres_server.password not in out + err

    code, out, _ = ran(capsys, "index", "--remove", "handbook", "--json", *where)
    assert json.loads(out) == {"removed": {"handbook": 2}}


def test_what_is_indexed_moves_without_embedding(shop: Path, capsys: pytest.CaptureFixture[str]):
    on_server = shop.read_text()
    shop.write_text(on_server.replace("kind: pgvector", "kind: chroma"))
    where = ("--config", str(shop))
    assert ran(capsys, "index", *where)[0] == 0
    code, out, err = ran(capsys, "move", "--to", "${SHOP_DATABASE}", "--json", *where)
    assert (code, json.loads(out)) == (0, {"moved": {"handbook": 2, "notes": 2}}), err
    shop.write_text(on_server)
    rows = json.loads(ran(capsys, "index", "--json", *where)[1])["sources"]
    assert [(row["unchanged"], row["updated"], row["embedded"]) for row in rows] == [(2, 0, 0)] * 2
    assert "45 days" in ran(capsys, "ask", "How long can I return a kettle?", *where)[1]
    code, _, err = ran(capsys, "move", "--to", "ftp://x", *where)
    assert code == 2
    assert "only the embedded store" in err


def test_a_tenant_is_shown_its_own_alone(shop: Path, capsys: pytest.CaptureFixture[str]):
    text = shop.read_text().replace("sources: [handbook]", "sources: [notes], tenant: customer")
    shop.write_text(text)
    assert ran(capsys, "index", "--config", str(shop))[0] == 0
    router = load_router(shop).scoped(Scope(tenant="acme"))
    found = router.retrieve("When does Bolt pay? Within 90 days?")
    assert [one.text for one in found] == ["Acme pays within 14 days."]
    router.close()
