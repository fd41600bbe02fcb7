"""Short transforms, evaluated as they are written."""

import re

import numpy as np
import pytest

from rlcore.backend.kit.gpu_fft.butterflies import Registers, is_product_of_primes, transform


@pytest.mark.parametrize("n", [n for n in range(1, 33) if is_product_of_primes(n)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_short_transforms_are_discrete_fourier_transforms(n, sign):
    rng, registers = np.random.default_rng(n), Registers("r")
    values = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    names = {f"x{k}": v.real for k, v in enumerate(values)} | {f"y{k}": v.imag for k, v in enumerate(values)}
    results = transform(registers, [(f"x{k}", f"y{k}") for k in range(n)], sign)
    for line in registers.lines:
        name, expression = re.fullmatch(r"float (\w+) = (.*);", line).groups()
        names[name] = eval(re.sub(r"(e[+-]\d+)f", r"\1", expression), {}, names)
    found = np.array([eval(x, {}, names) + 1j * eval(y, {}, names) for x, y in results])
    truth = np.fft.fft(values) if sign < 0 else np.fft.ifft(values) * n
    np.testing.assert_allclose(found, truth, atol=1e-7 * n)
