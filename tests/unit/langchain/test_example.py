"""The example of an agent with sources, as a user runs it."""

from __future__ import annotations

import pytest

from examples.cited_agent import main


def test_both_answers_name_the_same_source(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    shown = capsys.readouterr().out
    assert shown.count("[1] supported: How long do I have to return something?") == 2
    assert "until 31 January. [1]" in shown
