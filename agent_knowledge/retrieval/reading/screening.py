"""What of a source speaks to a model: flagged when it is indexed, or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent_knowledge.ports import Screen
from agent_knowledge.retrieval.reading.chunks import Span
from agent_knowledge.retrieval.reading.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """How a source is screened.

    Attributes:
        screen: Who tells what speaks to a model.
        cleaned: Such passages are left out of the index; else they are indexed and flagged.
    """

    screen: Screen
    cleaned: bool = False

    def screened(self, document: Document, spans: Sequence[Span]) -> tuple[list[Span], str]:
        """The passages of a document that are indexed, and a line on the others for the report.

        Args:
            document: The document.
            spans: Its passages.
        """
        texts = [f"{span.title}\n{document.text[span.start : span.end]}" for span in spans]
        verdicts = self.screen.screen(texts)
        found = [verdict for verdict in verdicts if verdict.suspicious]
        if not found:
            return list(spans), ""
        kinds = ", ".join(dict.fromkeys(span.kind for one in found for span in one.spans))
        what = "left out" if self.cleaned else "flagged"
        finding = f"{len(found)} of {len(spans)} passages {what}: they speak to a model ({kinds})"
        kept = [
            span
            for span, verdict in zip(spans, verdicts, strict=True)
            if not (self.cleaned and verdict.suspicious)
        ]
        return kept, finding
