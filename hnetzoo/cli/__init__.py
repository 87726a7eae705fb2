"""The command line: one file per command, all registered in `app`."""

INTERRUPTED = 130


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        from hnetzoo.registry.isolation import ignore_unreadable_distributions

        ignore_unreadable_distributions()  # before pydantic and torch search for their plugins
        from hnetzoo.cli.app import run

        run()
    except KeyboardInterrupt:  # commands handle their own; this one came while modules were imported
        raise SystemExit(INTERRUPTED) from None
