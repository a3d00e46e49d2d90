"""Configuration: resources once, policy per agent.

`loading` reads YAML against a schema and reports every fault at once; `schema` and
`sections` say what a configuration may hold; `prompts` reads the files that an agent's prompts are
made of.
"""

from agent_knowledge.config.environment import expand, label, missing_variable
from agent_knowledge.config.schema import AgentProfile, KnowledgeConfig
from agent_knowledge.config.sections import (
    AgentConfig,
    EndpointConfig,
    ExampleSetConfig,
    Leaning,
    LogConfig,
    ModelsConfig,
    Policy,
    ScreenPolicy,
    SourceConfig,
    StoreConfig,
    Thresholds,
)

__all__ = [
    "AgentConfig",
    "AgentProfile",
    "EndpointConfig",
    "ExampleSetConfig",
    "KnowledgeConfig",
    "Leaning",
    "LogConfig",
    "ModelsConfig",
    "Policy",
    "ScreenPolicy",
    "SourceConfig",
    "StoreConfig",
    "Thresholds",
    "expand",
    "label",
    "missing_variable",
]
