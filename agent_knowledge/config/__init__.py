"""Configuration: resources once, policy per agent.

`loading` reads YAML against a schema and reports every fault at once; `schema` says what a
configuration may hold; `prompts` reads the files that an agent's prompts are made of.
"""

from agent_knowledge.config.environment import expand, label, missing_variable
from agent_knowledge.config.schema import (
    AgentConfig,
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    KnowledgeConfig,
    Leaning,
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
