"""The napari plugin: a dock widget over `rlcore.deconvolve`, and sample data; napari is imported when it is used."""
