"""Screening: does a text that will be shown to a model speak to that model?"""

from agent_knowledge.screening.screen import InjectionScreen

__all__ = ["InjectionScreen"]
