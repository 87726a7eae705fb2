"""The command line: one file per command, all registered in `app`."""

from hnetzoo.registry.isolation import ignore_unreadable_distributions


def main() -> None:
    """Run the command line and end the process with its exit code."""
    ignore_unreadable_distributions()  # before pydantic and torch search for their plugins
    from hnetzoo.cli.app import run

    run()
