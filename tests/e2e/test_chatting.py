"""`ask --stream` and `chat`: an answer as it comes, and the verified one below it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.e2e.conftest import CommandLine, Ran

REFUND = "How long is the return window?"
SLOW = "How slow are you?"


def event(delta: dict[str, str], ends: str | None) -> str:
    """A piece of a stream, as OpenAI's protocol has it."""
    row = {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": ends}],
    }
    return f"data: {json.dumps(row)}\n\n"


def events(request: Request) -> Response:
    """A streaming model: it cites, invents a marker, and hangs when it is asked how slow it is."""
    asked = str(request.get_json()["messages"][-1]["content"])

    def pieces() -> Iterator[str]:
        said = [
            "You have 30 days ",
            "from the day of delivery to send an item back [",
            "1].",
            " [9]",
        ]
        for piece in said:
            yield event({"content": piece}, None)
            if SLOW in asked and piece is said[0]:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.5)
        yield event({}, "stop") + "data: [DONE]\n\n"

    return Response(pieces(), content_type="text/event-stream")


@pytest.fixture
def told(
    in_shop: CommandLine, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(events)
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    return in_shop


def chat(command: CommandLine, *lines: str, options: tuple[str, ...] = ()) -> Ran:
    return command("chat", *options, stdin="\n".join(lines) + "\n")


def test_a_stream_ends_with_the_verified_answer(told: CommandLine) -> None:
    ran = told("ask", REFUND, "-a", "support", "--model", "openai:m", "--stream")
    assert ran.code == 0, ran.err
    streamed, verified = ran.out.split("as verified", 1)
    assert streamed.startswith("You have 30 days from the day of delivery")
    assert "[9]" in streamed, "what came, as it came"
    answer, notes = verified.split("\n  [1] ", 1)
    assert "send an item back [1]." in answer
    assert "[9]" not in answer
    assert "removed markers that name no passage" in notes
    assert "because" in notes


def test_an_answer_that_holds_is_not_repeated(in_shop: CommandLine) -> None:
    ran = in_shop("ask", REFUND, "-a", "support", "--stream")
    assert ran.out.count("30 days from the day of delivery") == 1
    said, found = ran.out.split("verified -")
    assert said.strip().endswith("[1]")
    assert "handbook: refunds-and-returns.md" in found


def test_as_json_no_piece_ends_within_a_marker(told: CommandLine) -> None:
    ran = told("ask", REFUND, "-a", "support", "--model", "openai:m", "--stream", "--json")
    *pieces, last = ran.rows
    said = [row["piece"] for row in pieces]
    assert "".join(said) == (
        "You have 30 days from the day of delivery to send an item back [1]. [9]"
    )
    assert not any(piece.count("[") > piece.count("]") for piece in said)
    assert last["answer"]["fabricated"] == ["9"]
    assert last["answer"]["decision"]["strategy"] == "retrieval"


def test_a_stream_takes_one_task(in_shop: CommandLine) -> None:
    for other in (("--format", "html", REFUND), ("--input", "-")):
        ran = in_shop("ask", "-a", "support", "--stream", *other)
        assert ran.code == 2
        assert f"{other[0]} takes whole ones" in ran.err


def test_a_chat_follows_up_and_switches_agents(in_shop: CommandLine) -> None:
    ran = chat(
        in_shop,
        "/why",
        REFUND,
        "/sources",
        "What does [1] say?",
        "/why",
        "/agent",
        "/agent writer",
        "/sources",
        "/quit",
        REFUND,
    )
    assert ran.code == 0, ran.err
    assert ran.out.startswith("support listens; /agent changes to desk, writer")
    assert ran.out.count("nothing is answered yet") == 2, "before the first answer of each talk"
    assert "is handed over again" in ran.out, "the second question was read as a follow-up"
    assert "all evidence together" in ran.out
    assert "refunds-and-returns.md, lines" in ran.out
    assert "writer  Writes short texts in the shop's voice" in ran.out
    assert "writer listens" in ran.out
    assert ran.out.count("30 days from the day") == 3, "what follows /quit is not read"


def test_what_is_wrong_with_a_line_ends_no_chat(in_shop: CommandLine) -> None:
    ran = chat(in_shop, "/agent suport", "/wy", "/nonsense", "", REFUND, options=("-a", "desk"))
    assert ran.code == 0
    assert "did you mean 'support'?" in ran.err
    assert "did you mean '/why'?" in ran.err
    assert "known: /agent, /help, " in ran.err, "each command once"
    assert "30 days" in ran.out, "the desk still listens, and the end of the input is the end"


def test_a_byte_that_is_no_text_ends_no_chat(in_shop: CommandLine) -> None:
    ran = in_shop("chat", "-a", "support", stdin=b"caf\xe9\n" + REFUND.encode() + b"\n")
    assert ran.code == 0, ran.err
    assert "30 days" in ran.out


def test_a_slash_alone_makes_no_command(in_shop: CommandLine) -> None:
    ran = chat(in_shop, "/etc/hosts is what?", options=("-a", "writer"))
    assert "is no command" not in ran.err
    assert "(direct" in ran.out or "(few_shot" in ran.out or "(retrieval" in ran.out


def test_ctrl_c_ends_an_answer_and_not_the_chat(told: CommandLine) -> None:
    ran = chat(told, SLOW, REFUND, options=("-a", "support", "--model", "openai:m"))
    assert ran.code == 0, ran.err
    assert "stopped; what it was about is not remembered" in ran.err
    assert "as verified" in ran.out, "the next question is answered"
