"""The default model, HNetGRU of the paper, and its trainer."""
