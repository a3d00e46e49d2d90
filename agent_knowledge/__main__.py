"""`python -m agent_knowledge`: the command line."""

from agent_knowledge.cli import main

main()
