// Kernels that make arrays and move voxels. A device that compiles them is taken to work.

kernel void fill(global float *out, const float value, const ulong n) { EACH(i, n); out[i] = value; }

kernel void copy(global float *out, global const float *a, const ulong n) { EACH(i, n); out[i] = a[i]; }

kernel void flip(global float *out, global const float *a, const int nz, const int ny, const int nx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    out[AT(z, y, x, ny, nx)] = a[AT(z ? nz - z : 0, y ? ny - y : 0, x ? nx - x : 0, ny, nx)];
}

// out[z, y, x] = volume[z + sz, y + sy, x + sx]; outside the volume (mz by my by mx) it is 0
kernel void cut(global float *restrict out, global const float *restrict volume, const int ny, const int nx,
                const int sz, const int sy, const int sx, const int mz, const int my, const int mx)
{
    const int y = get_global_id(1), z = get_global_id(2);
    if (y >= ny) return;
    const int vy = y + sy, vz = z + sz, within = vy >= 0 && vy < my && vz >= 0 && vz < mz;
    const size_t row = AT(z, y, 0, ny, nx), from = within ? AT(vz, vy, 0, my, mx) : 0;
    FOR_SOME(k, x) {
        const int vx = x + sx;
        if (x < nx) out[row + x] = within && vx >= 0 && vx < mx ? volume[from + vx] : 0.0f;
    }
}

// The same of a volume that repeats; the start lies inside it.
kernel void cut_wrapped(global float *restrict out, global const float *restrict volume, const int ny, const int nx,
                        const int sz, const int sy, const int sx, const int mz, const int my, const int mx)
{
    const int y = get_global_id(1), z = get_global_id(2);
    if (y >= ny) return;
    const size_t row = AT(z, y, 0, ny, nx), from = AT((z + sz) % mz, (y + sy) % my, 0, my, mx);
    FOR_SOME(k, x) if (x < nx) out[row + x] = volume[from + (x + sx) % mx];
}

// volume[z + tz, ...] = block[z + sz, ...] for a box of (any number of planes) by ny by nx
kernel void paste(global float *restrict volume, global const float *restrict block, const int ny, const int nx,
                  const int sz, const int sy, const int sx, const int by, const int bx,
                  const int tz, const int ty, const int tx, const int my, const int mx)
{
    const int y = get_global_id(1), z = get_global_id(2);
    if (y >= ny) return;
    const size_t to = AT(z + tz, y + ty, tx, my, mx), from = AT(z + sz, y + sy, sx, by, bx);
    FOR_SOME(k, x) if (x < nx) volume[to + x] = block[from + x];
}

// --- a small table spread over a volume: index holds nz, ny and nx positions in the table, which is ty by tx a plane

kernel void expand(global float *out, global const float *table, global const int *index, const int ty, const int tx,
                   const int nz, const int ny, const int nx)
{
    const int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    if (x >= nx || y >= ny) return;
    out[AT(z, y, x, ny, nx)] = table[AT(index[z], index[nz + y], index[nz + ny + x], ty, tx)];
}
