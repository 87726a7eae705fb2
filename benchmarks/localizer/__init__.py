"""A study: what a sound source localizer is best trained with.

`python -m benchmarks.localizer` simulates scenes, trains a small localizer with each criterion, and writes what comes
of it.
"""
