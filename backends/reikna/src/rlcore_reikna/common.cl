// What the kernels of all files use: volumes are float, C order, x fastest. Elementwise kernels run over one index, the
// others over (x, y, z); work-items beyond the end do nothing, so that global sizes can be rounded up to whole
// work-groups.

#define EACH(i, n) const size_t i = get_global_id(0); if (i >= (n)) return
#define AT(z, y, x, ny, nx) (((size_t)(z) * (ny) + (y)) * (nx) + (x))
