"""The benchmark: the same problems by every backend here and by other programs, in one run, as ratios."""
