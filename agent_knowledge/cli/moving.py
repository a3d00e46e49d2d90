"""`move`: the embedded store's sources to a server, without embedding anything again."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.options import CONFIG, Config, Json
from agent_knowledge.cli.progress import waiting
from agent_knowledge.errors import ConfigError, StoreError


def move(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sources to move; default: all that are indexed.")
    ] = None,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="The server: postgresql://..., or http(s)://... of Qdrant; best as '${NAME}', a "
            "variable of the environment.",
        ),
    ],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Copy what is indexed in the embedded store to a server, vectors and all.

    The embedded store is left as it is. Then set `store` in the configuration to the server;
    `index` finds all of it unchanged.
    """
    from agent_knowledge.build.moving import move_sources

    try:
        with waiting("moving"):
            moved = move_sources(config, to, names or ())
    except (StoreError, ConfigError) as error:
        # The server is that of --to, and a store's messages say where its address usually stands.
        raise type(error)(str(error).replace("store.url", "--to")) from error
    lines = [f"{name}: {documents} documents" for name, documents in moved.items()]
    kind = "qdrant" if to.startswith("http") else "pgvector"
    lines.append(f"now set store: {{kind: {kind}, url: ...}} in the configuration")
    show.output({"moved": moved}, Text("\n".join(lines)), as_json=as_json)
