"""OME-XML: read, kept and written."""
