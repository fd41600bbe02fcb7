"""Cameras of a file's channels: said by the user or the file, or found from the image, once for all time points."""
