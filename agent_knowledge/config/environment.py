"""What a configuration's strings stand for: variables of the environment (`${NAME}`), and paths."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from agent_knowledge.errors import ConfigError, hide

_PACKAGED = frozenset({"extractive", "minilm"})
"""What goes by its name whoever says it: no secret, and much depends on it."""
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_KEY_NAMES = re.compile(r"\b[A-Z][A-Z0-9_]{0,60}_(?:KEY|TOKEN|SECRET)\b", re.ASCII)
"""What the variables of providers are called that hold a credential."""
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}):/")
"""One letter before the colon is a drive of Windows."""


def expand(text: str, key: str) -> str:
    """Replace each `${NAME}` by the environment's value.

    Args:
        text: A string of the configuration.
        key: Its key path, for the message.

    Raises:
        ConfigError: A variable is not set, or all of them together are empty; the message names
            them and the key, never a value. An empty path would be the configuration's folder, an
            empty address another host than the one that was meant.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            msg = f"{key}: the environment variable {name} is not set; export {name}=... first"
            raise ConfigError(msg)
        if os.environ[name] not in _PACKAGED:
            hide(os.environ[name], match.group())
        return os.environ[name]

    expanded = _VARIABLE.sub(value, text)
    if text and not expanded.strip():
        named = " and ".join(_VARIABLE.findall(text)) or repr(text)
        msg = f"{key}: is empty, since {named} is; set it, or take the key out"
        raise ConfigError(msg)
    return expanded


def missing_variable(message: str) -> str:
    """Which variable a provider lacks, as the end of a message.

    Args:
        message: Its own words about what went wrong; nothing else of them is passed on.

    Returns:
        "; the environment variable ... is not set", or nothing where it names none that is unset.
    """
    unset = [name for name in _KEY_NAMES.findall(message) if not os.environ.get(name)]
    return f"; the environment variable {unset[0]} is not set" if unset else ""


def as_path(folder: Path, text: str, key: str) -> Path:
    """The path that a string names.

    Args:
        folder: What a relative one resolves against.
        text: The string, expanded.
        key: Its key path, for the message.

    Raises:
        ConfigError: It is a URL, holds what no path can, or names the home of nobody. The message
            shows none of it: a variable may have held a secret.
    """
    if url := _URL.match(text):
        msg = (
            f"{key}: is a URL ({url.group(1)}:...), and URLs are not read as paths; give the path "
            "of a local copy, or for web pages 'url' in place of 'path'"
        )
        raise ConfigError(msg)
    try:
        if b"\0" in os.fsencode(text):
            msg = f"{key}: holds a NUL character, which no path has"
            raise ConfigError(msg)
        return folder / Path(text).expanduser()
    except UnicodeEncodeError as error:
        msg = f"{key}: holds half a character (a lone surrogate), which no path has"
        raise ConfigError(msg) from error
    except RuntimeError as error:
        msg = f"{key}: begins with '~' and a name whose home is not known; write the path out"
        raise ConfigError(msg) from error


def label(text: str, key: str) -> str:
    """Name what a string of the configuration names without telling what a variable holds.

    Args:
        text: A string of the configuration.
        key: Its key path, for the message.

    Returns:
        The string as written; where it names variables, with eight hexadecimal digits that change
        with what they hold, as `openai:${MODEL}#5f0c1a9e`: what was measured with another model
        must be known to be.

    Raises:
        ConfigError: A variable is not set.
    """
    if not _VARIABLE.search(text):
        return text
    value = expand(text, key)
    if value in _PACKAGED:
        return value
    return f"{text}#{hashlib.sha256(value.encode()).hexdigest()[:8]}"
