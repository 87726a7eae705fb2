"""The training loop, optimisation, checkpoints, run directories and observers."""
