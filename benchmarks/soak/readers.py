"""Readers of the tags that the index needs, as anybody would write them: the rivals of the backfill.

Each is given an archive and returns, for every instance, its values as text by tag. None of them keeps anything.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pydicom
import requests
from pydicom.tag import Tag

from longitudinal.dicom.tag_names import READ_TAGS
from tests.data import is_dicom
from tests.orthanc.server import OrthancServer

PROCESSES = 2
CONNECTIONS = 4
TAGS = [Tag(int(name.replace(",", ""), 16)) for name in sorted(READ_TAGS)]
Values = dict[str, object]
Reader = Callable[[], list[Values]]


def read_file(path: Path) -> Values:
    """The wanted elements of a file as they stand in it; nothing is converted that was not asked for."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
    return {f"{tag.group:04x},{tag.elem:04x}": dataset.get_item(tag).value for tag in set(dataset.keys())}


def stored_files(server: OrthancServer) -> list[Path]:
    """The DICOM files in Orthanc's storage folder."""
    storage = Path(server.configuration["StorageDirectory"])
    return [path for path in sorted(storage.rglob("*")) if path.is_file() and is_dicom(path)]


def read_short_tags(server: OrthancServer, session: requests.Session, instance: str) -> Values:
    """The tags of one instance by Orthanc's own route."""
    response = session.get(f"{server.url}/instances/{instance}/tags?short")
    response.raise_for_status()
    found: Values = json.loads(response.content)
    return {tag: found[tag] for tag in READ_TAGS & found.keys()}


def read_series(server: OrthancServer, session: requests.Session, series: str) -> list[Values]:
    """The tags of all instances of a series in one answer of Orthanc's."""
    response = session.get(f"{server.url}/series/{series}/instances-tags?short", timeout=120)
    response.raise_for_status()
    found: dict[str, Values] = json.loads(response.content)
    return [{tag: values[tag] for tag in READ_TAGS & values.keys()} for values in found.values()]


def _dealt(pool: Executor, paths: Sequence[Path]) -> Reader:
    return lambda: list(pool.map(read_file, paths, chunksize=50))


@contextmanager
def readers(server: OrthancServer) -> Iterator[dict[str, Reader]]:
    """All of them by name, their threads and processes warm; `server` must run whenever one is called."""
    paths = stored_files(server)
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
    with server:
        instances = server.session.get("/instances").json()
        series = server.session.get("/series").json()
    with ProcessPoolExecutor(PROCESSES) as processes, ThreadPoolExecutor(CONNECTIONS) as threads:
        list(processes.map(read_file, paths[:PROCESSES]))

        def by_series() -> list[Values]:
            answers = threads.map(lambda each: read_series(server, session, each), series)
            return [values for answer in answers for values in answer]

        yield {
            "pydicom over the storage folder": lambda: [read_file(path) for path in paths],
            f"the same in {CONNECTIONS} threads": _dealt(threads, paths),
            f"the same in {PROCESSES} processes": _dealt(processes, paths),
            f"/instances/{{id}}/tags over {CONNECTIONS} connections": lambda: list(
                threads.map(lambda each: read_short_tags(server, session, each), instances)
            ),
            f"/series/{{id}}/instances-tags over {CONNECTIONS} connections": by_series,
        }
