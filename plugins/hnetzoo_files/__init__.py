"""Datasets from files that people bring."""
