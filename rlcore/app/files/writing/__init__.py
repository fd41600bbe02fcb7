"""Outputs: where they are made, who writes them, and how they get their names."""
