"""What is installed: specs, hooks, discovery, look-up by name, loading, and templates of new packages."""
