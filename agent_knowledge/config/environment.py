"""Variables of the environment in a configuration's strings, as `${NAME}`."""

from __future__ import annotations

import os
import re

from agent_knowledge.errors import ConfigError

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")


def expand(text: str, key: str) -> str:
    """Replace each `${NAME}` by the environment's value.

    Args:
        text: A string of the configuration.
        key: Its key path, for the message.

    Raises:
        ConfigError: A variable is not set; the message names it and the key, never a value.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            msg = f"{key}: the environment variable {name} is not set; export {name}=... first"
            raise ConfigError(msg)
        return os.environ[name]

    return _VARIABLE.sub(value, text)
