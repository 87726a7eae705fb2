"""A random forest on features of pairs: a model that is fitted, without gradient steps."""
