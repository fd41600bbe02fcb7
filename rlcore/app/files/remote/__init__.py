"""OME-Zarr by URL: read in place by chunks, and uploaded once a result is complete."""
