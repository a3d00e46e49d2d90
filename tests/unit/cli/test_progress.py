"""How far an index run is, as it is told."""

from __future__ import annotations

import io
import os
import pty
import threading
import time
from contextlib import redirect_stderr, suppress

import pytest

from agent_knowledge.cli import progress
from agent_knowledge.cli.progress import Lines, line, telling, waiting


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pipe_is_told_a_line_every_ten_seconds_and_nothing_of_short_runs():
    told: list[str] = []
    clock = Clock()
    lines = Lines(told.append, clock)
    for second in range(35):
        clock.now = 100.0 + second
        lines("handbook", 10 * second, 1000)
    assert told == [
        "handbook: 100 of 1,000 windows embedded, 10.0/s, about 90 s left",
        "handbook: 200 of 1,000 windows embedded, 10.0/s, about 80 s left",
        "handbook: 300 of 1,000 windows embedded, 10.0/s, about 70 s left",
    ]
    told.clear()
    short = Lines(told.append, clock)
    clock.now += 9.9
    short("handbook", 1000, 1000)
    assert told == []


def test_reading_and_embedding_have_paces_of_their_own():
    told: list[str] = []
    clock = Clock()
    lines = Lines(told.append, clock)
    for now, done, total in ((100, 0, 0), (120, 40, 0), (120, 0, 600), (140, 40, 600)):
        clock.now = now
        lines("site", done, total)
    assert told == [
        "site: 40 documents read, 2.0/s",
        "site: 40 of 600 windows embedded, 2.0/s, about 5 min left",
    ]


@pytest.mark.parametrize(
    ("done", "elapsed", "left"),
    [(1, 0.0, ""), (0, 5.0, ""), (1, 0.001, "1 s"), (1, 100.0, "28 h"), (1000, 10.0, "")],
)
def test_an_estimate_is_told_where_there_is_one(done: int, elapsed: float, left: str):
    assert line("s", done, 1000, elapsed).partition("about ")[2].removesuffix(" left") == left


def test_a_terminal_has_a_bar_with_rate_and_estimate():
    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def watch() -> None:
        with suppress(OSError):  # Linux's way to say that nothing more comes
            while said := os.read(ours, 10_000):
                shown.append(said)

    watcher = threading.Thread(target=watch)
    watcher.start()
    terminal = os.fdopen(theirs, "w")
    with terminal, redirect_stderr(terminal), telling(silent=False) as told:
        assert told
        told("handbook", 1, 0)
        for done in range(5):
            told("handbook", done, 4)
            time.sleep(0.02)
    watcher.join()
    os.close(ours)
    last = b"".join(shown).decode().rpartition("handbook")[2]
    assert "4/4" in last
    assert "/s" in last


def test_who_wants_json_is_told_nothing_else():
    err = io.StringIO()
    with redirect_stderr(err), telling(silent=True) as told:
        assert told is None


def test_a_pipe_is_told_that_something_of_unknown_length_goes_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    err = io.StringIO()
    with redirect_stderr(err), waiting("fitting"):
        end = time.monotonic() + 20
        while "fitting: 1 s so far" not in err.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
    told = err.getvalue()
    assert told.startswith("fitting: 1 s so far\n")
    time.sleep(0.05)
    assert err.getvalue() == told, "what is over is not told of"
