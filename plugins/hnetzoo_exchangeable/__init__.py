"""A network equivariant to the order of rows and of columns, free of size."""
