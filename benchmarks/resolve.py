"""How long one resolve takes, beside a Python route that does nothing, and beside the obvious SQL.

    .venv/bin/python -m benchmarks.resolve [--fill 3000000] [--pairs 12]

A patient of 20 studies x 5 series x 300 slices is stored in a real Orthanc, in a sidecar that is then filled with
synthetic rows of other patients by the product's own writer. Over one raw keep-alive socket, batches of resolve and of a
no-op Python route that takes and returns the same bytes are interleaved, once as it ships and once without asking Orthanc
whether each image of the answer is still there, which tells what that promise costs. In process, `Resolver.resolve` is
compared with `ORDER BY ABS(n.x - d) LIMIT 50` per study over the same slices, with an index on patient and frame.
"""

import argparse
import json
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset

from benchmarks.synthetic_archive import GAP_MM, SIZE, SPACING_MM, fill, slices
from longitudinal.dicom.registration.writer import file_bytes
from longitudinal.http.links import link_builder
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.resolver import PixelQuestion, QuestionFilters, Resolver
from longitudinal.sidecar.connection import Readers, open_writer
from longitudinal.sidecar.tables.records import InstanceRecord
from tests.orthanc.server import OrthancServer

STUDIES, SERIES, SLICES = 20, 5, 300
REQUESTS = 200
SETTLE_SECONDS = 8.0
PATIENT = "BENCHMARK"
NO_OP = """
import runpy
runpy.run_path({main!r}, run_name="__main__")
import orthanc
_ANSWER = b"x"

def _no_op(output, uri, **request):
    global _ANSWER
    if request["method"] == "PUT":
        _ANSWER = bytes(request["body"])
    bytes(request.get("body", b""))
    output.AnswerBuffer(_ANSWER, "application/json")

def _checks(output, uri, **request):
    is_on = bytes(request["body"]) == b"on"
    OrthancArchive.has_instance = _has_instance if is_on else lambda self, orthanc_id, file=None: True
    plain_storage._access = _access if is_on else lambda path, mode: 0  # what was composed holds on to methods
    output.AnswerBuffer("", "text/plain")

from longitudinal.host.orthanc_archive import OrthancArchive
from longitudinal.host import plain_storage
_has_instance, _access = OrthancArchive.has_instance, plain_storage._access
orthanc.RegisterRestCallback("/noop", _no_op)
orthanc.RegisterRestCallback("/checks", _checks)
"""


class RawConnection:
    """One keep-alive HTTP connection without a client library's own cost."""

    def __init__(self, server: OrthancServer) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.http_port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def post(self, path: str, body: bytes) -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._receive()
        header, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        if b" 200 " not in header.split(b"\r\n", 1)[0]:
            raise RuntimeError(header.decode())
        length = int(header.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(self._buffer) < length:
            self._receive()
        answer, self._buffer = self._buffer[:length], self._buffer[length:]
        return answer

    def _receive(self) -> None:
        received = self._socket.recv(1 << 20)
        if not received:
            raise ConnectionError("the server hung up")
        self._buffer += received


def dicom_file(record: InstanceRecord) -> bytes:
    """A small CT slice with the identifiers and the place of a synthetic row."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = record.sop_class_uid
    meta.MediaStorageSOPInstanceUID = record.sop_instance_uid
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    plane = np.frombuffer(record.planes or b"", dtype=_plane_type())[0]
    dataset.SOPClassUID, dataset.SOPInstanceUID = record.sop_class_uid, record.sop_instance_uid
    dataset.PatientID, dataset.PatientName = record.patient_id, record.patient_name
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (
        record.study_instance_uid,
        record.series_instance_uid,
    )
    dataset.FrameOfReferenceUID = record.frame_of_reference_uid
    dataset.StudyDate = dataset.AcquisitionDate = record.study_date
    dataset.StudyTime = dataset.AcquisitionTime = "100000"
    dataset.Modality, dataset.SeriesNumber = record.modality, record.series_number
    dataset.SeriesDescription, dataset.InstanceNumber = record.series_description, record.instance_number
    dataset.ImageType = record.image_type.split("\\")
    dataset.ImagePositionPatient = [f"{value:.6f}" for value in plane["position"]]
    dataset.ImageOrientationPatient = [int(value) for value in plane["orientation"]]
    dataset.PixelSpacing, dataset.SliceThickness = [SPACING_MM, SPACING_MM], GAP_MM
    dataset.Rows = dataset.Columns = SIZE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(SIZE * SIZE)
    return file_bytes(dataset)


def _plane_type() -> np.dtype:
    from longitudinal.geometry.image_plane import PLANE

    return PLANE


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """p50 and p99 in microseconds."""
    p50, p99 = np.percentile(np.array(seconds) * 1e6, [50, 99])
    return float(p50), float(p99)


def ratio_interval(ratios: list[float]) -> str:
    """The median of paired ratios with its 95 % bootstrap interval."""
    generator = np.random.default_rng(0)
    values = np.array(ratios)
    medians = np.median(generator.choice(values, (10_000, len(values))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return f"{np.median(values):.2f} (95 % {low:.2f} to {high:.2f}, {len(values)} pairs)"


def timed(run: Callable[[int], object], count: int) -> list[float]:
    times = []
    for number in range(count):
        start = time.perf_counter()
        run(number)
        times.append(time.perf_counter() - start)
    return times


def process_seconds(pid: int) -> float:
    """Processor time of a process by its own clock (clock_getcpuclockid(3)), in nanoseconds; /proc counts hundredths."""
    return time.clock_gettime((~pid << 3) | 2)


def over_http(server: OrthancServer, records: list[InstanceRecord], pairs: int, checks: str) -> None:
    server.session.put("/checks", data=checks).raise_for_status()
    generator = np.random.default_rng(2)
    bodies = [
        json.dumps(
            {"sopInstanceUid": records[number].sop_instance_uid, "row": 20.5, "column": 31.25}
        ).encode()
        for number in generator.integers(0, len(records), REQUESTS)
    ]
    time.sleep(SETTLE_SECONDS)  # what follows a store is done: blocks are made
    connection = RawConnection(server)
    answer = connection.post("/imaging/points/resolve", bodies[0])
    matches = len(json.loads(answer)["matches"])
    server.session.put("/noop", data=answer).raise_for_status()
    ours: list[float] = []
    theirs: list[float] = []
    medians, tails, processor = [], [], []
    for number in range(-1, pairs):
        start = process_seconds(server.pid)
        a = timed(lambda i: connection.post("/imaging/points/resolve", bodies[i]), REQUESTS)
        between = process_seconds(server.pid)
        b = timed(lambda i: connection.post("/noop", bodies[i]), REQUESTS)
        used = between - start, process_seconds(server.pid) - between
        if number < 0:
            continue  # the first pair warms both
        ours += a
        theirs += b
        processor.append([seconds / REQUESTS * 1e6 for seconds in used])
        medians.append(percentiles(a)[0] / percentiles(b)[0])
        tails.append(percentiles(a)[1] / percentiles(b)[1])
    print(f"checks {checks}; answer: {matches} matches, {len(answer)} bytes")
    print("resolve  p50 {:.0f} us, p99 {:.0f} us".format(*percentiles(ours)))
    print(
        "no-op    p50 {:.0f} us, p99 {:.0f} us (a Python route, same bytes in and out)".format(
            *percentiles(theirs)
        )
    )
    print(f"p50 ratio {ratio_interval(medians)}; target at most 5.5, its upper end too")
    print(f"p99 ratio {ratio_interval(tails)}")
    resolves, no_ops = np.array(processor).T
    print(
        f"processor time of Orthanc: resolve {np.median(resolves):.0f} us, no-op {np.median(no_ops):.0f} us; "
        f"ratio {ratio_interval(list(resolves / no_ops))}"
    )


class _Everything:
    """An archive that has everything: the in-process figures are of resolve alone."""

    def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
        return True

    def has(self, level: str, orthanc_id: str) -> bool:
        return True

    def annotation(self, orthanc_id: str) -> str | None:
        return None


def make_rival(path: Path, source: Path) -> sqlite3.Connection:
    """The obvious table: a row a slice with its normal and offset, an index on patient and frame."""
    rival = sqlite3.connect(path)
    rival.execute(
        """CREATE TABLE slices (patient TEXT, frame TEXT, study TEXT, series TEXT, modality TEXT, sop TEXT,
        nx REAL, ny REAL, nz REAL, d REAL, x REAL, y REAL)"""
    )
    rows = sqlite3.connect(source).execute(
        """SELECT p.patient_id, f.uid, s.study_instance_uid, e.series_instance_uid, e.modality, i.sop_instance_uid, i.planes
        FROM instances i JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
        JOIN patients p ON p.key = s.patient_key JOIN frames f ON f.key = i.frame_key"""
    )

    def converted():
        for *names, blob in rows:
            x, y, z = np.frombuffer(blob[:24], dtype="<f8").tolist()
            yield (*names, 0.0, 0.0, 1.0, z, x, y)

    rival.executemany("INSERT INTO slices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", converted())
    rival.execute("CREATE INDEX slices_patient_frame ON slices (patient, frame)")
    rival.commit()
    return rival


def rival_answer(
    rival: sqlite3.Connection, studies: list[str], frame: str, modality: str, point: np.ndarray
) -> dict[str, str]:
    """The chosen slice of every study, by the same rules, from the 50 nearest by SQL."""
    x, y, z = point.tolist()
    half = (SIZE - 0.5) * SPACING_MM
    found = {}
    for study in studies:
        rows = rival.execute(
            """SELECT series, modality, sop, nx * ? + ny * ? + nz * ? - d, x, y FROM slices
            WHERE patient = ? AND frame = ? AND study = ? ORDER BY ABS(nx * ? + ny * ? + nz * ? - d) LIMIT 50""",
            (x, y, z, PATIENT, frame, study, x, y, z),
        ).fetchall()
        inside = [
            row
            for row in rows
            if abs(row[3]) <= GAP_MM / 2 and -2 <= x - row[4] <= half and -2 <= y - row[5] <= half
        ]
        if inside:
            found[study] = min(inside, key=lambda row: (row[1] != modality, round(abs(row[3]), 6)))[2]
    return found


def in_process(sidecar: Path, folder: Path, records: list[InstanceRecord], pairs: int) -> None:
    readers = Readers(sidecar)
    resolver = Resolver(
        readers, Catalogue(readers), _Everything(), lambda gone: None, link_builder("/imaging")
    )
    rival = make_rival(folder / "rival.sqlite", sidecar)
    studies = sorted({record.study_instance_uid for record in records})
    generator = np.random.default_rng(3)
    picks = [records[number] for number in generator.integers(0, len(records), 1_000)]
    questions = [PixelQuestion(record.sop_instance_uid, 1, 20.5, 31.25) for record in picks]
    start = time.perf_counter()
    resolver.resolve(questions[0], QuestionFilters())
    print(
        f"first resolve of the patient (reads {len(records)} planes): {(time.perf_counter() - start) * 1e3:.0f} ms"
    )
    same, ratios = 0, []
    sql_us: list[float] = []
    ask_us: list[float] = []
    for number in range(pairs):
        record = picks[number]
        answer = resolver.resolve(questions[number], QuestionFilters())
        point = np.array([answer.point.x, answer.point.y, answer.point.z])
        frame = record.frame_of_reference_uid or ""
        start = time.perf_counter()
        theirs = rival_answer(rival, studies, frame, record.modality, point)
        sql_us.append((time.perf_counter() - start) * 1e6)
        a = percentiles(timed(lambda i: resolver.resolve(questions[i % 50], QuestionFilters()), 50))[0]
        ask_us.append(a)
        ratios.append(sql_us[-1] / a)
        ours = {
            match.study_instance_uid: match.sop_instance_uid
            for match in answer.matches
            if not match.is_source
        }
        theirs.pop(record.study_instance_uid, None)
        if ours != theirs:
            raise AssertionError(f"the answers differ: {ours} against {theirs}")
        same += len(ours)
    print(
        f"in process: {np.median(ask_us):.0f} us a resolve, the obvious SQL {np.median(sql_us):.0f} us; {same} same answers"
    )
    print(f"SQL / resolve {ratio_interval(ratios)}; target at least 50")
    start = time.perf_counter()
    for question in questions:
        msgspec.json.encode(resolver.resolve(question, QuestionFilters()))
    print(
        f"a batch of {len(questions)} points, encoded: {(time.perf_counter() - start) / len(questions) * 1e6:.0f} us a point"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fill", type=int, default=3_000_000)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--slices", type=int, default=SLICES)
    options = parser.parse_args()
    records = list(slices(PATIENT, STUDIES, SERIES, options.slices))
    main_script = Path(__file__).resolve().parent.parent / "plugin" / "main.py"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "no_op.py"
        script.write_text(NO_OP.format(main=str(main_script)))
        with OrthancServer(folder / "orthanc", script=script, authentication=False) as server:
            start = time.perf_counter()
            connection = RawConnection(server)
            for record in records:
                connection.post("/instances", dicom_file(record))
            print(f"stored {len(records)} slices in {time.perf_counter() - start:.0f} s")
            server.wait_indexed(lambda health: health["instances"] == len(records), within=30)
            sidecar = next((folder / "orthanc").rglob("longitudinal-*.sqlite"))
            start = time.perf_counter()
            per_patient = 3_000
            writer = open_writer(sidecar)
            count = sum(
                fill(writer, slices(f"FILL{number}", 2, 5, per_patient // 10))
                for number in range(options.fill // per_patient)
            )
            writer.close()
            each = sidecar.stat().st_size / (count + len(records))
            print(
                f"filled with {count} slices in {time.perf_counter() - start:.0f} s; {each:.0f} bytes a slice"
            )
            for checks in ("off", "on"):
                over_http(server, records, options.pairs, checks)
            in_process(sidecar, folder, records, options.pairs)


if __name__ == "__main__":
    main()
