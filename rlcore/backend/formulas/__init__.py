"""Reference formulae of the optional operations, in NumPy or for any array-API library."""

EPSILON = 1e-30
"""Smallest divisor, or argument of a logarithm, where the true one may be 0 and the result is then multiplied by 0."""
