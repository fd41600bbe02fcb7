// --- inner products of two steps: every work-item goes through its voxels of a box, and leaves its sums and their
// rounding errors

void add_to(float2 *sum, const float value)
{ const float term = value - sum->y, next = sum->x + term; sum->y = (next - sum->x) - term; sum->x = next; }

kernel void inner_products(global float4 *out, global const float *estimate, global const float *point,
                           global const float *previous, global const float *before, const int ny, const int nx,
                           const int az, const int ay, const int ax, const int bz, const int by, const int bx)
{
    float2 product = (float2)(0.0f, 0.0f), square = (float2)(0.0f, 0.0f);
    const int width = bx - ax, height = by - ay;
    const size_t n = (size_t)(bz - az) * height * width;
    for (size_t k = get_global_id(0); k < n; k += get_global_size(0)) {
        const size_t row = k / width;
        const size_t i = AT(az + row / height, ay + row % height, ax + k % width, ny, nx);
        const float newer = estimate[i] - point[i], older = previous[i] - before[i];
        const float share = older / fmax(before[i], 1e-30f);
        add_to(&product, newer * share);
        add_to(&square, older * share);
    }
    out[get_global_id(0)] = (float4)(product, square);
}

// --- agreement with a model: some planes of an array, and sums over a box, each with its rounding error

kernel void planes(global float *out, global const float *a, const int size, const int first, const int step,
                   const ulong n)
{ EACH(i, n); out[i] = a[(first + i / size * step) * size + i % size]; }

kernel void fit(global float8 *out, global const float *image, global const float *blurred, const float background,
                const float floor, const int ny, const int nx, const int az, const int ay, const int ax,
                const int bz, const int by, const int bx, const ulong n)
{
    float2 divergence = 0.0f, light = 0.0f, total = 0.0f;
    const int width = bx - ax, height = by - ay;
    for (size_t k = get_global_id(0); k < n; k += get_global_size(0)) {
        const size_t row = k / width;
        const size_t i = AT(az + row / height, ay + row % height, ax + k % width, ny, nx);
        const float d = image[i], m = fmax(blurred[i] + background, floor);
        add_to(&divergence, (d > 0.0f ? d * log(d / m) : 0.0f) + (m - d));
        add_to(&light, m);
        add_to(&total, d);
    }
    out[get_global_id(0)] = (float8)(divergence, light, total, 0.0f, 0.0f);
}
