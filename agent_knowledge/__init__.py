"""Chooses, task by task, what to give an agent's model, and says why."""
