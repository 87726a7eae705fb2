"""Model, trainer and dataset of a third party, with the code in one module."""
