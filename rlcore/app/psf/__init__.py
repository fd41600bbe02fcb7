"""`rlcore psf`: making, looking at and mending point spread functions; and bringing one to an image."""
