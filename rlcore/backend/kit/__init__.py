"""Parts that authors of backends may build with."""
