// Consensus of the corrections of two halves of the counts: their mean, less where they differ, 0 where their signs do.
kernel void agree(global float *out, global const float *first, global const float *second, const ulong n)
{
    EACH(i, n);
    const float a = first[i], b = second[i], mean = 0.5f * (a + b);
    out[i] = mean * fmin(fmax(5.0f * a * b / fmax(mean * mean, 1e-30f), 0.0f), 1.0f);
}

// Twice one half of a binomial split of the counts. Its coins are the bits of a hash of the place in an image of mz by
// my by mx. The block begins at (sz, sy, sx), which lies inside the image. The second half has the opposite excess.
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
              const float slack, const float epsilon, const int ny, const int nx)
{
    int4 next = at + 1;
    next = select(next, wraps ? first : at, next >= last);
    const float here = f[AT(at.z, at.y, at.x, ny, nx)];
    const float4 d = (float4)(f[AT(at.z, at.y, next.x, ny, nx)] - here, f[AT(at.z, next.y, at.x, ny, nx)] - here,
                              f[AT(next.z, at.y, at.x, ny, nx)] - here, 0.0f);
    const float flat = slack * here;
    return d / (sqrt(d.x * d.x + d.y * d.y + d.z * d.z + flat * flat) + epsilon);
}

// array / (1 - weight * div(slopes of the estimate)) in the box from (az, ay, ax) up to (bz, by, bx); as it is outside
kernel void smooth(global float *out, global const float *array, global const float *estimate, const float weight,
                   const float slack, const float epsilon, const int wraps, const int ny, const int nx,
                   const int az, const int ay, const int ax, const int bz, const int by, const int bx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    const size_t i = AT(z, y, x, ny, nx);
    if (x < ax || x >= bx || y < ay || y >= by || z < az || z >= bz) { out[i] = array[i]; return; }
    const int4 at = (int4)(x, y, z, 0), first = (int4)(ax, ay, az, 0), last = (int4)(bx, by, bz, 1);
    const int4 before = at - 1, wrapped = select(before, last - 1, before < first);
    const float4 here = slopes(estimate, at, first, last, wraps, slack, epsilon, ny, nx);
    float divergence = here.x + here.y + here.z;
    if (wraps || x > ax)
        divergence -= slopes(estimate, (int4)(wrapped.x, y, z, 0), first, last, wraps, slack, epsilon, ny, nx).x;
    if (wraps || y > ay)
        divergence -= slopes(estimate, (int4)(x, wrapped.y, z, 0), first, last, wraps, slack, epsilon, ny, nx).y;
    if (wraps || z > az)
        divergence -= slopes(estimate, (int4)(x, y, wrapped.z, 0), first, last, wraps, slack, epsilon, ny, nx).z;
    out[i] = array[i] / (1.0f - weight * divergence);
}
