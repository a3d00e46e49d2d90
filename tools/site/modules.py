"""A page for each public module; mkdocstrings fills it from the docstrings."""

from __future__ import annotations

PUBLIC = (
    "agent_knowledge",
    "agent_knowledge.langchain",
    "agent_knowledge.ports",
    "agent_knowledge.errors",
    "agent_knowledge.testing",
    "agent_knowledge.telemetry",
    "agent_knowledge.mcp",
)
"""What a user may import from; the rest may change without notice."""


def module_pages() -> dict[str, str]:
    """Markdown by file name."""
    rows = [f"- [`{name}`]({name}.md)" for name in PUBLIC]
    listed = ["# Python", "", "What may be imported, and from where.", "", *rows, ""]
    pages = {f"{name}.md": f"# {name}\n\n::: {name}\n" for name in PUBLIC}
    return {"index.md": "\n".join(listed)} | pages
