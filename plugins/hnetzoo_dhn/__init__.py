"""The Deep Hungarian Net of DeepMOT: bidirectional recurrence over the rows, then over the columns of a matrix."""
