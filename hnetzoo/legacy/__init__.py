"""Checkpoints and data of the original Hnet, read in a child process."""
