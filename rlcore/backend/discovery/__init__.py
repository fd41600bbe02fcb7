"""Finding backends by entry points, loading them, and choosing one."""
