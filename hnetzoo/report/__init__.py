"""Tables of a benchmark report, for the terminal and as Markdown."""
