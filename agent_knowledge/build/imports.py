"""Objects of the host's own code that a configuration names, as `package.module:name`.

Who writes a configuration must not thereby run code: what may be imported comes from the host
alone, as an argument, an option of the command line or a variable of the environment.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from agent_knowledge.errors import ConfigError, nearest, shown

VARIABLE = "AGENT_KNOWLEDGE_IMPORTS"
"""The environment's variable that names modules which a configuration may import."""
_SPEC = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d_]\w*")
_path_lock = threading.RLock()


def imported(spec: str, key: str, *, allowed: Sequence[str], folder: Path) -> object:
    """Import what a configuration names.

    Args:
        spec: `package.module:name`.
        key: Its key path, for messages.
        allowed: Modules and packages that the host allows, each with all that is inside it; those
            that `AGENT_KNOWLEDGE_IMPORTS` names, separated by commas, are allowed as well.
        folder: The configuration's; looked at last, so that it replaces no installed module.

    Returns:
        The object: a class, a function, or what the module holds by that name.

    Raises:
        ConfigError: It is no such name, is not allowed, or cannot be imported. A class or function
            that the module only imports must be allowed where it is defined: a module that imports
            `subprocess` must not offer it.
    """
    if not _SPEC.fullmatch(spec):
        msg = f"{key}: {shown(spec)} is not accepted; write 'package.module:name'"
        raise ConfigError(msg)
    allowed = (*allowed, *_of_environment())
    where, name = spec.split(":")
    _require_allowed(where, f"{key}: {where!r}", allowed)
    found = _found(where, name, key, folder)
    if isinstance(found, ModuleType):
        msg = f"{key}: {spec!r} is a module; name a class, a function or an object in it"
        raise ConfigError(msg)
    if inspect.isclass(found) or inspect.isroutine(found):
        home = found.__module__ or "builtins"
        _require_allowed(home, f"{key}: {spec!r}, which is defined in {home!r},", allowed)
    return found


def _of_environment() -> list[str]:
    return [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]


def _require_allowed(module: str, what: str, allowed: Sequence[str]) -> None:
    if any(module == one or module.startswith(f"{one}.") for one in allowed):
        return
    root = module.split(".", maxsplit=1)[0]
    msg = (
        f"{what} is imported only where the host allows it: pass imports=({root!r},), run the "
        f"command with --allow-imports {root}, or set {VARIABLE}={root}"
    )
    raise ConfigError(msg)


def _found(where: str, name: str, key: str, folder: Path) -> object:
    try:
        with _last_on_path(folder):
            module = importlib.import_module(where)
            if hasattr(module, name):  # which may import in turn
                return getattr(module, name)
    except ModuleNotFoundError as error:
        lacks = error.name or "a module"
        if where == lacks or where.startswith(f"{lacks}."):
            msg = f"{key}: there is no module {lacks!r}, neither installed nor in {folder}"
        else:
            msg = f"{key}: module {where!r} needs {lacks!r}, which is not installed"
        raise ConfigError(msg) from error
    except Exception as error:  # a host's module may raise anything
        msg = f"{key}: importing {where!r} failed ({type(error).__name__}: {error})"
        raise ConfigError(msg) from error
    public = [known for known in vars(module) if not known.startswith("_")]
    msg = f"{key}: module {where!r} has no {name!r}; {nearest(name, public)}"
    raise ConfigError(msg)


@contextmanager
def _last_on_path(folder: Path) -> Generator[None]:
    """Have modules of a folder found, after all others; no longer than an import takes."""
    place = str(folder.resolve())
    with _path_lock:
        sys.path.append(place)
        try:
            yield
        finally:
            if place in sys.path:
                del sys.path[len(sys.path) - 1 - sys.path[::-1].index(place)]
