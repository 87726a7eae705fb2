"""A comparison of matchers inside one tracker, on real video at full and at reduced frame rates.

`python -m benchmarks.tracking --data FOLDER` tracks every sequence with every matcher, and writes the scores.
"""
