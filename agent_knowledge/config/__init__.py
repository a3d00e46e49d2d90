"""Configuration: resources once, policy per agent.

`schema` says what a configuration may hold, `loading` reads one from YAML and reports every fault
at once.
"""

from agent_knowledge.config.loading import load_config, parse_config
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
    "load_config",
    "parse_config",
]
