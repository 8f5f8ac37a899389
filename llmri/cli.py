"""The `llmri` command."""


def main() -> None:
    """Run the command line."""
