"""The examples run as they stand, offline."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_chatbot_answers_with_route_and_sources_and_changes_agents() -> None:
    said = "How long is the return window?\n/agent writer\nHello there\n/quit\n"
    command = [sys.executable, str(ROOT / "examples" / "chatbot.py")]
    ran = subprocess.run(
        command, input=said, capture_output=True, text=True, check=True, timeout=120
    )
    assert "support> " in ran.stdout
    assert "(retrieval: " in ran.stdout
    assert "30 days" in ran.stdout
    assert "  [1] " in ran.stdout
    assert "writer> " in ran.stdout
    assert len((ROOT / "examples" / "chatbot.py").read_text().splitlines()) < 60


@pytest.mark.slow
def test_the_sources_page_shows_an_answer_with_its_passages(tmp_path: Path) -> None:
    page = tmp_path / "answer.html"
    command = [
        sys.executable,
        str(ROOT / "examples" / "sources_page.py"),
        "How long do refunds take?",
    ]
    ran = subprocess.run(
        [*command, str(page)], capture_output=True, text=True, check=True, timeout=120
    )
    assert "citations, " in ran.stdout
    assert "<mark>We refund within 5 business days" in page.read_text(encoding="utf-8")
