"""The training loop, and what it reads and writes: optimisation, checkpoints, run directories, observers."""
