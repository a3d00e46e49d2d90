"""The written pages, as the site has them: same text, links set anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os.path import relpath
from pathlib import Path

BESIDE = {
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "tools/site/site.css": "site.css",
}
"""Files beside docs/ that the site takes over, and what they are called there."""

_LINK = re.compile(
    r"(?P<code>^(?P<fence>`{3,}).*?^(?P=fence)|`[^`\n]+`)"  # in code nothing is a link
    r"|(?P<open>\]\()(?P<target>[^)\s:#]+)(?P<rest>#[^)\s]*)?(?P<close>\))",
    re.MULTILINE | re.DOTALL,
)


def written_pages(root: Path) -> dict[Path, Path]:
    """Every file that the site takes over: where it lies, to where it goes in the site."""
    docs = root / "docs"
    pages = {file: file.relative_to(docs) for file in sorted(docs.rglob("*")) if file.is_file()}
    return pages | {root / name: Path(page) for name, page in BESIDE.items()}


def for_the_site(page: Path, pages: Mapping[Path, Path], root: Path, address: str) -> str:
    """A page's text: links between pages lead to where they are staged, others to the repository.

    Args:
        page: The file that is read.
        pages: Those that the site has, as `written_pages` gives them.
        root: The repository's folder.
        address: Where it is published.

    Raises:
        FileNotFoundError: A link leads to no file of the repository.
    """

    def set_anew(found: re.Match[str]) -> str:
        if found["code"]:
            return found[0]
        target = (page.parent / found["target"]).resolve()
        if not target.exists():
            msg = f"{page.relative_to(root)} links to {found['target']}, and there is no such file"
            raise FileNotFoundError(msg)
        if target in pages:
            led = relpath(pages[target], pages.get(page, Path()).parent)
        else:
            kind = "tree" if target.is_dir() else "blob"
            led = f"{address}/{kind}/main/{target.relative_to(root).as_posix()}"
        return f"{found['open']}{led}{found['rest'] or ''}{found['close']}"

    text = _LINK.sub(set_anew, page.read_text(encoding="utf-8"))
    return "".join(_cells(line) for line in text.splitlines(keepends=True))


def _cells(line: str) -> str:
    """A row of a table; "|" in code is escaped where it was written, and is itself in the site."""
    if not line.startswith("|"):
        return line
    return re.sub(r"`[^`\n]+`", lambda found: found[0].replace(r"\|", "|"), line)
