"""Point spread functions: the commands of `rlcore psf`, and preparing a PSF for an image."""
