"""A dataset of datasets, by share."""
