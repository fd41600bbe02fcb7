// Elementwise steps over rows of any spacing.

#define OUT const int n, const int rows, float* out, const int lo

extern "C" __global__ void ratio(OUT, const float* image, const int li, const float* blurred, const int lb,
                                 const float background, const float floor, BOX)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float *g = ROW(image, li), *b = ROW(blurred, lb);
        const int z = row / ny, y = row % ny;
        const bool within = ROW_IN_BOX(z, y);
        FOR_VOXELS o[x] = within && IN_BOX(x) ? g[x] / fmaxf(b[x] + background, floor) - 1.0f : 0.0f;
    }
}

extern "C" __global__ void quotient(OUT, const float* first, const int lf, const float* second, const int ls,
                                    const float floor)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float *a = ROW(first, lf), *b = ROW(second, ls);
        FOR_VOXELS o[x] = a[x] / fmaxf(b[x], floor);
    }
}

extern "C" __global__ void predict(OUT, const float* estimate, const int le, const float* previous, const int lp,
                                   const float given, const float* stored, const float share)
{
    const float momentum = stored ? *stored : given;
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float *e = ROW(estimate, le), *p = ROW(previous, lp);
        FOR_VOXELS o[x] = fmaxf(e[x] + momentum * (e[x] - p[x]), share * e[x]);
    }
}

extern "C" __global__ void update(OUT, const float* estimate, const int le, const float* correction, const int lc)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float *e = ROW(estimate, le), *c = ROW(correction, lc);
        FOR_VOXELS o[x] = e[x] * fmaxf(1.0f + c[x], 0.0f);
    }
}

extern "C" __global__ void weighted(OUT, const float* estimate, const int le, const float* correction, const int lc,
                                    const float* weight, const int lw)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float *e = ROW(estimate, le), *c = ROW(correction, lc), *v = ROW(weight, lw);
        FOR_VOXELS o[x] = e[x] * fmaxf(1.0f + v[x] * c[x], 0.0f);
    }
}

// A table of weights: the table, an index along each axis, rows of a plane of the array, rows and columns of the table.
#define TABLE const float* table, const int* first, const int* second, const int* third, const int ny, const int ty, \
    const int tx
#define TABLE_ROW (table + (first[row / ny] * ty + second[row % ny]) * tx)

extern "C" __global__ void tabled(OUT, const float* estimate, const int le, const float* correction, const int lc, TABLE)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float *e = ROW(estimate, le), *c = ROW(correction, lc), *v = TABLE_ROW;
        FOR_VOXELS o[x] = e[x] * fmaxf(1.0f + v[third[x]] * c[x], 0.0f);
    }
}

extern "C" __global__ void spread(OUT, TABLE)
{
    FOR_ROWS {
        float* o = ROW(out, lo);
        const float* v = TABLE_ROW;
        FOR_VOXELS o[x] = v[third[x]];
    }
}

extern "C" __global__ void product(const long long n, float2* out, const float2* factor, const int conjugate,
                                   const float scale)
{
    const long long step = gridDim.x * (long long)blockDim.x;
    for (long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x; k < n; k += step) {
        const float2 a = out[k], b = factor[k];
        const float y = conjugate ? -b.y : b.y;
        out[k] = make_float2((a.x * b.x - a.y * y) * scale, (a.x * y + a.y * b.x) * scale);
    }
}
