// Parts of all kernels over voxels. Every array comes with the number of float32 from one of its rows to the next.
// EACH, the voxels of a row that a thread handles, and THREADS, those of a block that sums up, are defined by the host.

// For every row that the thread handles; then for every voxel x of it.
#define FOR_ROWS                                                                  \
    for (int row = blockIdx.y * blockDim.y + threadIdx.y, steps = gridDim.y * blockDim.y; row < rows; row += steps)
#define FOR_VOXELS                                                                \
    _Pragma("unroll")                                                             \
    for (int k = 0, x; x = (blockIdx.x * EACH + k) * blockDim.x + threadIdx.x, k < EACH; ++k) if (x < n)

// The current row of an array.
#define ROW(array, line) (array + (long long)row * line)

// A box: rows of a plane of the array, and the box's ends along three axes.
#define BOX const int ny, const int z0, const int z1, const int y0, const int y1, const int x0, const int x1
#define ROW_IN_BOX(z, y) (z >= z0 && z < z1 && y >= y0 && y < y1)
#define IN_BOX(x) (x >= x0 && x < x1)

// For every row of the box that the block of threads sums over; then for every voxel x of it.
#define FOR_BOX_ROWS                                                              \
    for (int k = blockIdx.x; k < (z1 - z0) * (y1 - y0); k += gridDim.x)
#define BOX_ROW ((long long)(z0 + k / (y1 - y0)) * ny + y0 + k % (y1 - y0))
#define FOR_BOX_VOXELS for (int x = x0 + threadIdx.x; x < x1; x += blockDim.x)

// Adds up `count` sums over the threads of a block, pair by pair; its first thread leaves them in `found`.
template <int count> static __device__ void total(const double (&sums)[count], double* found)
{
    __shared__ double room[count][THREADS];
    const int t = threadIdx.x;
    for (int i = 0; i < count; ++i) room[i][t] = sums[i];
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            for (int i = 0; i < count; ++i) room[i][t] += room[i][t + half];
    }
    if (t == 0)
        for (int i = 0; i < count; ++i) found[i] = room[i][0];
}
