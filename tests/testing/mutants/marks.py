"""What mutants are noted with: the tests that have to fail on them."""

TRUTH = "restorations_agree_with_double_precision"
BLOCKS = "blocks_equal_the_whole"
ADJOINT = "correlation_is_the_adjoint_of_convolution"
FUSED_ADJOINT = "correlate_is_the_adjoint_of_convolve"

PRODUCTS = ("the_product_of_spectra_is_a_convolution", "convolve", "correlate")

MUTANTS = []


def fails(*tests):
    """Note a mutant and the tests that have to fail on it, and no others."""

    def note(mutant):
        MUTANTS.append((mutant, frozenset(f"test_{test}" for test in tests), True))
        return mutant

    return note


def spoils_all(*tests):
    """Note a mutant that nothing can be right with, and the tests that have to be among those that fail."""

    def note(mutant):
        MUTANTS.append((mutant, frozenset(f"test_{test}" for test in tests), False))
        return mutant

    return note
