"""The "Longitudinal" section of Orthanc's configuration: typed, with defaults, refused when wrong.

An unknown or wrong setting stops the plugin at start with a message that names it; Orthanc itself goes on.
"""

from typing import Annotated, Any

import msgspec

from longitudinal.errors import InvalidSettings

SECTION = "Longitudinal"

_Root = Annotated[str, msgspec.Meta(pattern=r"^(/[A-Za-z0-9._-]+)+$", max_length=100)]
_Host = Annotated[str, msgspec.Meta(pattern=r"^[^\s:/@\[\]]+$", max_length=253)]
_Origin = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/@;,\"']+$", max_length=300)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """What an alignment must show to be used; one that does not is kept as failed, with its figures.

    docs/registration.md has the measurements behind each.

    Attributes
    ----------
    most_forward_backward_mm
        Mean over the tissue: how far points end from where they began, aligned there and back.
    least_overlap
        Part of the smaller scan that the other one covers.
    least_blocks
        How many blocks with structure must be there to look at.
    most_block_spread_mm
        How far the displacement a block asks for lies from that of its neighbours, as the median over the blocks;
        less is allowed where the mirror image fits nearly as well.
    least_mirror_ratio
        How much better (mutual information) the scan must fit than its mirror image. Another person's head, or one
        whose left and right are swapped, does not fit better.
    """

    most_forward_backward_mm: Annotated[float, msgspec.Meta(gt=0, le=20)] = msgspec.field(
        default=2.0, name="MostForwardBackwardMm"
    )
    least_overlap: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.25
    least_blocks: Annotated[int, msgspec.Meta(ge=0, le=60)] = 8
    most_block_spread_mm: Annotated[float, msgspec.Meta(gt=0, le=20)] = msgspec.field(
        default=2.0, name="MostBlockSpreadMm"
    )
    least_mirror_ratio: Annotated[float, msgspec.Meta(ge=0, le=10)] = 1.03


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """What an administrator can set; docs/configuration.md has a line for each (a test holds that).

    Attributes
    ----------
    root
        Where the routes live.
    sidecar_path
        The index file. Default: `longitudinal-<Name>.sqlite` in Orthanc's IndexDirectory.
    environment
        The virtual environment with the plugin's libraries. Read by main.py. Default: found beside the plugin.
    ohif_path
        OHIF's app as `make setup` unpacks it, relative to the folder above `plugin/`. Default: `.ohif/app`, if any.
    ohif_root
        Where OHIF is served; null where it should not be.
    max_body
        Largest JSON body taken, in MiB.
    max_upload
        Largest upload taken, in MiB, and what a zip may unpack to. Orthanc holds the whole body in memory, and we a copy.
    reconcile_seconds
        How often the whole archive is compared with the index.
    backfill_on_start
        Whether studies the archive had before the plugin are indexed without being asked for.
    metadata_base
        First number of the user metadata in which Orthanc keeps what we say about registration objects.
    uid_root
        Root of the UIDs of new objects. Default: 2.25 and a random number.
    worker_processes
        How many studies are aligned, or points refined, at once, each in a process of its own.
    worker_threads
        How many processors each of those uses.
    worker_memory
        Memory each of those may take, in MiB; a registration that needs more fails. Half of it may hold scans for the
        next point.
    align_on_arrival
        Whether a study that is stored is aligned with the patient's others without being asked for.
    quiet_seconds
        How long nothing of a study must have been stored before it counts as arrived.
    takeover_seconds
        How much longer a study that another node of a cluster has received is left to that node.
    acceptance
        What an alignment must show to be used.
    key_path
        The keys that statements are signed with. Default: beside the sidecar.
    allowed_origins
        Origins of pages of other sites that may write here.
    allowed_hosts
        Other names of this machine, where no password is asked for.
    allowed_frame_ancestors
        Origins of pages of other sites that may show the plugin's pages, OHIF among them, in a frame.
    """

    root: _Root = "/imaging"
    sidecar_path: str | None = None
    environment: str | None = None
    ohif_path: str | None = None
    ohif_root: _Root | None = "/ohif"
    max_body: Annotated[int, msgspec.Meta(ge=1, le=64)] = msgspec.field(default=4, name="MaxBodyMiB")
    max_upload: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = msgspec.field(
        default=1024, name="MaxUploadMiB"
    )
    reconcile_seconds: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 3600
    backfill_on_start: bool = True
    metadata_base: Annotated[int, msgspec.Meta(ge=1024, le=65_000)] = 4000
    uid_root: Annotated[str, msgspec.Meta(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$", max_length=24)] | None = (
        None
    )
    worker_processes: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    worker_threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 2
    worker_memory: Annotated[int, msgspec.Meta(ge=512, le=1_048_576)] = msgspec.field(
        default=2048, name="WorkerMemoryMiB"
    )
    align_on_arrival: bool = True
    quiet_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    takeover_seconds: Annotated[int, msgspec.Meta(ge=0, le=604_800)] = 600
    acceptance: Acceptance = Acceptance()
    key_path: str | None = None
    allowed_origins: tuple[_Origin, ...] = ()
    allowed_hosts: tuple[_Host, ...] = ()
    allowed_frame_ancestors: tuple[_Origin, ...] = ()


def read_settings(configuration: dict[str, Any]) -> Settings:
    """Read the plugin's section out of Orthanc's whole configuration.

    Raises
    ------
    InvalidSettings
        When a setting is unknown or wrong; the detail names every one, and the fields too.
    """
    section = configuration.get(SECTION, {})
    if not isinstance(section, dict):
        raise InvalidSettings(f'"{SECTION}" must be a JSON object, for example {{"Root": "/imaging"}}')
    wrong = []
    known = {field.encode_name: field for field in msgspec.structs.fields(Settings)}
    for name, value in section.items():
        if name not in known:
            wrong.append(f'"{SECTION}.{name}" is no setting; the settings are {", ".join(sorted(known))}')
            continue
        try:
            msgspec.convert(value, known[name].type)
        except msgspec.ValidationError as error:
            wrong.append(f'"{SECTION}.{name}": {error}')
    if wrong:
        raise InvalidSettings("; ".join(wrong))
    return msgspec.convert(section, Settings)
