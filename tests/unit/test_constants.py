"""A number that has a name says where it comes from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent_knowledge

PACKAGE = Path(agent_knowledge.__file__).parent


def bare_numbers(source: str) -> Iterator[str]:
    """Module-level constants with a number in them, and neither docstring nor comment.

    A comment counts on the constant's line or right above; several constants that follow each
    other without a blank line may share the first one's comment, or the last one's docstring.
    """
    lines = source.split("\n")
    body = ast.parse(source).body
    explained = False
    waiting: list[str] = []
    end = 0
    for node in body:
        together = node.lineno == end + 1
        end = node.end_lineno or node.lineno
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            waiting.clear()  # the docstring of what stands above
            explained = False
            continue
        if not together:
            yield from waiting
            waiting.clear()
            explained = False
        name, value = _assigned(node)
        if not name.isupper() or not _is_number(value):
            continue
        comment = lines[node.lineno - 2].lstrip().startswith("#") or "  # " in lines[end - 1]
        explained = explained or comment
        if not explained:
            waiting.append(name)
    yield from waiting


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        return "".join(n.id for n in names if isinstance(n, ast.Name)), node.value
    return "", None


def _is_number(value: ast.expr | None) -> bool:
    """Whether a value is a number, or made of numbers alone."""
    match value:
        case ast.Constant(value=bool()):
            return False
        case ast.Constant(value=int() | float()):
            return True
        case ast.UnaryOp(operand=inner):
            return _is_number(inner)
        case ast.BinOp(left=left, right=right):
            return _is_number(left) and _is_number(right)
        case ast.Tuple(elts=elements) if elements:
            return all(map(_is_number, elements))
        case _:
            return False


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_named_number_says_what_it_is(module: Path):
    bare = list(bare_numbers(module.read_text(encoding="utf-8")))
    what = "add a docstring: what it is, and its ablation or data file, or that it is a limit"
    assert not bare, f"{module.name}: {', '.join(bare)}: {what}"


def test_what_counts_as_said():
    source = '''
BARE = 3

SAID = 4
"""A limit."""
# Seconds.
ABOVE = 1.5
BESIDE = 2  # a limit

FIRST = 1
SECOND = 2
"""Both are limits."""

TEXT = "x"
FLAG = True
PAIR = 1, 2
'''
    assert list(bare_numbers(source)) == ["BARE", "PAIR"]
