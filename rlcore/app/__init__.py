"""The application: command line, files, reports, benchmark and napari plugin, all built on the public library."""
