// Sums over voxels, in double precision: each block of threads leaves its own for the host to add up.

extern "C" __global__ void summary(const int n, const int rows, const float* array, const int line, double* found)
{
    __shared__ double minimum[THREADS], maximum[THREADS], sum[THREADS];
    double a = __int_as_float(0x7f800000), b = -a, s = 0.0;
    for (int row = blockIdx.x; row < rows; row += gridDim.x)
        for (int x = threadIdx.x; x < n; x += blockDim.x) {
            const double v = ROW(array, line)[x];
            a = fmin(a, v); b = fmax(b, v); s += v;
        }
    const int t = threadIdx.x;
    minimum[t] = a; maximum[t] = b; sum[t] = s;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            minimum[t] = fmin(minimum[t], minimum[t + half]);
            maximum[t] = fmax(maximum[t], maximum[t + half]);
            sum[t] += sum[t + half];
        }
    }
    if (t == 0) {
        found[3 * blockIdx.x] = minimum[0]; found[3 * blockIdx.x + 1] = maximum[0]; found[3 * blockIdx.x + 2] = sum[0];
    }
}

// The I-divergence of an image from its model, the light and the counts.
extern "C" __global__ void fit(const float* image, const int li, const float* blurred, const int lb,
                               const float background, const float floor, BOX, double* found)
{
    double sums[3] = {0.0, 0.0, 0.0};
    FOR_BOX_ROWS {
        const long long row = BOX_ROW;
        FOR_BOX_VOXELS {
            const float d = image[row * li + x], m = fmaxf(blurred[row * lb + x] + background, floor);
            sums[0] += (double)(d > 0.0f ? d * logf(d / m) : 0.0f) + ((double)m - d);
            sums[1] += m;
            sums[2] += d;
        }
    }
    total(sums, found + 3 * blockIdx.x);
}

// Adds the product of a voxel's newer step, from point to estimate, with its older one, from before to previous, and the
// square of the older one; both divided by the value before.
static __device__ void compare(double (&sums)[2], const float estimate, const float point, const float previous,
                               const float before)
{
    const float older = previous - before, share = older / fmaxf(before, 1e-30f);
    sums[0] += (double)(estimate - point) * share;
    sums[1] += (double)older * share;
}

extern "C" __global__ void inner_products(const float* estimate, const int le, const float* point, const int lp,
                                          const float* previous, const int lr, const float* before, const int lb, BOX,
                                          double* found)
{
    double sums[2] = {0.0, 0.0};
    FOR_BOX_ROWS {
        const long long row = BOX_ROW;
        FOR_BOX_VOXELS
            compare(sums, estimate[row * le + x], point[row * lp + x], previous[row * lr + x], before[row * lb + x]);
    }
    total(sums, found + 2 * blockIdx.x);
}

// The momentum: the quotient of the inner products, within 0 and the maximum. With `extrapolated` the point is made first,
// in the place of the estimate before `previous`, outside the box too. The block of threads that is counted last adds up
// what all of them found, in the order of their numbers, so that every run finds the same; then it sets the count back.
extern "C" __global__ void momentum(const int n, const int rows, const float* estimate, const int le, float* point,
                                    const int lp, const float* previous, const int lr, const float* before,
                                    const int lb, BOX, const int extrapolated, const float given,
                                    const float* stored_before, const float share, const float maximum, double* found,
                                    unsigned int* finished, float* stored)
{
    __shared__ bool last;
    const float earlier = stored_before ? *stored_before : given;
    double sums[2] = {0.0, 0.0}, all[2] = {0.0, 0.0}, products[2];
    for (int row = blockIdx.x; row < rows; row += gridDim.x) {
        const int z = row / ny, y = row % ny;
        const bool within = ROW_IN_BOX(z, y);
        if (within || extrapolated)
            for (int x = threadIdx.x; x < n; x += blockDim.x) {
                const float newest = ROW(previous, lr)[x];
                float start = ROW(point, lp)[x];
                if (extrapolated)
                    ROW(point, lp)[x] = start = fmaxf(newest + earlier * (newest - start), share * newest);
                if (within && IN_BOX(x)) compare(sums, ROW(estimate, le)[x], start, newest, ROW(before, lb)[x]);
            }
    }
    total(sums, found + 2 * blockIdx.x);
    if (threadIdx.x == 0) {
        __threadfence(); // whoever sees the count sees the sums
        last = atomicAdd(finished, 1u) == gridDim.x - 1;
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
    const volatile double* others = found;
    for (int k = threadIdx.x; k < (int)gridDim.x; k += blockDim.x)
        for (int i = 0; i < 2; ++i) all[i] += others[2 * k + i];
    total(all, products);
    if (threadIdx.x == 0) {
        *stored = products[1] > 0.0 ? (float)fmin(fmax(products[0] / products[1], 0.0), (double)maximum) : 0.0f;
        *finished = 0u;
    }
}
