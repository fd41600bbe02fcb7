"""Richardson-Lucy deconvolution and its options: formulae, without files, threads or blocks."""
