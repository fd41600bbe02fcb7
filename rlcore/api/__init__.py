"""The functions that a caller of the library uses."""
