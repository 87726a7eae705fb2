"""A network equivariant to the order of rows and of columns, for any size."""
