"""The command line: one file per command; `app` gathers them."""
