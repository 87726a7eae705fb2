"""Sequences of frames, and the metrics of localization and tracking."""
