// The arithmetic of an iteration, without the transforms and regularization.

// --- elementwise

kernel void multiply(global float *out, global const float *a, global const float *b, const ulong n)
{ EACH(i, n); out[i] = a[i] * b[i]; }

kernel void add(global float *out, global const float *a, global const float *b, const ulong n)
{ EACH(i, n); out[i] = a[i] + b[i]; }

kernel void add_number(global float *out, global const float *a, const float b, const ulong n)
{ EACH(i, n); out[i] = a[i] + b; }

// Comparisons are written so that NaN passes through.
float at_least(const float value, const float floor) { return value < floor ? floor : value; }

kernel void clamp_below(global float *out, global const float *a, const float floor, const ulong n)
{ EACH(i, n); out[i] = at_least(a[i], floor); }

kernel void quotient(global float *out, global const float *a, global const float *b, const float floor, const ulong n)
{ EACH(i, n); out[i] = a[i] / at_least(b[i], floor); }

float less_one(const float image, const float blurred, const float background, const float floor)
{ return image / at_least(blurred + background, floor) - 1.0f; }

kernel void ratio(global float *out, global const float *image, global const float *blurred,
                  const float background, const float floor, const ulong n)
{
    float counts[SOME], model[SOME]; // read before any is divided, which takes long
    FOR_SOME_OF(n, k, i) { counts[k] = image[i]; model[k] = blurred[i]; }
    FOR_SOME_OF(n, k, i) out[i] = less_one(counts[k], model[k], background, floor);
}

float updated(const float estimate, const float correction, const float weight)
{ return estimate * at_least(1.0f + weight * correction, 0.0f); }

kernel void update(global float *out, global const float *estimate, global const float *correction, const ulong n)
{
    float result[SOME];
    FOR_SOME_OF(n, k, i) result[k] = updated(estimate[i], correction[i], 1.0f);
    FOR_SOME_OF(n, k, i) out[i] = result[k];
}

kernel void update_weighted(global float *out, global const float *estimate, global const float *correction,
                            global const float *weight, const ulong n)
{
    float result[SOME];
    FOR_SOME_OF(n, k, i) result[k] = updated(estimate[i], correction[i], weight[i]);
    FOR_SOME_OF(n, k, i) out[i] = result[k];
}

float extrapolated(const float estimate, const float previous, const float momentum, const float share)
{ return at_least(estimate + momentum * (estimate - previous), share * estimate); }

kernel void predict(global float *out, global const float *estimate, global const float *previous,
                    const float momentum, const float share, const ulong n)
{
    float result[SOME];
    FOR_SOME_OF(n, k, i) result[k] = extrapolated(estimate[i], previous[i], momentum, share);
    FOR_SOME_OF(n, k, i) out[i] = result[k];
}

// --- inside a box, from (az, ay, ax) up to (bz, by, bx); outside it nothing is read and 0 is written

kernel void ratio_inside(global float *out, global const float *image, global const float *blurred,
                         const float background, const float floor, const int ny, const int nx,
                         const int az, const int ay, const int ax, const int bz, const int by, const int bx)
{
    const int y = get_global_id(1), z = get_global_id(2);
    if (y >= ny) return;
    const int within = y >= ay && y < by && z >= az && z < bz;
    const size_t row = AT(z, y, 0, ny, nx);
    float counts[SOME], model[SOME];
    FOR_SOME(k, x) {
        const int inside = within && x >= ax && x < bx;
        counts[k] = inside ? image[row + x] : 0.0f;
        model[k] = inside ? blurred[row + x] : 0.0f;
    }
    FOR_SOME(k, x) {
        const int inside = within && x >= ax && x < bx;
        if (x < nx) out[row + x] = inside ? less_one(counts[k], model[k], background, floor) : 0.0f;
    }
}

// --- weights from a small table spread over the volume, as in `expand` of geometry.cl

kernel void update_spread(global float *out, global const float *estimate, global const float *correction,
                          global const float *table, global const int *index, const int ty, const int tx,
                          const int nz, const int ny, const int nx)
{
    const int y = get_global_id(1), z = get_global_id(2);
    if (y >= ny) return;
    const size_t row = AT(z, y, 0, ny, nx), weights = AT(index[z], index[nz + y], 0, ty, tx);
    float result[SOME];
    int stays[SOME]; // voxels that stay as they are are neither read nor written
    FOR_SOME(k, x) {
        const float weight = x < nx ? table[weights + index[nz + ny + x]] : 0.0f;
        stays[k] = x >= nx || (weight == 0.0f && out == estimate);
        result[k] = stays[k] ? 0.0f : updated(estimate[row + x], correction[row + x], weight);
    }
    FOR_SOME(k, x) if (!stays[k]) out[row + x] = result[k];
}

// --- spectra

// Product of two full complex spectra; with `mirrored`, by the conjugate of the second.
kernel void product_full(global float2 *out, global const float2 *a, global const float2 *b,
                         const int mirrored, const ulong n)
{ EACH(i, n); out[i] = times(a[i], mirrored ? conjugate(b[i]) : b[i]); }

// Product of two packed spectra: each work-item does the frequencies k and -k. kx runs over 0 .. mx/2, and where a plane
// is its own mirror image half of its pairs are left to the other half.
kernel void product_packed(global float2 *out, global const float2 *a, global const float2 *b,
                           const int mirrored, const int mz, const int my, const int mx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x > mx / 2 || y >= my) return;
    const int x2 = x ? mx - x : 0, y2 = y ? my - y : 0, z2 = z ? mz - z : 0;
    const size_t i = AT(z, y, x, my, mx), j = AT(z2, y2, x2, my, mx);
    if (x == x2 && j < i) return;
    const float2 first = a[i], second = a[j], own = b[i], other = b[j]; // before any is written: out may be either
    out[i] = packed_product(first, second, own, other, turned(x, mx), mirrored);
    if (j != i) out[j] = packed_product(second, first, other, own, turned(x2, mx), mirrored);
}

// A real volume as a complex one and back, for lines of odd length.
kernel void widen(global float2 *out, global const float *a, const ulong n) { EACH(i, n); out[i] = (float2)(a[i], 0.0f); }
kernel void narrow(global float *out, global const float2 *a, const ulong n) { EACH(i, n); out[i] = a[i].x; }

// --- minimum, maximum, sum and the sum's rounding error, one of each from every work-group of GROUP work-items

// Those of two parts; the rounding error of their sum is exact (Knuth's two-sum).
float4 of_both(const float4 a, const float4 b)
{
    const float sum = a.z + b.z, second = sum - a.z, error = (a.z - (sum - second)) + (b.z - second);
    return (float4)(fmin(a.x, b.x), fmax(a.y, b.y), sum, a.w + b.w - error);
}

kernel void summary(global float4 *out, global const float *a, const ulong n)
{
    float low = INFINITY, high = -INFINITY, sum = 0.0f, lost = 0.0f;
    for (size_t i = get_global_id(0); i < n; i += get_global_size(0)) {
        const float value = a[i], term = value - lost, next = sum + term;
        lost = (next - sum) - term;
        sum = next;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    local float4 found[GROUP];
    const int t = get_local_id(0);
    found[t] = (float4)(low, high, sum, lost);
    for (int few = GROUP / 2; few > 0; few /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (t < few) found[t] = of_both(found[t], found[t + few]);
    }
    if (t == 0) out[get_group_id(0)] = found[0];
}
