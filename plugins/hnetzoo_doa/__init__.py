"""Synthetic association of directions of arrival (DOAs)."""
