// Steps of regularized runs.

#define OUT const int n, const int rows, float* out, const int lo

// Forward differences of a voxel along x, y and z, divided by their common length; none across the faces of the box,
// unless it wraps.
static __device__ float3 slopes(const float* f, const int line, const int wraps, const float slack,
                                const float epsilon, BOX, const int z, const int y, const int x)
{
    const int zn = z + 1 < z1 ? z + 1 : wraps ? z0 : z;
    const int yn = y + 1 < y1 ? y + 1 : wraps ? y0 : y;
    const int xn = x + 1 < x1 ? x + 1 : wraps ? x0 : x;
    const float* row = f + ((long long)z * ny + y) * line;
    const float here = row[x];
    const float dx = row[xn] - here;
    const float dy = f[((long long)z * ny + yn) * line + x] - here;
    const float dz = f[((long long)zn * ny + y) * line + x] - here;
    const float flat = slack * here;
    const float length = sqrtf(dx * dx + dy * dy + dz * dz + flat * flat) + epsilon;
    return make_float3(dx / length, dy / length, dz / length);
}

#define SLOPES(z, y, x) slopes(estimate, le, wraps, slack, epsilon, ny, z0, z1, y0, y1, x0, x1, z, y, x)

extern "C" __global__ void smooth(OUT, const float* array, const int la, const float* estimate, const int le,
                                  const float weight, const float slack, const float epsilon, const int wraps, BOX)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float* a = ROW(array, la);
        const int z = row / ny, y = row % ny;
        const bool within = ROW_IN_BOX(z, y);
        FOR_VOXELS {
            if (!within || !IN_BOX(x)) { o[x] = a[x]; continue; }
            const float3 s = SLOPES(z, y, x);
            float d = s.x + s.y + s.z;
            if (wraps || x > x0) d -= SLOPES(z, y, (x > x0 ? x - 1 : x1 - 1)).x;
            if (wraps || y > y0) d -= SLOPES(z, (y > y0 ? y - 1 : y1 - 1), x).y;
            if (wraps || z > z0) d -= SLOPES((z > z0 ? z - 1 : z1 - 1), y, x).z;
            o[x] = a[x] / (1.0f - weight * d);
        }
    }
}

typedef unsigned long long word_t;

// Twice one half of a binomial split. Every voxel of the image has a word of random bits, whatever its block: few counts
// take a bit each, many take a normal excess made of all bits. The block begins at (sz, sy, sx) of an image of shape
// (mz, my, mx).
extern "C" __global__ void halve(OUT, const float* image, const int li, const float sign, const word_t key,
                                 const int ny, const int sz, const int sy, const int sx, const int mz, const int my,
                                 const int mx)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float* g = ROW(image, li);
        const word_t first = ((word_t)((row / ny + sz) % mz) * my + (row % ny + sy) % my) * mx;
        FOR_VOXELS {
            word_t word = (first + (x + sx) % mx) * 0x9E3779B97F4A7C15ULL + key;
            word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9ULL;
            word = (word ^ (word >> 27)) * 0x94D049BB133111EBULL;
            word ^= word >> 31;
            const float counts = g[x];
            float excess;
            if (counts > 64.0f) {
                excess = sqrtf(counts) * ((float)__popcll(word) - 32.0f) * 0.25f;
            } else {
                const int whole = (int)counts;
                const word_t few = whole < 64 ? (1ULL << whole) - 1ULL : ~0ULL;
                const float coin = (float)((word >> min(whole, 63)) & 1ULL);
                excess = 2.0f * (float)__popcll(word & few) - (float)whole + (counts - (float)whole) * (2.0f * coin - 1.0f);
            }
            o[x] = counts + sign * excess;
        }
    }
}

extern "C" __global__ void agree(OUT, const float* first, const int lf, const float* second, const int ls)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float *a = ROW(first, lf), *b = ROW(second, ls);
        FOR_VOXELS {
            const float m = 0.5f * (a[x] + b[x]);
            o[x] = m * fminf(fmaxf(5.0f * a[x] * b[x] / fmaxf(m * m, 1e-30f), 0.0f), 1.0f);
        }
    }
}
