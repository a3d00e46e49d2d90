"""`--allow-imports`, which every command takes that opens a configuration's sources."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any

import typer

from agent_knowledge.build.imports import VARIABLE

_OPTION = "allow_imports"
_ALLOWED = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-imports",
        metavar="MODULE",
        help="A module of yours that the configuration may name; can be given several times.",
    ),
]


def allowing(command: Callable[..., None]) -> Callable[..., None]:
    """The same command with the option: what it allows, the environment seems to have allowed."""

    @wraps(command)
    def with_option(*args: Any, allow_imports: list[str] | None = None, **kwargs: Any) -> None:
        with _allowed(allow_imports or ()):
            command(*args, **kwargs)

    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter(
        _OPTION, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_ALLOWED
    )
    taken = (*signature.parameters.values(), option)
    with_option.__signature__ = signature.replace(parameters=taken)  # pyright: ignore[reportAttributeAccessIssue] - what typer reads
    with_option.__annotations__ = {one.name: one.annotation for one in taken}
    return with_option


@contextmanager
def _allowed(modules: Sequence[str]) -> Generator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = ",".join([*filter(None, [before]), *modules])
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
