"""Reports as HTML: one file each, with its styles, scripts and drawings inside, and nothing from elsewhere."""
