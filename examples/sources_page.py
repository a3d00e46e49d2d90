"""An answer as a page whose citations show their passages: offline, no script in it.

    python examples/sources_page.py "How long do refunds take?" answer.html

The packaged sample shop answers. Open the page and point at a number.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent_knowledge import index_sources, load_answerer, open_sample, render_html


def main(question: str, page: Path) -> None:
    """Answer a question from the sample shop and write the page."""
    with open_sample() as config:
        index_sources(config)
        answer = load_answerer(config, "support").answer(question)
    page.write_text(render_html(answer, page=True), encoding="utf-8")
    print(f"{len(answer.citations)} citations, {page.resolve()}")


if __name__ == "__main__":
    given = sys.argv[1:] or ["How long do refunds take?"]
    main(given[0], Path(given[1] if len(given) > 1 else "answer.html"))
