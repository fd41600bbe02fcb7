"""Richardson-Lucy deconvolution of microscope volumes of any size, on any hardware."""
