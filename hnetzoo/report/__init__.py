"""Tables of benchmark reports and of comparisons, for the terminal, as Markdown, LaTeX and CSV."""
