"""Records of images as MessagePack: how a process beside Orthanc hands them over."""

import msgspec

from longitudinal.sidecar.tables.records import InstanceRecord

_DECODER = msgspec.msgpack.Decoder(list[InstanceRecord | None])


def encode_records(records: list[InstanceRecord | None]) -> bytes:
    """Records of `longitudinal.ingest.plain_records` as MessagePack."""
    return msgspec.msgpack.encode(records)


def decode_records(encoded: bytes) -> list[InstanceRecord | None]:
    """What `encode_records` was given. Raises msgspec.MsgspecError."""
    return _DECODER.decode(encoded)
