"""The default plugin: the HNetGRU model and its trainer, from the paper."""
