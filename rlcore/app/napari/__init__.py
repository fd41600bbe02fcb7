"""The napari plugin: dock widgets and sample data. napari itself is imported only when a widget is opened."""
