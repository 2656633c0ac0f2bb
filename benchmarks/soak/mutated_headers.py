"""Whether files are read as pydicom reads them, real ones and damaged ones: planes and headers, bit by bit.

    .venv/bin/python -m benchmarks.soak.mutated_headers [--count 20000] [--seed 20261128]

Real files are those of the tests' data and of pydicom's own. A damaged one is a real one with one to four bytes changed,
put in or cut off in the first kilobytes. What is compared is what the process that reads stored files makes of a file and
what pydicom alone makes of the same bytes; where both refuse it they agree. A tenth runs with the tests.
"""

import argparse
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom.data

from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.header import read_header
from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
from longitudinal.dicom.similar_files import SimilarFiles
from longitudinal.dicom.tags import Tags
from tests.data import data, is_dicom

COUNT, SEED = 20_000, 20261128
_SMALL = 300_000
_HEADER = 1_600
_PARENTS = 60
_NOT_READ = "pydicom raises"


def real_files() -> list[Path]:
    """DICOM files of the tests' data, and pydicom's own."""
    found = [path for path in sorted(data("").rglob("*")) if path.is_file() and is_dicom(path)]
    return found + sorted((Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm"))


def damaged_files(paths: Sequence[Path], count: int, seed: int) -> Iterator[bytes]:
    """So many damaged copies of some of the files, the same ones for a seed."""
    chance = random.Random(seed)
    small = [path for path in paths if path.stat().st_size < _SMALL]
    parents = [path.read_bytes() for path in chance.sample(small, min(_PARENTS, len(small)))]
    for _ in range(count):
        yield damaged_copy(chance, chance.choice(parents))


def damaged_copy(chance: random.Random, content: bytes) -> bytes:
    """A file with one to four kinds of damage in its header, behind the preamble."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        where = chance.randrange(132, max(133, min(len(damaged), _HEADER)))
        how = chance.choice(("byte", "length", "cut", "insert"))
        if how == "cut":
            del damaged[where:]
            break
        if how == "insert":
            damaged[where:where] = bytes(chance.randrange(1, 4))
        elif where < len(damaged):
            damaged[where] = chance.randrange(256) if how == "byte" else damaged[where] + 2 & 0xFF
    return bytes(damaged)


def content_of(tags: Tags) -> Any:
    """All that the index takes from an image's tags."""
    found = read_planes(tags)
    planes = (str(found.role), found.planes.tobytes()) if isinstance(found, ImagePlanes) else found
    return read_header(tags), planes


def both(path: Path, file: bytes, files: SimilarFiles) -> tuple[Any, Any]:
    """What is read of a file where it lies, alone and with the files before in mind, and what pydicom reads of its bytes."""
    answers = []
    for read in (lambda: read_file_tags(path), lambda: files.tags(path), lambda: read_file_tags(file)):
        try:
            answers.append(content_of(read()))
        except Exception:
            answers.append(_NOT_READ)
    return answers[0] if answers[0] == answers[1] else answers[:2], answers[2]


def compare_real(paths: Sequence[Path]) -> Counter[str]:
    """How many real files are read alike, and how many are not."""
    seen, files = Counter[str](), SimilarFiles()
    for path in paths:
        mine, theirs = both(path, path.read_bytes(), files)
        seen["same" if mine == theirs else "differ"] += 1
    seen["like one before"] = files.recognized
    return seen


def compare_damaged(files: Iterator[bytes], folder: Path) -> Counter[str]:
    """The same of damaged ones; `read alone`: read where pydicom raises."""
    seen, path, similar = Counter[str](), folder / "one.dcm", SimilarFiles()
    for file in files:
        path.write_bytes(file)
        mine, theirs = both(path, file, similar)
        if mine == theirs:
            seen["same"] += 1
        else:
            seen["read alone" if theirs == _NOT_READ else "differ"] += 1
    seen["like one before"] = similar.recognized
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    paths = real_files()
    print(f"{len(paths)} real files: {dict(compare_real(paths))}")
    with tempfile.TemporaryDirectory() as folder:
        seen = compare_damaged(damaged_files(paths, given.count, given.seed), Path(folder))
    print(f"{given.count} damaged files, seed {given.seed}: {dict(seen)}")


if __name__ == "__main__":
    main()
