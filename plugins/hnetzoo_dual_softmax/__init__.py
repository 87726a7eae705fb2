"""Dual softmax: the product of a softmax over rows and one over columns, each with an unmatched option."""
