"""Datasets from your own files."""
