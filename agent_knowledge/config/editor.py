"""The configuration's JSON schema, as an editor needs it: every key with its meaning.

Pydantic makes the schema and the docstrings of the sections the meanings, so that there is one home
for each. Editors know draft 7 best.
"""

from __future__ import annotations

import json
import re
from typing import Any

from agent_knowledge.config.schema import KnowledgeConfig

SCHEMA_FILE = "agent-knowledge.schema.json"
"""What `init` calls it, beside the configuration, where no network is needed to find it."""
SCHEMA_LINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"
"""The first line of a configuration, by which editors find it."""
_DEFINITIONS = "definitions"
_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)
_SECRET = ("format", "writeOnly")
"""What pydantic says of a secret; an editor would hide a `${NAME}` for it."""
Schema = dict[str, Any]


def editor_schema() -> Schema:
    """The schema of a configuration file.

    It accepts what loading accepts, and more: that a name points somewhere, and which keys exclude
    each other, only loading tells.
    """
    made = KnowledgeConfig.model_json_schema(ref_template=f"#/{_DEFINITIONS}/{{model}}")
    sections = {name: _described(section) for name, section in made.pop("$defs").items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_described(made),
        _DEFINITIONS: sections,
    }


def schema_text() -> str:
    """The same as the text of a file."""
    return json.dumps(editor_schema(), indent=1) + "\n"


def _described(section: Schema) -> Schema:
    """A section whose keys say what they mean, and may stand with nothing behind them."""
    head, _, listed = section["description"].partition("\n\nAttributes:\n")
    said = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(listed)}
    required = section.get("required", ())
    keys = {
        name: {"description": said.get(name, ""), **_value(key, required=name in required)}
        for name, key in section["properties"].items()
    }
    kind = "object" if required else ["object", "null"]
    return {**section, "type": kind, "description": " ".join(head.split()), "properties": keys}


def _value(key: Schema, *, required: bool) -> Schema:
    """What may stand behind a key."""
    value = {name: one for name, one in key.items() if name not in ("title", "default")}
    if "patternProperties" in value:
        value["additionalProperties"] = False  # a name that is none
    accepted = [
        {name: one for name, one in form.items() if name not in _SECRET}
        for form in value.get("anyOf", [value])
    ]
    if not required and {"type": "null"} not in accepted:
        accepted.append({"type": "null"})
    default = key.get("default")
    told = {} if default is None or isinstance(default, dict | list) else {"default": default}
    return {**(accepted[0] if len(accepted) == 1 else {"anyOf": accepted}), **told}
