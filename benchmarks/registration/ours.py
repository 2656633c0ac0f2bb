"""Our alignment of two folders, reading and self-check included, as rivals.py prints its own.

python -m benchmarks.registration.ours METHOD FIXED_DIR MOVING_DIR POINTS.npy
"""

import json
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from longitudinal.align import read_series
from longitudinal.registration.alignment import Method
from longitudinal.registration.engine import align
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.model import linear


def main() -> None:
    method, fixed, moving, points = sys.argv[1:5]
    began = time.process_time()
    found = align(read_series(Path(fixed)).volume(), read_series(Path(moving)).volume(), Method(method))
    seconds = time.process_time() - began
    transform = linear(found.moving_from_fixed) if found.field is None else DisplacementGrid(found.field)
    mapped = transform.map_points(np.load(points))
    result = {
        "points": mapped.tolist(),
        "seconds": seconds,
        "peakMib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "quality": asdict(found.quality),
    }
    sys.stdout.write("\n" + json.dumps(result, default=str) + "\n")


if __name__ == "__main__":
    main()
