"""Entropic optimal transport with dustbins: a differentiable solver without weights."""
