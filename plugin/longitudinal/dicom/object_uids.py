"""UIDs of what the plugin stores: random ones, and such as are the same on every node that makes the same object."""

import hashlib
import uuid
from collections.abc import Sequence

from longitudinal.dicom.whole_library import load_pydicom


def object_uid(uid_root: str | None, entropy: Sequence[str] | None = None, purpose: str = "instance") -> str:
    """A UID under the root, or a UUID under 2.25 (PS3.5 B.2); the same for the same entropy, random for None."""
    parts = None if entropy is None else _separated([purpose, *entropy])
    if uid_root is None and parts is not None:
        digest = hashlib.sha256("".join(parts).encode()).digest()
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"
    load_pydicom()
    from pydicom.uid import generate_uid  # late: a start of Orthanc makes no UID

    return str(generate_uid(None if uid_root is None else f"{uid_root.rstrip('.')}.", parts))


def _separated(entropy: list[str]) -> list[str]:
    """Lengths in between: ("ab", "c") and ("a", "bc") are different inputs, and pydicom joins them."""
    return [f"{len(part)}:{part}" for part in entropy]
