"""Short transforms and their stages as text in C, for the kernels of backends on GPUs.

The text is that of CUDA. An OpenCL kernel understands it with three macros: `make_float2`, `__syncthreads` and `__ldg`.
"""
