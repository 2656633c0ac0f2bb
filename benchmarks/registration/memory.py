"""Peak memory of the whole way, reading included, on two made-up CT of 512 x 512 x 300."""

import resource
import subprocess
import sys
import time

import numpy as np

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry.image_plane import PLANE
from longitudinal.registration.alignment import Method
from longitudinal.registration.engine import align
from longitudinal.registration.volume import Volume, build_volume

SIZE, PLANES, PIXEL_MM, SLICE_MM = 512, 300, 0.8, 1.0
LIMITS_MIB = {Method.RIGID: 1500, Method.AFFINE: 1500, Method.DEFORMABLE: 2048}


def run() -> None:
    print(
        f"| method | peak MiB | limit | CPU s |\n|---|---|---|---|   ({SIZE} x {SIZE} x {PLANES}, one thread)"
    )
    for method in Method:
        command = [sys.executable, "-m", "benchmarks.registration.memory", method.value]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak, seconds, accepted = done.stdout.split()[-3:]
        print(
            f"| {method.value} | {peak} | {LIMITS_MIB[method]} | {seconds} | accepted: {accepted}", flush=True
        )


def made_up(shift: float, seed: int) -> Volume:
    """A trunk of blobs, plane by plane, so that no second copy of the scan exists while it is read."""
    planes = np.zeros(PLANES, PLANE)
    planes["position"] = [(-205.0, -205.0, k * SLICE_MM) for k in range(PLANES)]
    planes["orientation"], planes["spacing"] = (1, 0, 0, 0, 1, 0), PIXEL_MM
    planes["rows"] = planes["columns"] = SIZE
    planes["slice_thickness"] = SLICE_MM
    blobs = np.random.default_rng(1)
    centres = blobs.uniform((-150, -100, 0), (150, 100, 300), (120, 3))
    widths, heights = blobs.uniform(8, 25, 120), blobs.uniform(-600, 600, 120)
    axis = np.arange(SIZE) * PIXEL_MM - 205.0 - shift
    noise = np.random.default_rng(seed)
    inside = (axis[:, None] / 120) ** 2 + (axis / 180) ** 2 < 1

    def read(index: int) -> np.ndarray:
        along = heights * np.exp(-(((index * SLICE_MM - shift - centres[:, 2]) / widths) ** 2) / 2)
        rows = np.exp(-(((axis[:, None] - centres[:, 1]) / widths) ** 2) / 2) * along
        columns = np.exp(-(((axis[:, None] - centres[:, 0]) / widths) ** 2) / 2)
        plane = np.where(inside, rows @ columns.T, -1000)
        return (plane + noise.normal(scale=15, size=plane.shape)).astype(np.float32)

    return build_volume(planes, read, Contrast("CT"))


def main() -> None:
    began = time.process_time()
    found = align(made_up(0.0, 1), made_up(12.0, 2), Method(sys.argv[1]))
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} {seconds:.0f} {found.quality.accepted}")


if __name__ == "__main__":
    main()
