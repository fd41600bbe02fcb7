"""Benchmark: all backends and other installed programs on identical problems in one run, compared as ratios."""
