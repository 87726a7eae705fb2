"""Classical association: exact and greedy solvers as models without parameters."""
