"""A transformer over rows and columns as tokens, with the distances as edge features of its cross-attention."""
