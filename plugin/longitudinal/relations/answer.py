"""What the routes about relations answer."""

from typing import Literal

import msgspec

from longitudinal.reasons import RelationStatus

NodeKind = Literal["instance", "series", "study", "frame"]
GroupKind = Literal["modality", "time", "frameOfReference", "workflow"]


class Node(msgspec.Struct, rename="camel", frozen=True):
    """An object, a series, a study or a frame of reference; `id` is its kind and its UID.

    `present` is false for what is only named: neither stored, nor in another study that may be seen. `label` is what the
    object calls itself.
    """

    id: str
    kind: NodeKind
    uid: str
    present: bool
    orthanc_id: str | None = None
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    modality: str = ""
    sop_class_uid: str = ""
    sop_class: str = ""
    label: str = ""
    date: str = ""


class Edge(msgspec.Struct, rename="camel", frozen=True):
    """What an object names under one tag path, and whether it is there.

    `count` are the different UIDs that are named, `references` the items that name them, `present` how many of the UIDs are
    here as they should be. `status` is null for an edge that no object states: `inferred` is true, and `evidence` says why
    it is likely. Nothing in the plugin follows such an edge.
    """

    id: str
    from_: str = msgspec.field(name="from")
    to: str = ""
    role: str = ""
    path: str = ""
    status: RelationStatus | None = None
    count: int = 0
    present: int = 0
    references: int = 0
    same_study: bool | None = None
    inferred: bool = False
    evidence: list[str] = []
    detail: str = ""


class Group(msgspec.Struct, rename="camel", frozen=True):
    """Series that belong together, and the evidence for it; workflow `unknown` where there is none."""

    kind: GroupKind
    name: str
    series_instance_uids: list[str]
    evidence: list[str]


class RelationProblem(msgspec.Struct, rename="camel", frozen=True):
    """An edge that is not as it should be, in words; or an object of which something could not be read."""

    edge: str | None
    node: str
    status: RelationStatus | None
    text: str


class Relations(msgspec.Struct, rename="camel", frozen=True):
    """One page of the edges in the order of their ids, with the nodes they join; `total` counts all edges.

    Objects without any edge are nodes of the first page. Groups and problems are those of the whole patient or study; of the
    problems, which `problemsTotal` counts, the first thousand are listed.
    """

    total: int
    limit: int
    offset: int
    nodes: list[Node]
    edges: list[Edge]
    groups: list[Group]
    problems: list[RelationProblem]
    problems_total: int
