"""Runs one of the benchmarks of this package."""

import argparse

from benchmarks.registration import (
    against,
    capture,
    compare,
    contrasts,
    failures,
    local_points,
    memory,
    served,
    twice,
)
from benchmarks.registration.trust import sections
from longitudinal.registration.alignment import Method


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registration")
    which = parser.add_subparsers(dest="which", required=True)
    pairs = which.add_parser("pairs", help="ours and the rivals on the real pairs")
    pairs.add_argument("--rivals", help="the python of an environment with requirements.txt installed")
    starts = which.add_parser("capture", help="random starts")
    starts.add_argument("--starts", type=int, default=200)
    starts.add_argument(
        "--first", type=int, default=0, help="of ours, to go on with a run that was cut short"
    )
    starts.add_argument("--checked", type=int, default=12, help="of ours, with the check of itself")
    starts.add_argument("--rival-starts", type=int, default=24)
    starts.add_argument("--rivals", help="as above")
    wrong = which.add_parser("failures", help="pairs that must not be accepted")
    wrong.add_argument("--kind", action="append", choices=[*failures.KINDS], help="default: all")
    other = which.add_parser("contrasts", help="pairs in which equal tissue is not equally bright")
    other.add_argument("--kind", action="append", choices=[*contrasts.KINDS], help="default: all")
    points = which.add_parser("local", help="one point at a time")
    points.add_argument("--pair", action="append", choices=[*local_points.CASES], help="default: all")
    points.add_argument("--points", type=int, default=150, help="at most, of each pair")
    through = which.add_parser("served", help="one point at a time, through the server")
    through.add_argument("--pair", action="append", choices=[*served.CASES], help="default: all")
    through.add_argument(
        "--cold", type=int, default=3, help="points before which the worker is ended, of each pair"
    )
    through.add_argument("--warm", type=int, default=12)
    other = which.add_parser("against", help="one point through the server, against another version")
    other.add_argument("revision", help="of this repository, such as main")
    other.add_argument("--pair", action="append", choices=[*served.CASES], help="default: all")
    other.add_argument("--off", nargs="*", type=float, default=[0.0, 5.0, 10.0], help="mm")
    other.add_argument("--pairs", type=int, default=12)
    again = which.add_parser("twice", help="the same pair twice: is it the same file")
    again.add_argument("--pair", action="append", choices=[*twice.CASES], help="default: all")
    again.add_argument("--method", action="append", choices=[*map(str, Method)], help="default: all")
    which.add_parser("memory", help="two CT of 512 x 512 x 300")
    trust = which.add_parser("trust", help="what is accepted, and what is said of it, against what is so")
    trust.add_argument("--section", action="append", choices=[*sections.SECTIONS], help="default: all")
    trust.add_argument("--part", type=int, default=1, help="every so manieth pair alone")
    given = parser.parse_args()
    match given.which:
        case "pairs":
            compare.run(given.rivals)
        case "capture":
            capture.run(given.first, given.starts, given.checked, given.rival_starts, given.rivals)
        case "failures":
            failures.run(given.kind or list(failures.KINDS))
        case "contrasts":
            contrasts.run(given.kind or list(contrasts.KINDS))
        case "local":
            local_points.run(given.pair or list(local_points.CASES), given.points)
        case "served":
            served.run(given.pair or list(served.CASES), given.cold, given.warm)
        case "against":
            against.run(given.revision, given.pair or list(served.CASES), given.off, given.pairs)
        case "twice":
            twice.run(given.pair or list(twice.CASES), given.method or [*map(str, Method)])
        case "trust":
            sections.run(given.section or list(sections.SECTIONS), given.part)
        case "memory":
            memory.run()


if __name__ == "__main__":
    main()
