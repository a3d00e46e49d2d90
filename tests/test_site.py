"""The site of the docs: what is written from the code, and what its check of links finds."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from agent_knowledge.cli.app import app
from tools.site.commands import command_pages
from tools.site.links import dead_links
from tools.site.modules import PUBLIC, module_pages
from tools.site.pages import for_the_site, written_pages

ROOT = Path(__file__).parents[1]


def test_every_command_has_a_page_with_every_option_of_it():
    pages = command_pages()
    commands = typer.main.get_command(app).commands
    assert {"ask", "index", "evaluate"} <= set(commands)
    for name, command in commands.items():
        assert f"](agent-knowledge-{name}.md)" in pages["index.md"]
        page = pages[f"agent-knowledge-{name}.md"]
        options = [option for one in command.params for option in one.opts if option[0] == "-"]
        assert not [option for option in options if option not in page], name


def test_what_would_break_a_table_is_written_as_its_sign():
    page = command_pages()["agent-knowledge-ask.md"]
    assert "'team=a&#124;b'" in page
    assert "<code>--strategy " in page
    assert not re.search(r"<(?!/?code>)", page)  # a value's name, as <str>, is no element


def in_nav(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        below = entry.values() if isinstance(entry, dict) else entry
        for one in below:
            yield from in_nav(one)


def test_every_page_stands_in_the_navigation_and_nothing_else_does():
    nav = list(in_nav(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]))
    pages = [str(page) for page in written_pages(ROOT).values() if page.suffix == ".md"]
    assert not [page for page in pages if not any(fnmatch.fnmatch(page, one) for one in nav)]
    assert len(nav) == len(set(nav))
    made = ["commands/*.md", "api/*.md"]
    assert not [one for one in nav if one not in made and not fnmatch.filter(pages, one)]


def test_every_public_module_has_a_page_and_is_there():
    pages = module_pages()
    for name in PUBLIC:
        assert find_spec(name)
        assert f"]({name}.md)" in pages["index.md"]
        assert f"::: {name}\n" in pages[f"{name}.md"]


def site_of(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        file = folder / name / "index.html" if name != "index" else folder / "index.html"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"<!doctype html><title>{name}</title>{body}")
    return folder


def test_a_whole_site_has_no_dead_link(tmp_path: Path):
    (tmp_path / "flow.svg").write_text("<svg/>")
    site = site_of(
        tmp_path,
        index='<a href="more/#there">more</a> <a href="https://elsewhere.example/">out</a>',
        more='<h2 id="there">x</h2><img src="../flow.svg"><a href="..">up</a><a href="#there">y',
    )
    assert dead_links(site) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone/">x</a>', "index.html: gone/: is missing"),
        ('<a href="#gone">x</a>', "index.html: #gone: has no such anchor"),
        ('<a href="more/#gone">x</a>', "index.html: more/#gone: has no such anchor"),
        ('<a href="../other/">x</a>', "index.html: ../other/: is missing"),
        ('<img src="gone.svg">', "index.html: gone.svg: is missing"),
        (
            '<script src="https://cdn.example/a.js"></script>',
            "index.html: https://cdn.example/a.js: is fetched from elsewhere",
        ),
        (
            '<link rel="stylesheet" href="//fonts.example/a.css">',
            "index.html: //fonts.example/a.css: is fetched from elsewhere",
        ),
    ],
)
def test_what_leads_nowhere_or_comes_from_elsewhere_is_told(tmp_path: Path, body: str, fault: str):
    assert dead_links(site_of(tmp_path, index=body, more="<p>x</p>")) == [fault]


def test_a_style_that_fetches_a_font_is_told(tmp_path: Path):
    (tmp_path / "a.css").write_text("@font-face {src: url('https://fonts.example/a.woff2')}")
    assert dead_links(site_of(tmp_path, index="")) == ["a.css: fetches from elsewhere"]


def test_links_are_set_for_the_site(tmp_path: Path):
    root = tmp_path.resolve()
    (root / "docs/adr").mkdir(parents=True)
    (root / "code").mkdir()
    (root / "code/x.py").write_text("")
    (root / "CHANGELOG.md").write_text("see [a](docs/adr/a.md#why)")
    page = root / "docs/adr/a.md"
    page.write_text(
        "[x](../../code/x.py) [all](../../code) [new](../../CHANGELOG.md) [here](#why)"
        " `[no](link.md)`\n| `a\\|b` | `c` |\n````\n```\n[no](link.md)\n```\n````\n"
    )
    pages = {page: Path("adr/a.md"), root / "CHANGELOG.md": Path("changes.md")}
    assert for_the_site(page, pages, root, "https://git.example/p") == (
        "[x](https://git.example/p/blob/main/code/x.py) [all](https://git.example/p/tree/main/code)"
        " [new](../changes.md) [here](#why) `[no](link.md)`\n| `a|b` | `c` |\n"
        "````\n```\n[no](link.md)\n```\n````\n"
    )
    changes = for_the_site(root / "CHANGELOG.md", pages, root, "https://git.example/p")
    assert changes == "see [a](adr/a.md#why)"
    page.write_text("[x](gone.md)")
    with pytest.raises(FileNotFoundError, match=r"docs/adr/a\.md links to gone\.md"):
        for_the_site(page, pages, root, "")
