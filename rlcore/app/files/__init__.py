"""Microscope files: TIFF in three dialects, OME-Zarr and .npy, read and written volume by volume."""
