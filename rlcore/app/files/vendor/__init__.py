"""Files of microscope vendors, which readers of BioIO open."""
