"""Texts made to take a regular expression long, and how its time grows with them.

The texts come from the pattern itself: characters and words that its parts accept, repeated, behind
what leads to each of its repetitions, and before a character that fails.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.util
import inspect
import itertools
import math
import pkgutil
import re
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# The parser of `re` itself: no public one tells what a pattern is made of.
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]  # isort: skip

import agent_knowledge

SHORT, LONG = 2_000, 20_000
MOST_GROWTH = 25
"""Ten times as much text may take ten times as long, and as much again on a machine whose caches
others use; quadratic time is 100 times as long."""
FLOOR_S = 0.001
"""What takes less is not told from noise."""
_FUSE_S = 1
_TRIES = 3
_MOST_CHECKED = 3
_MOST_HALVES = 6
_PROBES = "aZ\u00e9\u4e2d\ud55c\u03010_ \t\n\r\xa0.,;:!?-\u2014'\"()[]{}<>`~#|*/\\=@\x00\u2603"
_MOST_CHARACTERS = 14
_MOST_SAMPLES = 6
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}
_SETS = {_constants.IN, _constants.ANY, _constants.NOT_LITERAL, _constants.LITERAL}


def compiled_patterns() -> Mapping[str, re.Pattern[str]]:
    """Every pattern that a module of the package holds, by the path to it."""
    found: dict[str, re.Pattern[str]] = {}
    for module in package_modules():
        for path, pattern in _held(vars(module), module.__name__, 4):
            if pattern not in found.values():
                found[path] = pattern
    return found


def package_modules() -> Iterator[ModuleType]:
    """All modules of the package; importing them runs none of their work."""
    names = (m.name for m in pkgutil.walk_packages(agent_knowledge.__path__, "agent_knowledge."))
    newer = importlib.util.find_spec("langchain_core.decisions") is not None
    for name in ("agent_knowledge", *names):
        # On the oldest LangChain there is nothing that this one could be.
        if not name.endswith("__main__") and (
            newer or name != "agent_knowledge.langchain.decisions"
        ):
            yield importlib.import_module(name)


def _held(value: object, path: str, depth: int) -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern):
        yield path, value
    if depth == 0:
        return
    if isinstance(value, Mapping):
        inside: Iterable[tuple[object, object]] = value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        inside = enumerate(value)
    elif isinstance(value, type) and value.__module__.startswith("agent_knowledge"):
        inside = vars(value).items()
    elif not isinstance(value, type) and type(value).__module__.startswith("agent_knowledge"):
        fields = getattr(type(value), "__dataclass_fields__", ())
        inside = ((name, getattr(value, name, None)) for name in fields)
    else:
        return
    for key, item in inside:
        yield from _held(item, f"{path}.{key}", depth - 1)


def hostile_texts(pattern: re.Pattern[str]) -> Iterator[Callable[[int], str]]:
    """Makers of texts of about so many characters for one pattern."""
    flags = pattern.flags & ~re.UNICODE
    tree = _parser.parse(pattern.pattern, flags)
    singles = _characters(tree, flags)
    bodies = [sample for body in _bodies(tree) for sample in _samples(body, flags)]
    wholes = _samples(tree, flags)
    leads = list(dict.fromkeys(["", *_leads(tree, flags)]))[: 2 * _MOST_SAMPLES]
    pairs = [a + b for a, b in itertools.permutations(singles, 2)]
    almost = [whole[:-1] for whole in wholes]
    failing = _failing(tree, flags)
    behind_leads = list(dict.fromkeys(filter(None, (*singles, *bodies))))
    alone = list(dict.fromkeys(filter(None, (*pairs, *leads, *wholes, *almost))))
    for lead, unit in itertools.product(leads, behind_leads):
        yield repeated(lead, unit, failing)
    for unit in (*behind_leads, *alone):
        yield repeated("", unit, "")
    for unit in alone:
        yield repeated("", unit, failing)
    for first, second in itertools.permutations(singles[:_MOST_HALVES], 2):
        yield _maker_of_halves(first, second)


def uses_of(path: str, pattern: re.Pattern[str]) -> Collection[str]:
    """What the package does with a pattern, by the names of methods.

    All that looks for a pattern anywhere counts as `finditer`, which takes longest.
    """
    module, _, name = path.rpartition(".")
    tree = ast.parse(inspect.getsource(sys.modules[module])) if module in sys.modules else None
    if tree is None or getattr(sys.modules[module], name) is not pattern:
        return {"finditer"}  # it is held inside something else
    return {_use(node, name) for node in ast.walk(tree)} - {""} or {"finditer"}


def _use(node: ast.AST, name: str) -> str:
    """The method of a pattern that is called, if that reads a whole text once from its start."""
    if not isinstance(node, ast.Attribute | ast.Call):
        return ""
    called = node.func if isinstance(node, ast.Call) else node
    if not (isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)):
        return ""
    if called.value.id != name:
        return ""
    if called.attr not in {"match", "fullmatch"}:
        return "finditer"
    return (
        ""
        if isinstance(node, ast.Attribute)
        else (called.attr if len(node.args) == 1 else "finditer")
    )


def worst_growth(pattern: re.Pattern[str], use: str) -> float:
    """How much longer a pattern takes with ten times as much text; infinite if it is stopped."""
    run = _finder(pattern) if use == "finditer" else getattr(pattern, use)
    try:
        with fuse():
            timed = [(seconds(run, make(SHORT)), make) for make in hostile_texts(pattern)]
    except TimeoutError:
        return math.inf
    timed.sort(key=lambda pair: -pair[0])
    worst = 1.0
    for _, make in timed[:_MOST_CHECKED]:
        worst = max(worst, growth(run, make))
        if worst > MOST_GROWTH:
            break
    return worst


def _finder(pattern: re.Pattern[str]) -> Callable[[str], object]:
    return lambda text: sum(1 for _ in pattern.finditer(text))


def repeated(lead: str, unit: str, last: str = "") -> Callable[[int], str]:
    """A maker of texts: what comes first, then a unit again and again, then what comes last."""
    return lambda size: lead + (unit * (size // len(unit) + 1))[:size] + last


def _maker_of_halves(first: str, second: str) -> Callable[[int], str]:
    return lambda size: first * (size // 2) + second * (size // 2)


def growth(
    run: Callable[[str], object], make: Callable[[int], str], floor_s: float = FLOOR_S
) -> float:
    """How much longer ten times as much text takes; 1 below the floor, infinite behind the fuse."""
    short, long = make(SHORT), make(LONG)
    found = math.inf
    try:
        for _ in range(_TRIES):
            with fuse():
                long_s = seconds(run, long)
            if long_s < floor_s:
                return 1.0
            found = min(found, long_s / min(seconds(run, short) for _ in range(3)))
            if found <= MOST_GROWTH:
                break
    except TimeoutError:
        return math.inf
    return found


def seconds(run: Callable[[str], object], text: str) -> float:
    """Processor time of one run: that of other threads and processes is no part of it.

    Nor is collecting garbage, which takes as long as what other tests have left is large.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        started = time.thread_time()
        run(text)
        return time.thread_time() - started
    finally:
        if collects:
            gc.enable()


@contextmanager
def fuse(limit_s: float = _FUSE_S) -> Iterator[None]:
    """Stop what would take minutes, by so many seconds of processor time; `re` heeds signals."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """All nodes of a parsed pattern, those inside others too."""
    for op, value in tree:
        yield op, value
        for inner in _inner(op, value):
            yield from _nodes(inner)


def _inner(op: Any, value: Any) -> Sequence[Any]:
    if op in _REPEATS:
        return [value[2]]
    if op is _constants.SUBPATTERN:
        return [value[3]]
    if op is _constants.BRANCH:
        return value[1]
    if op is _constants.ATOMIC_GROUP:
        return [value]
    if op in {_constants.ASSERT, _constants.ASSERT_NOT}:
        return [value[1]]
    return []


def _accepts(op: Any, value: Any, flags: int) -> Callable[[str], object]:
    state = _parser.State()
    state.flags, state.str = flags, ""
    return _compiler.compile(_parser.SubPattern(state, [(op, value)]), flags).match


def _accepted(op: Any, value: Any, flags: int) -> list[str]:
    accepts = _accepts(op, value, flags)
    told = [chr(c) for c in _told(op, value)]
    return [c for c in dict.fromkeys((*told, *_PROBES)) if accepts(c)][:_MOST_SAMPLES]


def _told(op: Any, value: Any) -> Iterator[int]:
    """The characters that a set names."""
    if op is _constants.LITERAL:
        yield value
    for kind, what in value if op is _constants.IN else ():
        if kind is _constants.LITERAL:
            yield what
        elif kind is _constants.RANGE:
            yield from what


def _characters(tree: Any, flags: int) -> list[str]:
    """One character for each way in which the pattern's parts tell characters apart."""
    sets = [(op, value) for op, value in _nodes(tree) if op in _SETS]
    unlike = list({repr(s): s for s in sets}.values())
    letters = {repr(s) for s in unlike if s[0] is _constants.LITERAL and chr(s[1]).isalpha()}
    telling = [_accepts(*s, flags) for s in unlike if repr(s) not in letters]
    told = (chr(c) for s in unlike for c in _told(*s))
    kinds: dict[tuple[bool, ...], str] = {}
    for c in dict.fromkeys((*_PROBES, *told)):
        kinds.setdefault(tuple(bool(accepts(c)) for accepts in telling), c)
    ranked = sorted(kinds, key=lambda kind: -sum(kind))
    return [kinds[kind] for kind in ranked[:_MOST_CHARACTERS]]


def _failing(tree: Any, flags: int) -> str:
    """A character that as few of the pattern's sets as possible accept."""
    sets = {repr(n): n for n in _nodes(tree) if n[0] in _SETS}.values()
    tests = [_accepts(*s, flags) for s in sets]
    return min("\x00\u2603x!", key=lambda c: sum(bool(accepts(c)) for accepts in tests))


def _bodies(tree: Any) -> Iterator[Any]:
    for op, value in _nodes(tree):
        if op in _REPEATS and value[1] > 1:
            yield value[2]


def _samples(tree: Any, flags: int) -> list[str]:
    """A few short texts that a pattern matches, whatever its look-arounds say."""
    found = [""]
    for op, value in tree:
        options = _options(op, value, flags)
        number = max(len(found), len(options))
        pairs = itertools.islice(zip(itertools.cycle(found), itertools.cycle(options)), number)
        found = list(dict.fromkeys(a + b for a, b in pairs))[: 2 * _MOST_SAMPLES]
    return found


def _options(op: Any, value: Any, flags: int) -> list[str]:
    if op in _SETS:
        return _accepted(op, value, flags) or [""]
    if op in _REPEATS:
        least = value[0]
        inside = _samples(value[2], flags)
        more = [sample * max(least, 1) for sample in inside]
        return more if least else [more[0], "", *more[1:]]
    if op is _constants.BRANCH:
        return [sample for branch in value[1] for sample in _samples(branch, flags)[:2]]
    if op in {_constants.SUBPATTERN, _constants.ATOMIC_GROUP}:
        return _samples(_inner(op, value)[0], flags)
    return [""]


def _leads(tree: Any, flags: int) -> Iterator[str]:
    """What leads to each of a pattern's repetitions."""
    before = [""]
    for number, (op, value) in enumerate(tree):
        if op in _REPEATS and value[1] > 1:
            yield from before[:2]
        for inner in _inner(op, value):
            yield from (before[0] + lead for lead in _leads(inner, flags))
        before = _samples(list(tree)[: number + 1], flags)
