"""Files of microscopes: TIFF in its three dialects, OME-Zarr, .npy; read and written volume by volume."""
