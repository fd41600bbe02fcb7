"""Optional powers, each tested where a backend claims it."""

from rlcore.testing.conformance.powers.claims import Claims
from rlcore.testing.conformance.powers.consensus import Agreement, Halving
from rlcore.testing.conformance.powers.devices import Devices
from rlcore.testing.conformance.powers.expansion import Expansion
from rlcore.testing.conformance.powers.fit import Fits
from rlcore.testing.conformance.powers.fusion import Fusion
from rlcore.testing.conformance.powers.host_volumes import HostVolumes
from rlcore.testing.conformance.powers.inner_products import Likenesses
from rlcore.testing.conformance.powers.prediction import Prediction
from rlcore.testing.conformance.powers.placement import Placement
from rlcore.testing.conformance.powers.streams import Streams
from rlcore.testing.conformance.powers.summary import Summaries
from rlcore.testing.conformance.powers.variation import Variation


class Powers(
    Devices,
    Summaries,
    Expansion,
    Streams,
    HostVolumes,
    Placement,
    Fusion,
    Prediction,
    Likenesses,
    Variation,
    Halving,
    Agreement,
    Fits,
    Claims,
):
    """Every optional power, tested where it is claimed."""
