"""A trial's cases for other programs: JUnit for a build server, CSV for a table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from agent_knowledge.trials.pages import CaseOutcome, TrialResult
from agent_knowledge.types import Rung, without_surrogates

PASSED = 0.5
"""The score from which a case counts as passed in JUnit, which knows no scores: a plain limit."""
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a table program takes a cell for a formula by."""
_COLUMNS = ("case", "tags", "rung", "score", "error", "answer", "expected", "task")


def junit(measured: TrialResult) -> str:
    """JUnit's XML: a suite a rung, a test a case; one that scores below 0.5 failed."""
    root = ET.Element("testsuites", name=_xml(f"{measured.trial.agent} {measured.trial.id}"))
    for result in measured.trial.rungs:
        cases = [one for one in measured.outcomes if _ran(one, result.rung)]
        suite = ET.SubElement(root, "testsuite", name=result.rung, tests=str(len(cases)))
        counts = {"failure": 0, "error": 0}
        for case in cases:
            test = ET.SubElement(suite, "testcase", classname=result.rung, name=_xml(case.case))
            if what := _went_wrong(case, result.rung):
                kind, why = what
                counts[kind] += 1
                told = ET.SubElement(test, kind, message=_xml(why))
                answer = case.answers.get(result.rung, "none")
                wanted = "\nor ".join(case.expected)
                told.text = _xml(f"task: {case.task}\nexpected: {wanted}\nanswer: {answer}")
        suite.set("failures", str(counts["failure"]))
        suite.set("errors", str(counts["error"]))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def to_csv(measured: TrialResult) -> str:
    """A line a case and rung; what a table would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)  # some programs split at semicolons
    writer.writerow(_COLUMNS)
    for case in measured.outcomes:
        writer.writerows(_rows(case, measured))
    return out.getvalue()


def _rows(case: CaseOutcome, measured: TrialResult) -> Iterator[list[str]]:
    for result in measured.trial.rungs:
        rung = result.rung
        if _ran(case, rung):
            score = str(case.scores[rung]) if rung in case.scores else ""
            texts = (
                case.errors.get(rung, ""),
                case.answers.get(rung, ""),
                " | ".join(case.expected),
                case.task,
            )
            tags = _cell(" ".join(case.tags))
            yield [_cell(case.case), tags, rung, score, *map(_cell, texts)]


def _ran(case: CaseOutcome, rung: Rung) -> bool:
    return rung in case.scores or rung in case.errors or rung in case.answers


def _went_wrong(case: CaseOutcome, rung: Rung) -> tuple[str, str] | None:
    if rung not in case.scores:
        return "error", case.errors.get(rung, "no answer")
    score = case.scores[rung]
    return None if score >= PASSED else ("failure", case.errors.get(rung) or f"score {score:g}")


def _xml(text: str) -> str:
    """A text without what XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)


def _cell(text: str) -> str:
    text = without_surrogates(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
