// Products of packed spectra.
//
// A real volume whose x is even, read as complex numbers (voxel 2m is the real part, voxel 2m+1 the imaginary), is
// transformed as such. The spectra E and O of its even and odd voxels come apart by symmetry from what is at the
// frequencies k and -k. With W = exp(-2 pi i kx / mx), of lines of mx complex numbers, a product with the OTF (P, Q)
// of a real PSF is E' = P E + W Q O, O' = Q E + P O; with the mirrored PSF it is E' = P* E + Q* O,
// O' = (W Q)* E + P* O. What is at k is E' + i O'. With a and b at k and the conjugates of what is at -k, a' and b', all
// of that is ((a + a') u + (a - a') v) / 4, where u = 2 b and v = (b + b') - W (b - b'), or their conjugates, swapped.

float2 times(const float2 a, const float2 b) { return (float2)(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
float2 conjugate(const float2 a) { return (float2)(a.x, -a.y); }

float2 turned(const int x, const int mx)
{ const float turn = -2.0f * (float)x / (float)mx; return (float2)(cospi(turn), sinpi(turn)); }

// The product at frequency k, of the values of a and b at k and at -k.
float2 packed_product(const float2 a, const float2 a_back, const float2 b, const float2 b_back, const float2 turn,
                      const int mirrored)
{
    const float2 a2 = conjugate(a_back), b2 = conjugate(b_back);
    const float2 u = 2.0f * b, v = b + b2 - times(turn, b - b2);
    return 0.25f * (times(a + a2, mirrored ? conjugate(v) : u) + times(a - a2, mirrored ? conjugate(u) : v));
}
