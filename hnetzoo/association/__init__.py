"""Association problems and their answers: batches, contracts, masks, exact assignment, decoding, counts, files."""
