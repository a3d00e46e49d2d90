"""Code files cut by their structure: each function, method and class is a passage under its name.

Python is cut by its syntax tree. Other languages are cut by what most of them share, without a
grammar: a definition begins at the left, behind a blank line or what closed the one before, and
what is inside it is indented.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

SUFFIXES = frozenset(
    {
        *(".py", ".pyi", ".js", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".kt", ".c", ".h"),
        *(".cpp", ".cs", ".rb", ".php", ".swift", ".scala", ".sh", ".sql"),
    }
)
"""Of the files that are cut so."""
_PYTHON = frozenset({".py", ".pyi"})
_PARSED = 2_000_000
"""Characters of a Python file whose tree is built, which takes many times its size: a limit."""
_NAME_CHARACTERS = 160
"""Of a definition in a title: a limit."""
_DEPTH = 4
"""Definitions within each other that are cut: a limit."""
_TAB = 4
"""Blanks that a tab counts as."""
_DEEPEST = 200
"""Characters of indentation that are told apart: a limit."""
_OPENING = re.compile(r"[#@/*\[\-{]|<\?")
"""How a line begins that is a comment, a decorator or an attribute, and names nothing."""
_CLOSING = re.compile(r"[)\]}]|end\b|fi\b|done\b|esac\b")
_NO_NAME = re.compile(
    r"(?:import|from|use|using|package|return|if|for|while|switch|else|try|echo|print|require)\b"
)
_NAMING = re.compile(
    r"\b(?:class|interface|struct|enum|trait|impl|module|namespace|func|fn|function|def|fun|object|"
    r"type|record|protocol|extension|union|CREATE|create)\b|\w\(|=>"
)
"""What a line has that begins a definition: a word for it, a name with arguments, or an arrow."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


_DEFINED = re.compile(r"\b(?:(?:class|struct|interface|enum|trait|type) (\w+)|(\w++)\()")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def spoken(title: str) -> str:
    """The names of the definitions that a title ends with, in words, as `get user name`.

    An embedding does not read `getUserName` as these. Left out, nDCG@10 fell from 0.690 to 0.680
    on the functions of rich (`tools.bench.code`).

    Returns:
        Empty where a title ends with no definition, or with names of one word.
    """
    names = _DEFINED.findall(title.rpartition(" > ")[2])
    words = [_WORD.findall(one or other) for one, other in names]
    return " ".join(word.lower() for name in words if len(name) > 1 for word in name)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of code, and the definitions that it stands in, outermost first."""

    start: int
    end: int
    names: tuple[str, ...] = ()


def suffix_of(name: str) -> str:
    """The suffix of a file of code; nothing of other files, and of a web address, as `a.php`."""
    suffix = "" if "://" in name else PurePosixPath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def parts(text: str, suffix: str, most: int) -> list[Part]:
    """Cut code into its definitions and what stands between them.

    Args:
        text: The file.
        suffix: Its suffix, one of `SUFFIXES`.
        most: Characters of a class or the like in a language other than Python, from which on the
            definitions inside it are parts of their own.

    Returns:
        Parts in order that together hold every character that is no white space.
    """
    lines = _NumberedLines(text)
    tree = _tree(text) if suffix in _PYTHON else None
    if tree:
        found = _members(tree.body, lines, 0, len(lines), ())
    else:
        found = _Outline(lines, most).within(0, 0, len(lines), ())
    cut = (
        Part(lines.starts[first], lines.starts[after], names)
        for first, after, names in found
        if first < after
    )
    return [part for part in cut if text[part.start : part.end].strip()]


class _NumberedLines:
    """The lines of a text, and where they start; the last place is its end."""

    def __init__(self, text: str) -> None:
        self.text = text.split("\n")
        self.starts = [0]
        for line in self.text:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.starts[-1] = len(text)

    def __len__(self) -> int:
        return len(self.text)


_Found = Iterator[tuple[int, int, tuple[str, ...]]]
"""First line, line behind the last one, names."""


def _tree(text: str) -> ast.Module | None:
    """The tree of a Python file; None for what this version of Python cannot read."""
    if len(text) > _PARSED or "\r" in text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its author should mend is no matter of ours
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _members(
    body: Sequence[ast.stmt], lines: _NumberedLines, first: int, after: int, names: tuple[str, ...]
) -> _Found:
    """The functions and classes of a module or class, and what stands between them."""
    at = first
    for node in body:
        if not isinstance(node, _Function | ast.ClassDef):
            continue
        start = max(at, _first_line(node, lines, at))
        yield at, start, names
        at = node.end_lineno or start
        if isinstance(node, ast.ClassDef) and len(names) < _DEPTH:
            yield from _members(node.body, lines, start, at, (*names, f"class {node.name}"))
        else:
            yield start, at, (*names, _signature(node))
    yield at, after, names


def _first_line(node: _Function | ast.ClassDef, lines: _NumberedLines, least: int) -> int:
    """Where a definition begins, with its decorators and the comment right above."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while first > least and lines.text[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _signature(node: _Function | ast.ClassDef) -> str:
    """A definition in a line, its arguments by their names alone."""
    if isinstance(node, ast.ClassDef):
        return f"class {node.name}"
    given = node.args
    named = [one.arg for one in (*given.posonlyargs, *given.args) if one.arg not in {"self", "cls"}]
    named += [f"*{given.vararg.arg}"] if given.vararg else []
    named += [one.arg for one in given.kwonlyargs]
    named += [f"**{given.kwarg.arg}"] if given.kwarg else []
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    return f"{kind} {node.name}({', '.join(named)})"


@dataclass(frozen=True, slots=True)
class _Outline:
    """The outline of a file in any language, by how its lines are indented."""

    lines: _NumberedLines
    most: int

    def within(self, head: int, first: int, after: int, names: tuple[str, ...]) -> _Found:
        """The definitions among some lines, and what stands between them.

        Args:
            head: Where the definition around them begins; the first part begins there.
            first: Where what is inside it begins.
            after: Where it ends.
            names: What it is called.
        """
        at, starts = head, self.lines.starts
        for start, end in self._at_the_left(first, after):
            told = next((n for n in range(start, end) if self._tells(n)), start)
            name = _name_in(self.lines.text[told])
            if not name:
                continue
            yield at, start, names
            at = end
            if starts[end] - starts[start] > self.most and len(names) < _DEPTH:
                yield from self.within(start, told + 1, end, (*names, name))
            else:
                yield start, end, (*names, name)
        yield at, after, names

    def _tells(self, line: int) -> bool:
        text = self.lines.text[line].lstrip()
        return bool(text) and not _OPENING.match(text)

    def _at_the_left(self, first: int, after: int) -> Iterator[tuple[int, int]]:
        """The blocks of the least indented lines, each up to the next one."""
        text = self.lines.text
        told = [n for n in range(first, after) if text[n].strip()]
        closing = {n for n in told if _CLOSING.match(text[n].lstrip())}
        least = min((_indent(text[n]) for n in told if n not in closing), default=0)
        starts = [
            n
            for before, n in zip([-2, *told], told, strict=False)
            if n not in closing
            and _indent(text[n]) == least
            and (before in closing or before + 1 < n)
        ]
        return zip(starts, [*starts[1:], after], strict=True) if starts else iter(())


def _indent(line: str) -> int:
    expanded = line[:_DEEPEST].expandtabs(_TAB)
    return len(expanded) - len(expanded.lstrip())


def _name_in(line: str) -> str:
    """The definition that a line begins, without what opens it; empty for none."""
    text = " ".join(line[:_NAME_CHARACTERS].split())
    return "" if _NO_NAME.match(text) or not _NAMING.search(text) else text.rstrip(" {(:;=")
