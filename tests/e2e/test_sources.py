"""Sources of a configuration that are no plain files, indexed and searched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge import KnowledgeConfig, index_sources, load_router
from agent_knowledge.retrieval.reports import IndexReport
from tests.unit.retrieval.site import Reply, Site, html, serving
from tests.unit.retrieval.test_web import sitemap


@pytest.fixture
def site() -> Iterator[Site]:
    eager = Reply(b"User-agent: *\nCrawl-delay: 0")
    with serving(Site(pages={"/robots.txt": eager})) as running:
        yield running


def configured(folder: Path, **source: Any) -> KnowledgeConfig:
    text = json.dumps({"sources": {"docs": source}, "agents": {"a": {"sources": ["docs"]}}})
    return KnowledgeConfig.parse(text).at(folder)


def indexed(config: KnowledgeConfig) -> IndexReport:
    summary = index_sources(config, allow_private=["localhost"], imports=["langchain_community"])
    assert not summary.errors
    [report] = summary.reports
    return report


def dated(text: str) -> Any:
    """A page that a server says is unchanged to who has it."""
    tag = f'"{text}"'
    return lambda sent: (
        Reply(status=304) if sent.get("If-None-Match") == tag else html(f"<p>{text}</p>", ETag=tag)
    )


def test_web_pages_are_indexed_kept_and_deleted_as_their_site_says(site: Site, tmp_path: Path):
    config = configured(tmp_path, sitemap=f"{site.url}/sitemap.xml")
    places = ("refunds", "parking", "pets")
    for place in places:
        site.pages[f"/{place}"] = dated(f"The house rules on {place} are written on this page.")
    site.pages["/sitemap.xml"] = sitemap(*(f"{site.url}/{place}" for place in places))
    first = indexed(config)
    assert (first.added, first.embedded) == (3, 3)

    again = indexed(config)
    assert (again.unchanged, again.embedded, again.deleted) == (3, 0, 0)
    assert all("If-None-Match" in sent for path, sent in site.asked[-3:])

    site.pages["/refunds"] = Reply(status=404)
    site.pages["/parking"] = Reply(status=500)
    site.pages["/pets"] = dated("Dogs may stay in the garden.")
    third = indexed(config)
    assert (third.updated, third.deleted, third.unchanged) == (1, 1, 0)
    assert [where for where, _ in third.failed] == [f"{site.url}/parking"]
    with load_router(config) as router:
        found = router.look_up("Where may dogs stay?").passages
    assert found[0].uri == f"{site.url}/pets"
    assert {p.document for p in found} == {f"{site.url}/pets", f"{site.url}/parking"}


def test_a_site_that_is_down_leaves_its_index_as_it_is(site: Site, tmp_path: Path):
    config = configured(tmp_path, url=f"{site.url}/")
    site.pages["/"] = html("<p>Dogs may stay.</p>")
    indexed(config)
    site.pages["/"] = Reply(status=503)
    summary = index_sources(config, allow_private=["localhost"])
    assert "answered 503" in summary.errors["docs"]
    with load_router(config) as router:
        assert router.look_up("Where may dogs stay?").passages


def test_a_host_of_this_network_is_read_only_where_the_host_program_says(
    site: Site, tmp_path: Path
):
    site.pages["/"] = html("<p>secret</p>")
    summary = index_sources(configured(tmp_path, url=f"{site.url}/"))
    assert "no public address" in summary.errors["docs"]
    assert not site.asked


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_loader_that_the_configuration_names_is_read_where_it_is_allowed(tmp_path: Path):
    (tmp_path / "rows.csv").write_text("item,price\nRowan lamp,12.5\nAsh desk,80\n")
    config = configured(
        tmp_path,
        loader="langchain_community.document_loaders:CSVLoader",
        options={"file_path": str(tmp_path / "rows.csv")},
    )
    refused = index_sources(config)
    assert "--allow-imports langchain_community" in refused.errors["docs"]
    assert indexed(config).added == 2
    assert indexed(config).unchanged == 2
