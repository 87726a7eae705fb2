"""Association problems and models: batches, interfaces, masks, exact assignment, decoding, counts, files."""
