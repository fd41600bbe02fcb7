"""OME-Zarr: read and written, in folders and archives."""
