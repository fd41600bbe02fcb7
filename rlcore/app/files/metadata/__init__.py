"""Metadata of images, whatever their format: scale, position, colours, provenance."""
