"""Configuration: resources once, policy per agent.

`loading` reads YAML against a schema and reports every fault at once; `schema` says what a
configuration may hold.
"""

from agent_knowledge.config.schema import (
    AgentConfig,
    AgentProfile,
    EndpointConfig,
    ExampleSetConfig,
    KnowledgeConfig,
    Policy,
    SourceConfig,
    StoreConfig,
    Thresholds,
    expand,
)

__all__ = [
    "AgentConfig",
    "AgentProfile",
    "EndpointConfig",
    "ExampleSetConfig",
    "KnowledgeConfig",
    "Policy",
    "SourceConfig",
    "StoreConfig",
    "Thresholds",
    "expand",
]
