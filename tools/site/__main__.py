"""The site of the docs, built and checked: python -m tools.site."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tools.site.commands import command_pages
from tools.site.links import dead_links
from tools.site.modules import module_pages
from tools.site.pages import for_the_site, written_pages

ROOT = Path(__file__).parents[2]


def stage(folder: Path, address: str) -> None:
    """Put every page of the site into a folder, in the place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = written_pages(ROOT)
    for file, goes in pages.items():
        (folder / goes).parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            text = for_the_site(file, pages, ROOT, address)
            (folder / goes).write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(file, folder / goes)
    for part, made in (("commands", command_pages()), ("api", module_pages())):
        (folder / part).mkdir()
        for name, text in made.items():
            (folder / part / name).write_text(text, encoding="utf-8")


def main() -> int:
    """Stage, build, check; what leads nowhere is printed, and the exit status is then 1."""
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    site = ROOT / project["site_dir"]
    shutil.rmtree(site, ignore_errors=True)
    stage(ROOT / project["docs_dir"], project["repo_url"])
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--clean", "--strict"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        return 1
    faults = dead_links(site)
    print("\n".join([*faults, f"{site.relative_to(ROOT)}: {len(faults)} dead links"]))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
