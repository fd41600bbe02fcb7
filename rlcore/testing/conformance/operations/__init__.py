"""Tests of single operations: the nine required ones, and all that have defaults."""
