"""The sections of the trust figures, in the order in which they are printed."""

import SimpleITK as sitk

from benchmarks.registration.trust import accepted, methods, places, refinement, wrong_places
from benchmarks.registration.trust.scans import PERSONS, SET_ON

SECTIONS = {
    "accepted": accepted.run,
    "methods": methods.run,
    "places": places.run,
    "refinement": refinement.run,
    "wrong-places": wrong_places.run,
}


def run(wanted: list[str], part: int) -> None:
    """Print the sections wanted."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print(f"## Trust\n\nDistinct persons: {len(PERSONS)}.\n")
    for name, words in PERSONS.items():
        print(f"- {name}: {words}{' (limits were set on it)' if name in SET_ON else ''}")
    for name in wanted:
        SECTIONS[name](part)
