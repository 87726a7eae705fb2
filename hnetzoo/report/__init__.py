"""Turn a benchmark report into something to read: a terminal, Markdown."""
