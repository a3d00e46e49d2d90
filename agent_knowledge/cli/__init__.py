"""The command line: `agent-knowledge COMMAND`. It translates and decides nothing."""


def main() -> None:
    """Run the command line; the entry point of the package."""
    from agent_knowledge.cli.app import run

    run()
