// Macros that the kernels of all files use. Volumes are float, C order, x fastest. Elementwise kernels run over one
// index, the others over (x, y, z); work-items beyond the end do nothing, so that global sizes can be rounded up to
// whole work-groups. Kernels limited by memory do several voxels in a work-item, so that more reads are under way.

#define EACH(i, n) const size_t i = get_global_id(0); if (i >= (n)) return
#define AT(z, y, x, ny, nx) (((size_t)(z) * (ny) + (y)) * (nx) + (x))

// SOME is the number of voxels of a work-item: in a row, by their x, or among n voxels, by their index.
#define FOR_SOME(k, x) for (int k = 0, x = get_group_id(0) * SOME * get_local_size(0) + get_local_id(0); k < SOME; \
                            ++k, x += get_local_size(0))
#define SOME_OF(k) ((get_group_id(0) * SOME + (k)) * get_local_size(0) + get_local_id(0))
#define FOR_SOME_OF(n, k, i) for (size_t k = 0, i = SOME_OF(0); k < SOME; ++k, i = SOME_OF(k)) if (i < (n))
