"""Who may see and do what: rules of the configuration, and grants kept in Orthanc. What nothing allows is denied."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

import msgspec

from longitudinal.access.grants import GrantBook
from longitudinal.access.identity import Actor
from longitudinal.access.roles import Need, Role
from longitudinal.dicom.keywords import tag_of
from longitudinal.errors import InvalidSettings
from longitudinal.settings import AccessRule, AccessSettings
from longitudinal.sight import Sight, StudyName

_NONE: frozenset[Role] = frozenset()
_SEE = frozenset({Role.VIEWER, Role.REVIEWER})
_OF_A_LINK = frozenset({Role.VIEWER})
_REMEMBERED_ACTORS = 1_000
# Ids of jobs that one user has joined.
_MOST_JOINED = 10_000


class StudyFacts(msgspec.Struct, frozen=True):
    """What rules ask of a study beyond its name, as Orthanc has it now."""

    institution: str = ""
    labels: frozenset[str] = frozenset()


_ActorKey = tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]
FactsOf = Callable[[str], StudyFacts | None]
"""The facts of a study by its Orthanc id; None where it is not stored."""


class _Selection(msgspec.Struct):
    """The roles that the rules of one actor give, by what they name."""

    anywhere: frozenset[Role] = _NONE
    everything: frozenset[Role] = _NONE
    patients: dict[str, frozenset[Role]] = msgspec.field(default_factory=dict)
    studies: dict[str, frozenset[Role]] = msgspec.field(default_factory=dict)
    institutions: dict[str, frozenset[Role]] = msgspec.field(default_factory=dict)
    labels: dict[str, frozenset[Role]] = msgspec.field(default_factory=dict)
    bridges: bool = False
    joined: set[str] = msgspec.field(default_factory=set)

    def add(self, rule: AccessRule, claims: Mapping[str, tuple[str, ...]]) -> None:
        """Add what a rule gives that is for this actor."""
        roles = frozenset(Role(name) for name in rule.roles)
        self.anywhere |= roles
        self.bridges = self.bridges or rule.bridges
        if rule.everything:
            self.everything |= roles
        institutions = (*rule.institutions, *claims.get(rule.institution_claim or "", ()))
        for found, names in (
            (self.patients, rule.patients),
            (self.studies, rule.studies),
            (self.institutions, institutions),
            (self.labels, rule.labels),
        ):
            for name in names:
                found[name] = found.get(name, _NONE) | roles

    def of_name(self, study: StudyName) -> frozenset[Role]:
        """The roles for a study that depend on nothing but its name."""
        found = self.everything | self.patients.get(study.patient_id, _NONE)
        return (
            found
            | self.studies.get(study.orthanc_id, _NONE)
            | self.studies.get(study.study_instance_uid, _NONE)
        )

    @property
    def asks_facts(self) -> bool:
        """Whether a rule asks more of a study than its name."""
        return bool(self.institutions or self.labels)

    def of_facts(self, facts: StudyFacts) -> frozenset[Role]:
        """The roles for a study by its institution and its labels."""
        found = self.institutions.get(facts.institution, _NONE) if facts.institution else _NONE
        return found.union(*(self.labels.get(label, _NONE) for label in facts.labels))


class Policy:
    """Decides for every actor; from any thread.

    Parameters
    ----------
    facts_of
        Asked only for actors with rules that need it.
    """

    def __init__(self, settings: AccessSettings, facts_of: FactsOf, grants: GrantBook) -> None:
        self._by_user: dict[str, list[AccessRule]] = {}
        self._by_claims = [rule for rule in settings.rules if not rule.users]
        for rule in settings.rules:
            for user in rule.users:
                self._by_user.setdefault(user, []).append(rule)
        self._settings = settings
        _check_hidden(settings)
        self._facts_of = facts_of
        self._lock = threading.Lock()
        self._selections: OrderedDict[_ActorKey, _Selection] = OrderedDict()
        claims = {name for rule in settings.rules for name in (*rule.claims, rule.institution_claim or "")}
        self._claims_asked = frozenset(claims)
        self.grants = grants

    def roles(self, actor: Actor) -> frozenset[Role]:
        """The roles that somebody has for anything at all."""
        if not actor.is_verified:
            return _NONE
        if actor.share is not None:
            return _OF_A_LINK
        found = self._selection(actor).anywhere
        return found | self.grants.roles_of(actor.name)

    def allows(self, actor: Actor, need: Need) -> bool:
        """Whether somebody has, for anything at all, what a request needs."""
        return need is Need.OPEN or not need.roles.isdisjoint(self.roles(actor))

    def is_unlimited(self, actor: Actor, need: Need) -> bool:
        """Whether somebody has it for every study, stored now or later."""
        if not actor.is_verified or actor.share is not None:
            return False
        selection = self._selection(actor)
        return Role.ADMIN in selection.anywhere or not need.roles.isdisjoint(selection.everything)

    def permits(self, actor: Actor, need: Need, study: StudyName) -> bool:
        """Whether somebody may do with a study what a request needs: the one place that decides it."""
        if not actor.is_verified:
            return False
        if actor.share is not None:
            return Role.VIEWER in need.roles and actor.share.shows(study)
        if self.is_unlimited(actor, need):
            return True
        selection, roles = self._selection(actor), need.roles
        if not roles.isdisjoint(selection.of_name(study)):
            return True
        if not roles.isdisjoint(self.grants.roles_for(actor.name, study)):
            return True
        facts = self._facts_of(study.orthanc_id) if selection.asks_facts else None
        return facts is not None and not roles.isdisjoint(selection.of_facts(facts))

    def sight(self, actor: Actor, need: Need) -> Sight | None:
        """What somebody may see in a request; None: everything. Made for one request: it remembers what it decided."""
        hides = self.hidden_attributes(actor)
        if self.is_unlimited(actor, need) and not hides:
            return None
        # a link is nobody's: no rule is for it, not even one for everybody
        selection, decided = _Selection() if actor.share else self._selection(actor), dict[StudyName, bool]()

        def sees(study: StudyName) -> bool:
            known = decided.get(study)
            if known is None:
                known = decided[study] = self.permits(actor, need, study)
            return known

        if len(selection.joined) > _MOST_JOINED:
            selection.joined.clear()
        return Sight(
            sees=sees,
            owner=actor.name,
            joined=selection.joined,
            bridges=selection.bridges,
            hides=hides,
            may_add=lambda study, institution: self._may_add(actor, study, institution),
        )

    def _may_add(self, actor: Actor, study: StudyName, institution: str) -> bool:
        """Whether somebody may store an object: one of a study that exists must suit that study as well."""
        if actor.share is not None:
            return False
        facts = self._facts_of(study.orthanc_id)
        if facts is not None:
            return self.permits(actor, Need.UPLOAD, study)
        selection, roles = self._selection(actor), Need.UPLOAD.roles
        named = selection.of_name(study) | selection.of_facts(StudyFacts(institution))
        return self.is_unlimited(actor, Need.UPLOAD) or not roles.isdisjoint(named)

    def hidden_attributes(self, actor: Actor) -> frozenset[str]:
        """Keywords of attributes that answers leave out: those that every role of somebody hides."""
        if actor.share is not None:
            return frozenset(actor.share.hides)
        if not actor.is_verified or not self._settings.hidden_attributes:
            return frozenset()
        ruled = self._selection(actor).anywhere
        if Role.ADMIN in ruled:
            return frozenset()
        # what is shared with somebody shows them no more than their own role does
        roles = (ruled & _SEE) or (self.grants.roles_of(actor.name) & _SEE)
        hidden = [frozenset(self._settings.hidden_attributes.get(role.value, ())) for role in roles]
        return frozenset.intersection(*hidden) if hidden else frozenset()

    def may_break_glass(self, actor: Actor) -> int | None:
        """For how many hours somebody may open a patient in an emergency; None: not at all."""
        settings = self._settings.break_glass
        if settings is None or not actor.is_verified or actor.share is not None:
            return None
        ruled = self._selection(actor).anywhere  # a role that is only shared opens nothing else
        return None if ruled.isdisjoint(Role(name) for name in settings.roles) else settings.hours

    def may_share(self, actor: Actor) -> int | None:
        """For how many days somebody may share a patient by a link; None: not at all."""
        settings = self._settings.shares
        if settings is None or not actor.is_verified or actor.share is not None:
            return None
        ruled = self._selection(actor).anywhere  # what is only shared with somebody they do not share
        return None if ruled.isdisjoint(Role(name) for name in settings.roles) else settings.days

    def _selection(self, actor: Actor) -> _Selection:
        # of a token only what rules ask for, as each may have an id of its own
        claims = {name: values for name, values in actor.claims if name in self._claims_asked}
        key = (actor.name, tuple(claims.items()))
        with self._lock:
            found = self._selections.get(key)
            if found is not None:
                self._selections.move_to_end(key)
                return found
        made = _Selection()
        for rule in (*self._by_user.get(actor.name, ()), *self._by_claims):
            if _is_met(rule.claims.items(), claims):
                made.add(rule, claims)
        with self._lock:
            self._selections[key] = made
            while len(self._selections) > _REMEMBERED_ACTORS:
                self._selections.popitem(last=False)
        return made


# What answers name studies and places by.
_NEVER_HIDDEN = frozenset({"PatientID"})


def _check_hidden(settings: AccessSettings) -> None:
    """Raise InvalidSettings where an attribute does not exist, or answers cannot do without it."""
    keywords = {keyword for hidden in settings.hidden_attributes.values() for keyword in hidden}
    wrong = sorted(
        keyword
        for keyword in keywords
        if not tag_of(keyword) or keyword.endswith("UID") or keyword in _NEVER_HIDDEN
    )
    if wrong:
        raise InvalidSettings(
            f'"Longitudinal.Access.HiddenAttributes": {", ".join(wrong)}: no keyword of an attribute that can be hidden'
        )


def _is_met(wanted: Iterable[tuple[str, str]], claims: Mapping[str, tuple[str, ...]]) -> bool:
    return all(value in claims.get(name, ()) for name, value in wanted)
