// Products of packed spectra.
//
// A real volume whose x is even, read as complex numbers (voxel 2m is the real part, voxel 2m+1 the imaginary), is
// transformed as such. The spectra E and O of its even and odd voxels come apart by symmetry from the frequencies k and
// -k. With W = exp(-2 pi i kx / mx), of lines of mx complex numbers, a product with the transfer (P, Q) of a real PSF is
// E' = P E + W Q O, O' = Q E + P O; with the mirrored PSF it is E' = P* E + Q* O, O' = (W Q)* E + P* O.

float2 times(const float2 a, const float2 b) { return (float2)(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
float2 conjugate(const float2 a) { return (float2)(a.x, -a.y); }
float2 over_i(const float2 a) { return (float2)(a.y, -a.x); }
float2 times_i(const float2 a) { return (float2)(-a.y, a.x); }

float2 turned(const int x, const int mx)
{ const float turn = -2.0f * (float)x / (float)mx; return (float2)(cospi(turn), sinpi(turn)); }

// E' and i O' at frequency k, of the values a and b at k and what they are at -k; their sum is the product at k, and
// their difference, conjugated, that at -k.
void packed_product(const float2 a, const float2 a_back, const float2 b, const float2 b_back, const float2 turn,
                    const int mirrored, float2 *new_even, float2 *new_odd)
{
    const float2 a1 = a, a2 = conjugate(a_back), b1 = b, b2 = conjugate(b_back);
    const float2 even = 0.5f * (a1 + a2), odd = over_i(0.5f * (a1 - a2));
    float2 p = 0.5f * (b1 + b2), q = over_i(0.5f * (b1 - b2));
    float2 wq = times(turn, q);
    if (mirrored) {
        const float2 held = conjugate(q);
        p = conjugate(p);
        q = conjugate(wq);
        wq = held;
    }
    *new_even = times(p, even) + times(wq, odd);
    *new_odd = times_i(times(q, even) + times(p, odd));
}
