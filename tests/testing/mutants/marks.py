"""Marks of mutants: the tests that have to fail on them."""

TRUTH = "restorations_agree_with_double_precision"
BLOCKS = "blocks_equal_the_whole"
ADJOINT = "correlation_is_the_adjoint_of_convolution"
FUSED_ADJOINT = "correlate_is_the_adjoint_of_convolve"
OVERRIDE = "an_override_does_what_its_default_does"

PRODUCTS = ("the_product_of_spectra_is_a_convolution", "convolve", "correlate")

MUTANTS = []


def fails(*tests):
    """Register a mutant and the tests that have to fail on it; no others may."""

    def note(mutant):
        MUTANTS.append((mutant, frozenset(f"test_{test}" for test in tests), True))
        return mutant

    return note


def spoils_all(*tests):
    """Register a mutant on which many tests fail, and some that have to be among them."""

    def note(mutant):
        MUTANTS.append((mutant, frozenset(f"test_{test}" for test in tests), False))
        return mutant

    return note
