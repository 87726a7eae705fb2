"""A study that compares criteria for training a sound source localizer.

`python -m benchmarks.localizer` simulates scenes, trains a small localizer with each criterion, and writes the scores.
"""
