"""Settings that import torch."""

import torch

import hnetzoo


class Heavy(hnetzoo.Config):
    scale: float = float(torch.tensor(2.0))
    """Initial steepness."""
