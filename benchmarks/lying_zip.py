"""What uploads that lie about their size cost a real server: its peak memory above rest, and what it answers.

    .venv/bin/python -m benchmarks.lying_zip

Each body is small and would take gigabytes if it were believed, or unpacked before it is checked. The peak is that of the
Orthanc process, which holds the body itself (VmHWM of proc(5), set back before each upload), above the memory at rest
after one honest upload. Target: at most 100 MiB.
"""

import io
import struct
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import requests

from tests.builders import as_file, classic
from tests.orthanc.server import OrthancServer

MIB = 1024 * 1024
TARGET_MIB = 100
UPLOADS = "/imaging/uploads"
_DIRECTORY = b"PK\x01\x02"
_END = b"PK\x05\x06"


def zeros_deflated(count: int) -> bytes:
    """So many MiB of zeros as a raw deflate stream, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = bytes(MIB)
    return b"".join(packer.compress(block) for _ in range(count)) + packer.flush()


def zip_with(stream: bytes, declared: int, crc: int, *, noise: int = 0) -> bytes:
    """A zip of one good image, `noise` bytes that do not shrink, and a deflated stream that is declared as so large."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.dcm", as_file(classic()))
        if noise:
            archive.writestr("noise", np.random.default_rng(1).bytes(noise))
        archive.writestr("lie.dcm", b"", compress_type=zipfile.ZIP_STORED)
    content = written.getvalue()
    local = content.index(b"PK\x03\x04", content.rindex(b"lie.dcm", 0, content.index(_DIRECTORY)) - 40)
    head_end = local + 30 + len("lie.dcm")
    directory, end = content.index(_DIRECTORY), content.index(_END)
    entries = bytearray(content[directory:end])
    last = entries.rindex(_DIRECTORY)
    struct.pack_into("<H", entries, last + 10, zipfile.ZIP_DEFLATED)
    struct.pack_into("<III", entries, last + 16, crc, len(stream), declared)
    record = bytearray(content[end:])
    struct.pack_into("<I", record, 16, head_end + len(stream))
    return content[:head_end] + stream + bytes(entries) + bytes(record)


def many_entries(count: int) -> bytes:
    """A zip whose directory names one file so many times, and whose end says that it does so once."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("x", b"1")
    content = written.getvalue()
    directory, end = content.index(_DIRECTORY), content.index(_END)
    record = bytearray(content[end:])
    struct.pack_into("<I", record, 12, count * (end - directory))
    return content[:directory] + content[directory:end] * count + bytes(record)


def bodies() -> Iterator[tuple[str, str, str, bytes]]:
    """What it is, method, Content-Type and body of each upload."""
    stream = zeros_deflated(1536)
    zipped = "application/zip"
    yield "2 bytes declared, 1.5 GiB inside", "POST", zipped, zip_with(stream, 2, 0)
    yield "the same with the checksum of those", "POST", zipped, zip_with(stream, 2, zlib.crc32(bytes(2)))
    yield "16 MiB declared, 1.5 GiB inside", "POST", zipped, zip_with(stream, 16 * MIB, 0)
    yield "290 MiB declared, 1.5 GiB inside", "POST", zipped, zip_with(stream, 290 * MIB, 0)
    yield "1 GiB declared, 1.5 GiB inside", "POST", zipped, zip_with(stream, 1023 * MIB, 0, noise=6 * MIB)
    yield "4 GiB declared, 1.5 GiB inside", "POST", zipped, zip_with(stream, 2**32 - 2, 0)
    yield (
        "20 zips of them in a form",
        "PUT",
        "multipart/form-data; boundary=b",
        form([zip_with(stream, 16 * MIB, 0)] * 20),
    )
    yield "a directory of 250,000 files", "POST", zipped, many_entries(250_000)
    yield (
        "a form of 3 million empty parts",
        "PUT",
        "multipart/form-data; boundary=b",
        (b"--b\r\n" * 3_000_000 + b"--b--"),
    )


def form(files: list[bytes]) -> bytes:
    """The body of a form with these files; its boundary is b."""
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.zip"\r\n\r\n'
    return b"".join(head + file + b"\r\n" for file in files) + b"--b--"


def memory(pid: int, field: str) -> float:
    """A field of /proc/<pid>/status in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def peak_of(
    server: OrthancServer, method: str, kind: str, body: bytes
) -> tuple[float, float, requests.Response]:
    """The peak of Orthanc's memory in MiB during one upload, the seconds it took, and its answer."""
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    began = time.perf_counter()
    response = server.session.request(method, UPLOADS, data=body, headers={"Content-Type": kind}, timeout=300)
    return memory(server.pid, "VmHWM"), time.perf_counter() - began, response


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        OrthancServer(Path(name), configuration={"Longitudinal": {"MaxUploadMiB": 1024}}) as server,
    ):
        server.session.post(
            UPLOADS, data=as_file(classic()), headers={"Content-Type": "application/dicom"}
        ).raise_for_status()
        time.sleep(1)
        rest = memory(server.pid, "VmRSS")
        print(f"at rest {rest:.0f} MiB")
        worst = 0.0
        for what, method, kind, body in bodies():
            alone, _, _ = peak_of(server, "PUT", "multipart/form-data", bytes(len(body)))  # refused unseen
            peak, seconds, response = peak_of(server, method, kind, body)
            worst = max(worst, peak - rest if len(body) < 2 * MIB else 0)
            print(
                f"{what}: body {len(body) / MIB:.1f} MiB, peak {peak - rest:.0f} MiB above rest "
                f"(a body of that size alone {alone - rest:.0f}), {seconds:.2f} s"
            )
            answer = response.json()
            if response.ok:
                outcomes = Counter(
                    (file["name"], file.get("reason", file["status"])) for file in answer["files"]
                )
                said = ", ".join(f"{count} x {file} {outcome}" for (file, outcome), count in outcomes.items())
                lies = [file["detail"] for file in answer["files"] if file["status"] == "refused"][:1]
                print(f"  200: {said}\n  {lies}")
            else:
                print(f"  {response.status_code} {answer['code']}: {answer['detail']}")
        print(f"worst peak of a body of 1.5 MiB {worst:.0f} MiB above rest; target at most {TARGET_MIB}")


if __name__ == "__main__":
    main()
