"""What the effects of HiGHS' parameters on the time say of those on the gap, on models too large for the cutoff.

    python -m bench.transfer                 five families, half an hour on a core of its own
    python -m bench.transfer steiner-tree    one of them

Of each family's recording the default and configurations from the fastest to the slowest are executed on larger models.
Printed are the rank correlation of the effects on the mean scores of time, as recorded, and of the gap at the cutoff;
the slope of the second on the first; and what those three do to the gap that save most time. `tuner.leader.prior` takes
its numbers from here.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np

from bench._left_out import spearman
from bench._told import Told, told
from bench.record import SIZES, SLOTS
from instances.families import FAMILIES, generate
from instances.folder import scan
from storage.records import Configuration, Run
from tuner.cost import Cost, cost_of, shift
from tuner.follower.executor import LocalExecutor
from tuner.follower.reading import cache_directory, read_instances
from tuner.leader.features import Floats

ON_REQUEST = True
SOLVER = "highs"
CUTOFF = 3.0
LARGER = {
    "set-cover": 2.6,
    "unit-commitment": 1.8,
    "generalised-assignment": 1.6,
    "facility-location": 2.2,
    "steiner-tree": 1.8,
}
"""Times the sizes that are recorded."""
MODELS, MODELS_SEED = 5, 77
CONFIGURATIONS = 24
BEST = 3


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.transfer")
    parser.add_argument("families", nargs="*", default=list(LARGER))
    given = parser.parse_args(words)
    if unknown := set(given.families) - LARGER.keys():
        parser.error(f"no such family: {', '.join(sorted(unknown))}; there are {', '.join(LARGER)}")
    slopes = []
    for family in given.families:
        recorded = told(family, SOLVER)
        assert recorded is not None
        chosen = _chosen(recorded)
        time, gap = recorded.y[chosen], _gaps(family, recorded, chosen)
        slopes.append(float(time @ gap / (time @ time)))
        best = float(np.exp(gap[np.argsort(time)[:BEST]].mean()))
        print(
            f"{family}: rank correlation {spearman(time[1:], gap[1:]):.2f}, slope {slopes[-1]:.2f}; with the {BEST} "
            f"that save most time the gap is {best:.2f} of the default's",
            flush=True,
        )
    print(f"slope: {fmean(slopes):.2f} in the mean, standard deviation {np.std(slopes):.2f}")


def _chosen(recorded: Told) -> list[int]:
    """Return the numbers of the default and of others, evenly from the fastest to the slowest."""
    order = np.argsort(recorded.y)
    places = np.linspace(0, len(order) - 1, CONFIGURATIONS - 1).round().astype(int)
    return list(dict.fromkeys([0, *order[places].tolist()]))


def _gaps(family: str, recorded: Told, chosen: Sequence[int]) -> Floats:
    """Return the mean scores of the gap less the default's, shape (chosen,)."""
    with tempfile.TemporaryDirectory() as place:
        generate(FAMILIES[family], MODELS, Path(place), MODELS_SEED, SIZES[family] * LARGER[family])
        files = scan(Path(place)).files
        reading = read_instances(files, cache_directory(), seconds=60.0, memory_mib=2048.0, slots=SLOTS)
        by_hash = {instance.sha256: instance for instance in reading.instances}
        configurations = [recorded.configurations[number] for number in chosen]
        scores: dict[Configuration, list[float]] = {configuration: [] for configuration in configurations}
        with LocalExecutor(by_hash, SLOTS, 2048.0, 1e-4) as executor:
            for configuration in configurations:
                for instance in by_hash:
                    executor.submit(Run(configuration, instance, 0, CUTOFF, CUTOFF))
            while executor.outstanding:
                for finished in executor.wait():
                    cost = cost_of(Cost.GAP, finished.run, finished.response)
                    scores[finished.run.configuration].append(math.log(shift(Cost.GAP, CUTOFF) + cost))
    means = np.array([fmean(own) for own in scores.values()])
    return np.asarray(means - means[0])


if __name__ == "__main__":
    main(sys.argv[1:])
