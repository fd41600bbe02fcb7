"""The host's memory, its processors, its limits and its heap."""
