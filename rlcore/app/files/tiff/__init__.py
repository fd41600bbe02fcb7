"""TIFF: its structure, pages and dialects, read and written."""
