"""The "Longitudinal" section of Orthanc's configuration: typed, with defaults, refused if wrong.

If a setting is unknown or wrong, the plugin does not start, and a message names the setting; Orthanc itself keeps running.
"""

import re
from typing import Annotated, Any, Literal

import msgspec

from longitudinal.errors import InvalidSettings

SECTION = "Longitudinal"

_Root = Annotated[str, msgspec.Meta(pattern=r"^(/[A-Za-z0-9._-]+)+$", max_length=100)]
_Host = Annotated[str, msgspec.Meta(pattern=r"^[^\s:/@\[\]]+$", max_length=253)]
_Origin = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/@;,\"']+$", max_length=300)]
_Address = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f.:]+$", max_length=45)]
_SYSLOG = r"^((udp|tcp)://([^\s/:@\[\]]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?|unix:///[^\s]+)$"
_Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """The limits for accepting an alignment; one outside them is recorded as failed, with its figures.

    docs/registration.md has the measurements for each.

    Attributes
    ----------
    most_forward_backward_mm
        Mean over the tissue: how far points end from their start, mapped forward and backward.
    least_overlap
        Part of the smaller scan that the other one covers.
    least_blocks
        How many blocks with structure are needed.
    most_block_spread_mm
        How far the displacement of a block differs from that of its neighbours, as the median over the blocks;
        less is allowed if the mirror image fits nearly as well.
    least_mirror_ratio
        How much better (mutual information) the scan must fit than its mirror image. Another person's head, or one
        with left and right swapped, does not fit better.
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


RoleName = Literal["viewer", "uploader", "reviewer", "auditor", "admin"]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
_Texts = Annotated[tuple[_Text, ...], msgspec.Meta(max_length=10_000)]
# With a signature that only the holder of a private key can make; an HMAC's key is also that of whoever checks it.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class AccessRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """Who has which roles, and for which studies. Rules only add: what no rule allows is denied.

    Attributes
    ----------
    users
        Names; a rule without users is for whoever has the claims.
    claims
        Claims of a token with their values, all of which it must have; a value in a list counts.
    roles
        What they may do.
    everything
        For all studies.
    patients
        For these patients, by PatientID.
    studies
        For these studies, by StudyInstanceUID or Orthanc id.
    institutions
        For studies with one of these as InstitutionName.
    institution_claim
        For studies whose InstitutionName is the value of this claim.
    labels
        For studies with one of these labels (Orthanc >= 1.12).
    bridges
        Whether a path may lead over registration objects in studies that they may not see.
    """

    roles: Annotated[tuple[RoleName, ...], msgspec.Meta(min_length=1, max_length=5)]
    users: _Texts = ()
    claims: dict[_Text, _Text] = {}
    everything: bool = False
    patients: _Texts = ()
    studies: _Texts = ()
    institutions: _Texts = ()
    institution_claim: _Text | None = None
    labels: _Texts = ()
    bridges: bool = False


class TokenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """Signed tokens (JWT, RFC 7519) that say who acts.

    Attributes
    ----------
    keys
        A JWKS file (RFC 7517) or a public key in PEM; read again once it has changed.
    issuer, audience
        What `iss` and `aud` must be.
    algorithms
        What may sign.
    header
        Where a proxy puts the token beside its service account; `Authorization: Bearer` serves where Orthanc's own
        authentication is off.
    name_claim
        The claim with the user's name.
    leeway_seconds
        By how much clocks may differ.
    """

    keys: _Text
    issuer: _Text
    audience: _Text
    algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1)] = ("RS256", "ES256")
    header: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]+$", max_length=100)] = "X-Imaging-Token"
    name_claim: _Text = "sub"
    leeway_seconds: Annotated[int, msgspec.Meta(ge=0, le=60)] = 5


class BreakGlass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """Who may open a patient in an emergency, and for how long."""

    roles: Annotated[tuple[RoleName, ...], msgspec.Meta(min_length=1, max_length=5)] = ("reviewer",)
    hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 4


class Shares(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """Who may make links to a patient, and for how long."""

    roles: Annotated[tuple[RoleName, ...], msgspec.Meta(min_length=1, max_length=5)] = ("reviewer",)
    days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30


class AccessSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """Who may see what; without this section everybody whom Orthanc lets in may do everything.

    Attributes
    ----------
    rules
        Who has which roles for which studies.
    tokens
        How tokens are checked; without it none counts.
    service_accounts
        RegisteredUsers that act for whoever their token names, and for nobody without one.
    break_glass
        Emergencies; without it there are none.
    shares
        Links to a patient for people without a login; without it there are none.
    hidden_attributes
        By role, keywords of attributes that the answers of /imaging and QIDO leave out.
    """

    rules: Annotated[tuple[AccessRule, ...], msgspec.Meta(max_length=100_000)] = ()
    tokens: TokenSettings | None = None
    service_accounts: _Texts = ()
    break_glass: BreakGlass | None = None
    shares: Shares | None = None
    hidden_attributes: dict[RoleName, _Texts] = {}


_PerMinute = Annotated[int, msgspec.Meta(ge=10, le=10_000_000)]


class RateLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """Requests of /imaging that one user may send in a minute; what they leave of one minute is there in the next.

    Attributes
    ----------
    pictures
        Pictures, and whether a cached frame may be shown.
    reads
        Everything else that is read.
    questions
        Points, batches of them, and overlays; a long body counts for several.
    uploads
        Requests that bring files.
    changes
        Jobs, and everything else that changes something.
    """

    pictures: _PerMinute = 60_000
    reads: _PerMinute = 12_000
    questions: _PerMinute = 6_000
    uploads: _PerMinute = 6_000
    changes: _PerMinute = 1_200


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    """The settings of an administrator; docs/configuration.md has a row for each (a test checks that).

    Attributes
    ----------
    root
        Path of the routes.
    sidecar_path
        The index file. Default: `longitudinal-<Name>.sqlite` in Orthanc's IndexDirectory.
    environment
        The virtual environment with the plugin's libraries. Read by main.py. Default: found beside the plugin.
    ohif_path
        The OHIF app that `make setup` has unpacked, relative to the folder above `plugin/`. Default: `.ohif/app`, if any.
    ohif_root
        Where OHIF is served; null if it should not be.
    max_body
        Largest JSON body that is accepted, in MiB.
    max_upload
        Largest upload, and largest size its zips may unpack to, in MiB. Orthanc and the plugin each hold the whole body.
    reconcile_seconds
        How often the whole archive is compared with the index.
    backfill_on_start
        Whether studies that are stored but not indexed are indexed automatically.
    metadata_base
        First number of the user metadata in which Orthanc keeps the statements about registration objects.
    uid_root
        Root of the UIDs of new objects. Default: 2.25 and a random number.
    worker_processes
        How many studies are aligned, or points refined, at once, each in its own process.
    worker_threads
        How many processors each of these processes uses.
    worker_memory
        Memory that each of these processes may use, in MiB; a registration that needs more fails. Half of it may hold
        scans for the next point.
    align_on_arrival
        Whether a stored study is aligned with the patient's others automatically.
    quiet_seconds
        A study counts as arrived when nothing of it was stored for this long.
    takeover_seconds
        How much longer a study that another node of a cluster received is left to that node.
    acceptance
        The limits for accepting an alignment.
    key_path
        The file with the keys that sign statements. Default: beside the sidecar.
    allowed_origins
        Origins of other sites whose pages may read answers of /imaging, and write here.
    allowed_hosts
        Other names of this machine, needed if Orthanc does not ask for a password.
    allowed_frame_ancestors
        Origins of other sites whose pages may show the plugin's pages, including OHIF, in a frame.
    rate_limits
        How many requests one user may send; null: any number.
    access
        Who may see what (docs/access.md). If it is there and anything is wrong, every request is refused.
    audit
        Whether it is recorded who saw and did what (docs/audit.md).
    audit_path
        The folder of that record. Default: `audit-longitudinal-<Name>` beside the index file.
    audit_required
        Whether the plugin changes nothing while it cannot be recorded.
    audit_file
        When a file of the record is closed and the next one begun, in MiB; a new day begins one as well.
    audit_days
        For how many days files of the record are kept; without it, for good.
    audit_syslog
        A syslog that gets the events too: udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH.
    trusted_proxies
        Addresses of proxies whose X-Forwarded-For is believed in the record.
    json_log_path
        File to which the log is also written as lines of JSON, with one line for each request.
    exam_id_pattern
        Regular expression that the name of every exam has to match as a whole; without it, every name is accepted.
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
    allowed_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[_Host, ...] = ()
    allowed_frame_ancestors: tuple[_Origin, ...] = ()
    rate_limits: RateLimits | None = RateLimits()
    access: AccessSettings | None = None
    audit: bool = True
    audit_path: str | None = None
    audit_required: bool = False
    audit_file: Annotated[int, msgspec.Meta(ge=1, le=1024)] = msgspec.field(default=16, name="AuditFileMiB")
    audit_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
    audit_syslog: Annotated[str, msgspec.Meta(pattern=_SYSLOG, max_length=300)] | None = None
    trusted_proxies: tuple[_Address, ...] = ()
    json_log_path: str | None = None
    exam_id_pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None


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
            wrong.append(f'"{SECTION}.{name}" is not a setting; valid settings: {", ".join(sorted(known))}')
            continue
        try:
            msgspec.convert(value, known[name].type)
        except msgspec.ValidationError as error:
            wrong.append(f'"{SECTION}.{name}": {error}')
    pattern = section.get("ExamIdPattern")
    if isinstance(pattern, str) and (fault := _fault_of_pattern(pattern)) is not None:
        wrong.append(f'"{SECTION}.ExamIdPattern": is not a regular expression: {fault}')
    origins = section.get("AllowedOrigins")
    if isinstance(origins, list):
        faults = (_fault_of_origin(origin) for origin in origins if isinstance(origin, str))
        wrong += [f'"{SECTION}.AllowedOrigins": {fault}' for fault in faults if fault is not None][:20]
    if "Access" in section and section["Access"] is None:
        wrong.append(
            f'"{SECTION}.Access" must be a JSON object; leave it out where nothing is to be restricted'
        )
    if wrong:
        raise InvalidSettings("; ".join(wrong))
    settings = msgspec.convert(section, Settings)
    if settings.access is not None:
        _check_access(settings.access)
    return settings


_OF_STUDIES = frozenset({"viewer", "uploader", "reviewer"})


def _check_access(access: AccessSettings) -> None:
    """What types do not say. Raises InvalidSettings."""
    wrong = []
    for number, rule in enumerate(access.rules):
        where = f'"{SECTION}.Access.Rules[{number}]"'
        which = (rule.patients, rule.studies, rule.institutions, rule.institution_claim, rule.labels)
        if not rule.users and not rule.claims:
            wrong.append(f"{where} is for nobody: give Users or Claims")
        if _OF_STUDIES.isdisjoint(rule.roles):
            if rule.everything or any(which):
                wrong.append(f"{where} names studies, but none of its roles is one for studies")
        elif rule.everything == any(which):
            wrong.append(f"{where} must name studies, or have Everything, and not both")
        if rule.claims and access.tokens is None:
            wrong.append(f"{where} has Claims, but there is no Access.Tokens to check them")
    if access.service_accounts and access.tokens is None:
        wrong.append(f'"{SECTION}.Access.ServiceAccounts" act by tokens, but there is no Access.Tokens')
    if wrong:
        raise InvalidSettings("; ".join(wrong[:20]))


def _fault_of_pattern(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return None


# As a browser writes it (RFC 6454 6.1): lower case, no path, and no port that is the scheme's own.
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([1-9][0-9]{0,4}))?")
_OWN_PORTS = {"http": "80", "https": "443"}
_HIGHEST_PORT = 65_535


def _fault_of_origin(text: str) -> str | None:
    """Why a text is not an origin that a browser can send; None where it is one."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return (
            f"{text[:200]!r} is not an origin. Write each as a browser sends it: scheme and name in lower case, and the "
            'port unless it is the usual one, without a path: "https://viewer.example.org". "*" and "null" stand for '
            "anybody, and are never allowed"
        )
    scheme, _, port = found.groups()
    if port == _OWN_PORTS[scheme]:
        return f"{text!r} is never sent: leave out the port that is usual for {scheme}"
    if port is not None and int(port) > _HIGHEST_PORT:
        return f"{text!r} has a port above {_HIGHEST_PORT}"
    return None
