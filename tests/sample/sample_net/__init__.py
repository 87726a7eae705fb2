"""A third party's model, trainer and dataset: what strangers write, in one module of code."""
