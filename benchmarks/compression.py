"""What Orthanc's StorageCompression and IngestTranscoding save and cost, with the plugin.

    python -m benchmarks.compression [--dicom] [--bare]

Stores two real studies (openms_dicom/patient01) into servers that keep files as they come, compressed (zlib), or transcoded,
and compares size, time of storing, time until all is indexed, time of reading a frame's values, and whether answers are the
same. `--dicom` stores by C-STORE in place of HTTP, `--bare` without the plugin, to see whose fault a failure is.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

# GDCM writes past the end of the stack of an HTTP thread (docs/limits.md): it is left JPEG 2000.
_WITHOUT_GDCM = {"Gdcm": {"RestrictTransferSyntaxes": ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"]}}
WAYS: dict[str, dict[str, Any]] = {
    "as received": {},
    "StorageCompression": {"StorageCompression": True},
    "IngestTranscoding JPEG-LS": {"IngestTranscoding": "1.2.840.10008.1.2.4.80"},
    "IngestTranscoding JPEG 2000": {"IngestTranscoding": "1.2.840.10008.1.2.4.90"},
    "IngestTranscoding JPEG lossless": {"IngestTranscoding": "1.2.840.10008.1.2.4.70"},
    "JPEG-LS by DCMTK": {"IngestTranscoding": "1.2.840.10008.1.2.4.80", **_WITHOUT_GDCM},
    "JPEG lossless by DCMTK": {"IngestTranscoding": "1.2.840.10008.1.2.4.70", **_WITHOUT_GDCM},
}
FRAMES = 40
MIB = 1024 * 1024


def bare(way: dict[str, Any], folder: Path, files: list[Path], *, by_dicom: bool) -> None:
    """Only store, without the plugin."""
    with OrthancServer(folder, plugin=False, configuration=way) as server:
        if by_dicom:
            server.store_scu(files)
        else:
            server.store_rest(files)


def measure(
    way: dict[str, Any], folder: Path, files: list[Path], *, by_dicom: bool
) -> tuple[list[float], Any]:
    """MiB on disk, ms a store, s until indexed, ms a frame; and what resolve answers."""
    with OrthancServer(folder, configuration={**way, "Longitudinal": {"AlignOnArrival": False}}) as server:
        began = time.monotonic()
        if by_dicom:
            server.store_scu(files)
            stored = [{"ID": each} for each in server.session.get("/instances").json()]
        else:
            stored = server.store_rest(files)
        took = time.monotonic() - began
        server.wait_indexed(lambda health: health["instances"] == len(files), 60)
        indexed = time.monotonic() - began
        size = server.session.get("/statistics").json()["TotalDiskSize"]
        times = []
        for one in stored[:FRAMES]:
            at = time.monotonic()
            server.session.get(f"/instances/{one['ID']}/frames/0/numpy?rescale=false").raise_for_status()
            times.append(time.monotonic() - at)
        uid = server.session.get(f"/instances/{stored[10]['ID']}/simplified-tags").json()["SOPInstanceUID"]
        answer = server.session.post(
            "/imaging/points/resolve", json={"sopInstanceUid": uid, "row": 90, "column": 90}
        ).json()
        kept = [
            (match["studyInstanceUid"], match["row"], match["column"], match["x"])
            for match in answer["matches"]
        ]
        skipped = server.health()["notIndexable"]
    figures = [int(size) / MIB, 1000 * took / len(files), indexed, 1000 * statistics.median(times)]
    return figures, (kept, answer["unresolved"], skipped)


def main() -> None:
    """Run each once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dicom", action="store_true")
    parser.add_argument("--bare", action="store_true")
    asked = parser.parse_args()
    files, first = dicom_files("openms_dicom/patient01"), None
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                if asked.bare:
                    bare(way, Path(folder) / "orthanc", files, by_dicom=asked.dicom)
                    print(f"{name}: stored")
                    continue
                (size, store, indexed, frame), answer = measure(
                    way, Path(folder) / "orthanc", files, by_dicom=asked.dicom
                )
            except Exception as error:  # the server that ends is the result
                print(f"{name}: FAILS, {type(error).__name__}: {str(error).splitlines()[0][:100]}")
                continue
        first = first or answer
        print(
            f"{name}: {size:.1f} MiB, {store:.1f} ms a store, all indexed after {indexed:.1f} s, {frame:.1f} ms a frame, "
            f"answers {'the same' if answer == first else 'DIFFER'}"
        )


if __name__ == "__main__":
    main()
