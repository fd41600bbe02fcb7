"""The command line: files in, files out, and what people are shown meanwhile."""
