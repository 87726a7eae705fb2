"""Benchmarks: a suite becomes a plan of jobs, and every job a row."""
