"""Exact assignment of perturbed distances: a solver made differentiable by noise."""
