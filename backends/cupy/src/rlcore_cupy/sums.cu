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
    total(sums, found);
}

// The quotient of the two sums that every block of threads of `inner_products` left, within 0 and the maximum.
extern "C" __global__ void momentum(const int blocks, const double* found, const float maximum, float* stored)
{
    double sums[2] = {0.0, 0.0}, all[2];
    for (int k = threadIdx.x; k < blocks; k += blockDim.x)
        for (int i = 0; i < 2; ++i) sums[i] += found[2 * k + i];
    total(sums, all);
    if (threadIdx.x == 0) *stored = all[1] > 0.0 ? (float)fmin(fmax(all[0] / all[1], 0.0), (double)maximum) : 0.0f;
}

// The product of the newer step, from point to estimate, with the older one, from before to previous, and its square.
extern "C" __global__ void inner_products(const float* estimate, const int le, const float* point, const int lp,
                                          const float* previous, const int lr, const float* before, const int lb, BOX,
                                          double* found)
{
    double sums[2] = {0.0, 0.0};
    FOR_BOX_ROWS {
        const long long row = BOX_ROW;
        FOR_BOX_VOXELS {
            const float start = before[row * lb + x], older = previous[row * lr + x] - start;
            const float share = older / fmaxf(start, 1e-30f);
            sums[0] += (double)(estimate[row * le + x] - point[row * lp + x]) * share;
            sums[1] += (double)older * share;
        }
    }
    total(sums, found);
}
