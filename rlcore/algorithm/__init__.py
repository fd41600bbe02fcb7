"""Richardson-Lucy deconvolution and its options: formulae on arrays and boxes, without files or plans."""
