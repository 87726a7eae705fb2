"""Results of models that others ran, handed in as documents of `hnetzoo benchmark --suite --model --json`.

`python -m benchmarks.submissions check` holds them against the stored results; what it accepts is rendered beside
these. docs/authors/submit.md says how to submit, and what a check cannot prove.
"""
