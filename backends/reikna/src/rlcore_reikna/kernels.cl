// Everything the OpenCL backends compute besides the transforms themselves.
//
// Volumes are float, C order, x fastest. Elementwise kernels run over one index, the others over (x, y, z); work-items
// beyond the end do nothing, so that global sizes can be rounded up to whole work-groups.

#define EACH(i, n) const size_t i = get_global_id(0); if (i >= (n)) return
#define AT(z, y, x, ny, nx) (((size_t)(z) * (ny) + (y)) * (nx) + (x))

// --- elementwise

kernel void fill(global float *out, const float value, const ulong n) { EACH(i, n); out[i] = value; }

kernel void copy(global float *out, global const float *a, const ulong n) { EACH(i, n); out[i] = a[i]; }

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
{ EACH(i, n); out[i] = less_one(image[i], blurred[i], background, floor); }

float updated(const float estimate, const float correction, const float weight)
{ return estimate * at_least(1.0f + weight * correction, 0.0f); }

kernel void update(global float *out, global const float *estimate, global const float *correction, const ulong n)
{ EACH(i, n); out[i] = updated(estimate[i], correction[i], 1.0f); }

kernel void update_weighted(global float *out, global const float *estimate, global const float *correction,
                            global const float *weight, const ulong n)
{ EACH(i, n); out[i] = updated(estimate[i], correction[i], weight[i]); }

kernel void predict(global float *out, global const float *estimate, global const float *previous,
                    const float factor, const float least, const ulong n)
{ EACH(i, n); const float f = estimate[i]; out[i] = at_least(f + factor * (f - previous[i]), least * f); }

// --- inside a box, from (az, ay, ax) up to (bz, by, bx); outside it nothing is read and 0 is written

kernel void ratio_inside(global float *out, global const float *image, global const float *blurred,
                         const float background, const float floor, const int ny, const int nx,
                         const int az, const int ay, const int ax, const int bz, const int by, const int bx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    const int inside = x >= ax && x < bx && y >= ay && y < by && z >= az && z < bz;
    const size_t i = AT(z, y, x, ny, nx);
    out[i] = inside ? less_one(image[i], blurred[i], background, floor) : 0.0f;
}

// --- a small table spread over a volume: index holds nz, ny and nx positions in the table, which is ty by tx a plane

kernel void expand(global float *out, global const float *table, global const int *index, const int ty, const int tx,
                   const int nz, const int ny, const int nx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    out[AT(z, y, x, ny, nx)] = table[AT(index[z], index[nz + y], index[nz + ny + x], ty, tx)];
}

kernel void update_spread(global float *out, global const float *estimate, global const float *correction,
                          global const float *table, global const int *index, const int ty, const int tx,
                          const int nz, const int ny, const int nx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    const size_t i = AT(z, y, x, ny, nx);
    const float weight = table[AT(index[z], index[nz + y], index[nz + ny + x], ty, tx)];
    out[i] = updated(estimate[i], correction[i], weight);
}

// --- geometry

kernel void flip(global float *out, global const float *a, const int nz, const int ny, const int nx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    out[AT(z, y, x, ny, nx)] = a[AT(z ? nz - z : 0, y ? ny - y : 0, x ? nx - x : 0, ny, nx)];
}

// out[z, y, x] = volume[z + sz, y + sy, x + sx]; outside the volume (mz by my by mx) it is 0
kernel void cut(global float *out, global const float *volume, const int ny, const int nx,
                const int sz, const int sy, const int sx, const int mz, const int my, const int mx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    const int vx = x + sx, vy = y + sy, vz = z + sz;
    const int inside = vx >= 0 && vx < mx && vy >= 0 && vy < my && vz >= 0 && vz < mz;
    out[AT(z, y, x, ny, nx)] = inside ? volume[AT(vz, vy, vx, my, mx)] : 0.0f;
}

// The same of a volume that repeats; the start lies inside it.
kernel void cut_wrapped(global float *out, global const float *volume, const int ny, const int nx,
                        const int sz, const int sy, const int sx, const int mz, const int my, const int mx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    out[AT(z, y, x, ny, nx)] = volume[AT((z + sz) % mz, (y + sy) % my, (x + sx) % mx, my, mx)];
}

// volume[z + tz, ...] = block[z + sz, ...] for a box of (any number of planes) by ny by nx
kernel void paste(global float *volume, global const float *block, const int ny, const int nx,
                  const int sz, const int sy, const int sx, const int by, const int bx,
                  const int tz, const int ty, const int tx, const int my, const int mx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    volume[AT(z + tz, y + ty, x + tx, my, mx)] = block[AT(z + sz, y + sy, x + sx, by, bx)];
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
    float2 even, odd;
    packed_product(a[i], a[j], b[i], b[j], turned(x, mx), mirrored, &even, &odd);
    out[i] = even + odd;
    if (j != i) out[j] = conjugate(even - odd);
}

// A real volume as a complex one and back, for lines of odd length.
kernel void widen(global float2 *out, global const float *a, const ulong n) { EACH(i, n); out[i] = (float2)(a[i], 0.0f); }
kernel void narrow(global float *out, global const float2 *a, const ulong n) { EACH(i, n); out[i] = a[i].x; }

// --- one look over all voxels: every work-item leaves its minimum, maximum, sum and what rounding took from the sum

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
    out[get_global_id(0)] = (float4)(low, high, sum, lost);
}

// --- how alike two steps are: every work-item goes through its rows of a box and leaves its sums with what rounding
// took from them

void add_to(float2 *sum, const float value)
{ const float term = value - sum->y, next = sum->x + term; sum->y = (next - sum->x) - term; sum->x = next; }

kernel void likeness(global float4 *out, global const float *estimate, global const float *point,
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

// --- regularization

// What two halves of the counts agree on: their mean, less the more they differ, 0 where their signs do.
kernel void agree(global float *out, global const float *first, global const float *second, const ulong n)
{
    EACH(i, n);
    const float a = first[i], b = second[i], mean = 0.5f * (a + b);
    out[i] = mean * fmin(fmax(5.0f * a * b / fmax(mean * mean, 1e-30f), 0.0f), 1.0f);
}

// Twice one half of the counts, split by coins that are bits of a hash of the place in an image of mz by my by mx. A
// block begins at (sz, sy, sx), which lies inside the image. The other half has the opposite excess.
kernel void halve(global float *out, global const float *image, const float sign, const uint key_high,
                  const uint key_low, const int nz, const int ny, const int nx, const int sz, const int sy,
                  const int sx, const int mz, const int my, const int mx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    const ulong place = AT((z + sz) % mz, (y + sy) % my, (x + sx) % mx, my, mx);
    ulong word = place * 0x9E3779B97F4A7C15UL + (((ulong)key_high << 32) | key_low);
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9UL;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBUL;
    word ^= word >> 31;
    const size_t i = AT(z, y, x, ny, nx);
    const float counts = image[i];
    float excess;
    if (counts > 64.0f) {
        excess = sqrt(counts) * ((float)popcount(word) - 32.0f) * 0.25f;
    } else {
        const int whole = (int)counts;
        const ulong few = whole < 64 ? ((ulong)1 << whole) - 1 : ~(ulong)0;
        const float coin = (float)((word >> min(whole, 63)) & 1);
        excess = 2.0f * (float)popcount(word & few) - (float)whole
               + (counts - (float)whole) * (2.0f * coin - 1.0f);
    }
    out[i] = counts + sign * excess;
}

// Forward differences of the voxel at (z, y, x) in a box, along x, y and z, divided by their common length.
float4 slopes(global const float *f, const int4 at, const int4 first, const int4 last, const int wraps,
              const float slack, const float least, const int ny, const int nx)
{
    int4 next = at + 1;
    next = select(next, wraps ? first : at, next >= last);
    const float here = f[AT(at.z, at.y, at.x, ny, nx)];
    const float4 d = (float4)(f[AT(at.z, at.y, next.x, ny, nx)] - here, f[AT(at.z, next.y, at.x, ny, nx)] - here,
                              f[AT(next.z, at.y, at.x, ny, nx)] - here, 0.0f);
    const float flat = slack * here;
    return d / (sqrt(d.x * d.x + d.y * d.y + d.z * d.z + flat * flat) + least);
}

// array / (1 - share * div(slopes of the estimate)) in the box from (az, ay, ax) up to (bz, by, bx); as it is outside
kernel void smooth(global float *out, global const float *array, global const float *estimate, const float share,
                   const float slack, const float least, const int wraps, const int ny, const int nx,
                   const int az, const int ay, const int ax, const int bz, const int by, const int bx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    const size_t i = AT(z, y, x, ny, nx);
    if (x < ax || x >= bx || y < ay || y >= by || z < az || z >= bz) { out[i] = array[i]; return; }
    const int4 at = (int4)(x, y, z, 0), first = (int4)(ax, ay, az, 0), last = (int4)(bx, by, bz, 1);
    const int4 before = at - 1, wrapped = select(before, last - 1, before < first);
    const float4 here = slopes(estimate, at, first, last, wraps, slack, least, ny, nx);
    float divergence = here.x + here.y + here.z;
    if (wraps || x > ax)
        divergence -= slopes(estimate, (int4)(wrapped.x, y, z, 0), first, last, wraps, slack, least, ny, nx).x;
    if (wraps || y > ay)
        divergence -= slopes(estimate, (int4)(x, wrapped.y, z, 0), first, last, wraps, slack, least, ny, nx).y;
    if (wraps || z > az)
        divergence -= slopes(estimate, (int4)(x, y, wrapped.z, 0), first, last, wraps, slack, least, ny, nx).z;
    out[i] = array[i] / (1.0f - share * divergence);
}

// --- how well a block fits: some of its planes, and the sums over a box, each with what rounding took from it

kernel void planes(global float *out, global const float *a, const int size, const int first, const int step,
                   const ulong n)
{ EACH(i, n); out[i] = a[(first + i / size * step) * size + i % size]; }

kernel void fit(global float8 *out, global const float *image, global const float *blurred, const float background,
                const float least, const int ny, const int nx, const int az, const int ay, const int ax,
                const int bz, const int by, const int bx, const ulong n)
{
    float2 divergence = 0.0f, light = 0.0f, total = 0.0f;
    const int width = bx - ax, height = by - ay;
    for (size_t k = get_global_id(0); k < n; k += get_global_size(0)) {
        const size_t row = k / width;
        const size_t i = AT(az + row / height, ay + row % height, ax + k % width, ny, nx);
        const float d = image[i], m = fmax(blurred[i] + background, least);
        add_to(&divergence, (d > 0.0f ? d * log(d / m) : 0.0f) + (m - d));
        add_to(&light, m);
        add_to(&total, d);
    }
    out[get_global_id(0)] = (float8)(divergence, light, total, 0.0f, 0.0f);
}
