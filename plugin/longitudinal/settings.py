"""The "Longitudinal" section of Orthanc's configuration: typed, with defaults, refused when wrong.

An unknown or wrong setting stops the plugin at start with a message that names it; Orthanc itself goes on.
"""

from typing import Annotated, Any

import msgspec

from longitudinal.errors import InvalidSettings

SECTION = "Longitudinal"

_Root = Annotated[str, msgspec.Meta(pattern=r"^(/[A-Za-z0-9._-]+)+$", max_length=100)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


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
