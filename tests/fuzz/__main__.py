"""The fuzz session: runs cases until its time is up, and prints every failure with the seed that repeats it."""

import argparse
import collections
import itertools
import random
import sys
import tempfile
import time
from contextlib import closing

from fuzz.cases import RESUMING, SHARES, run_case
from fuzz.failure import Failure
from fuzz.killed import Forks
from fuzz.program import Program


def main():
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="Time after which no further case begins.")
    parser.add_argument("--seed", type=int, default=0, help="Number of the first case.")
    parser.add_argument("--kind", choices=SHARES, help="Cases of this kind alone.")
    parser.add_argument("--only", metavar="KIND:SEED", help="One case, as a failure names it.")
    options = parser.parse_args()
    end, counts, failed = time.monotonic() + options.seconds, collections.Counter(), []
    with closing(Program()) as program, closing(Forks()) as forks:
        for seed in itertools.count(options.seed):
            kind = options.kind or random.Random(seed).choices(list(SHARES), SHARES.values())[0]
            if options.only:
                kind, _, number = options.only.partition(":")
                seed = int(number)
            with tempfile.TemporaryDirectory(prefix="rlcore-fuzz-") as folder:
                try:
                    counts[kind, run_case(forks if kind in RESUMING else program, kind, seed, folder)] += 1
                except Failure as failure:
                    failed.append(f"{kind}:{seed}: {failure}")
                    print(f"{failed[-1]}\nagain by: python -m fuzz --only {kind}:{seed}", flush=True)
            if options.only or time.monotonic() > end:
                break
    for (kind, how), count in sorted(counts.items()):
        print(f"{kind}: {count} {how}")
    print(f"{len(failed)} failed of {counts.total() + len(failed)}, seeds {options.seed} to {seed}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
