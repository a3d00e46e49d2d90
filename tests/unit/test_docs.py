"""The docs say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from agent_knowledge.routing.rules import RULES
from tools.site.pages import for_the_site, written_pages

ROOT = Path(__file__).parents[2]


def test_how_it_works_lists_every_rule_in_its_own_words() -> None:
    text = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", text, re.MULTILINE))
    assert {rule: listed.get(rule) for rule in RULES} == {r.id: r.text for r in RULES.values()}


def test_every_link_inside_the_docs_leads_somewhere() -> None:
    pages = written_pages(ROOT)
    for page in [ROOT / "README.md", *(page for page in pages if page.suffix == ".md")]:
        for_the_site(page, pages, ROOT, "")  # raises where a link leads to no file


def test_every_picture_of_the_readme_is_there() -> None:
    shown = re.findall(r'(?:src|srcset)="([^"]+)"', (ROOT / "README.md").read_text("utf-8"))
    assert shown
    assert not [picture for picture in shown if not (ROOT / picture).is_file()]
