"""Synthetic linear assignment problems (LSAP) of mixed sizes."""
