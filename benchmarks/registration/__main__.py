"""Runs one of the benchmarks of this package."""

import argparse

from benchmarks.registration import capture, compare, failures, local_points, memory


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registration")
    which = parser.add_subparsers(dest="which", required=True)
    pairs = which.add_parser("pairs", help="ours and the rivals on the real pairs")
    pairs.add_argument("--rivals", help="the python of an environment with requirements.txt installed")
    starts = which.add_parser("capture", help="random starts")
    starts.add_argument("--starts", type=int, default=200)
    starts.add_argument("--simpleitk", type=int, default=24)
    which.add_parser("failures", help="pairs that must not be accepted")
    points = which.add_parser("local", help="one point at a time")
    points.add_argument("--points", type=int, default=51)
    which.add_parser("memory", help="two CT of 512 x 512 x 300")
    given = parser.parse_args()
    match given.which:
        case "pairs":
            compare.run(given.rivals)
        case "capture":
            capture.run(given.starts, given.simpleitk)
        case "failures":
            failures.run()
        case "local":
            local_points.run(given.points)
        case "memory":
            memory.run()


if __name__ == "__main__":
    main()
