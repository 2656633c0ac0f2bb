"""Who may do what with which study: what no rule and no grant allows is denied."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from longitudinal.access import grants
from longitudinal.access.grants import Grant, GrantBook
from longitudinal.access.identity import NOBODY, Actor, How
from longitudinal.access.policy import Policy, StudyFacts
from longitudinal.access.roles import Need, Role
from longitudinal.errors import InvalidSettings
from longitudinal.settings import AccessSettings
from longitudinal.sight import StudyName
from longitudinal.transforms.signature import Key

A1, A2 = StudyName("o-a1", "A", "1.1"), StudyName("o-a2", "A", "1.2")
B1 = StudyName("o-b1", "B", "2.1")
NAMELESS = StudyName("o-n", "study:3.1", "3.1")
STUDIES = (A1, A2, B1, NAMELESS)
FACTS = {
    "o-a1": StudyFacts("North", frozenset({"teaching"})), "o-a2": StudyFacts("South"), "o-b1": StudyFacts("North"),
    "o-n": StudyFacts(""),
}  # fmt: skip
ANN = Actor("ann", How.PASSWORD)
KEY = (Key(b"k" * 32),)


def policy(*rules: dict[str, Any], book: GrantBook | None = None, **access: Any) -> Policy:
    settings = msgspec.convert({"Rules": list(rules), **access}, AccessSettings)
    return Policy(settings, FACTS.get, book or GrantBook(lambda level, name: ()))


def seen(of: Policy, actor: Actor = ANN, need: Need = Need.VIEW) -> set[StudyName]:
    sight = of.sight(actor, need)
    by_sight = {study for study in STUDIES if sight is None or sight.sees(study)}
    assert by_sight == {study for study in STUDIES if of.permits(actor, need, study)}
    return by_sight


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"Patients": ["A"]}, {A1, A2}),
        ({"Patients": ["a", "A ", "*"]}, set()),
        ({"Studies": ["1.2"]}, {A2}),
        ({"Studies": ["o-a1", "2.1"]}, {A1, B1}),
        ({"Studies": ["3.1"]}, {NAMELESS}),
        ({"Institutions": ["North"]}, {A1, B1}),
        ({"Institutions": ["north"]}, set()),
        ({"Labels": ["teaching"]}, {A1}),
        ({"Patients": ["B"], "Labels": ["teaching"]}, {A1, B1}),
        ({"Everything": True}, set(STUDIES)),
    ],
)
def test_a_rule_names_studies(selection: dict[str, Any], expected: set[StudyName]) -> None:
    rule = {"Users": ["ann"], "Roles": ["viewer"], **selection}
    assert seen(policy(rule)) == expected
    assert seen(policy(rule), Actor("ben", How.PASSWORD)) == set()
    assert seen(policy(rule), NOBODY) == set()
    assert seen(policy(rule), Actor("ann", How.UNKNOWN)) == set()
    assert seen(policy(rule), need=Need.REVIEW) == set()


def test_no_rule_no_study() -> None:
    assert seen(policy()) == set()
    assert not policy().allows(ANN, Need.ANY)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_its_needs_say(role: Role) -> None:
    selection = {"Patients": ["A"]} if role not in (Role.ADMIN, Role.AUDITOR) else {}
    of = policy({"Users": ["ann"], "Roles": [role.value], **selection})
    assert of.allows(NOBODY, Need.OPEN)
    may = {need for need in Need if of.allows(ANN, need)} - {Need.OPEN}
    assert (
        may
        == {
            Role.VIEWER: {Need.ANY, Need.VIEW},
            Role.REVIEWER: {Need.ANY, Need.VIEW, Need.REVIEW},
            Role.UPLOADER: {Need.ANY, Need.UPLOAD},
            Role.AUDITOR: {Need.ANY, Need.AUDIT},
            Role.ADMIN: set(Need) - {Need.OPEN},
        }[role]
    )
    assert seen(of) == {
        Role.VIEWER: {A1, A2}, Role.REVIEWER: {A1, A2}, Role.UPLOADER: set(), Role.AUDITOR: set(), Role.ADMIN: set(STUDIES),
    }[role]  # fmt: skip


def test_a_role_is_for_the_studies_of_its_rule_alone() -> None:
    of = policy(
        {"Users": ["ann"], "Roles": ["viewer"], "Patients": ["A"]},
        {"Users": ["ann"], "Roles": ["reviewer"], "Patients": ["B"]},
    )
    assert seen(of) == {A1, A2, B1}
    assert seen(of, need=Need.REVIEW) == {B1}


def test_claims_must_all_be_there() -> None:
    rule = {"Claims": {"tenant": "north", "group": "doctors"}, "Roles": ["viewer"], "Everything": True}
    of = policy(rule)
    claims = {"tenant": ("north",), "group": ("staff", "doctors")}
    for some in itertools.chain.from_iterable(
        itertools.combinations(claims.items(), size) for size in (0, 1, 2)
    ):
        assert bool(seen(of, Actor("ann", How.TOKEN, tuple(some)))) == (len(some) == 2)
    assert not seen(policy({**rule, "Users": ["ben"]}), Actor("ann", How.TOKEN, tuple(claims.items())))


def test_an_institution_can_be_the_value_of_a_claim() -> None:
    of = policy({"Claims": {"realm": "x"}, "Roles": ["viewer"], "InstitutionClaim": "tenant"})
    assert seen(of, Actor("ann", How.TOKEN, (("realm", ("x",)), ("tenant", ("South",))))) == {A2}
    assert seen(of, Actor("ann", How.TOKEN, (("realm", ("x",)),))) == set()
    assert seen(of, Actor("ann", How.TOKEN, (("realm", ("x",)), ("tenant", ("",))))) == set()


def test_a_study_that_is_gone_has_no_institution() -> None:
    of = policy({"Users": ["ann"], "Roles": ["viewer"], "Institutions": ["North"]})
    assert not of.permits(ANN, Need.VIEW, StudyName("gone", "A", "1.9"))


def grant(
    target: StudyName,
    *,
    level: str = "patients",
    user: str = "ann",
    seconds: float = 86_400,
    role: str = "viewer",
) -> Grant:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    resource = f"o-{target.patient_id}" if level == "patients" else target.orthanc_id
    patient = target.patient_id if level == "patients" else ""
    return Grant("g", resource, level, patient, user, Role(role), until, "shared", "why", "root", "2026")  # type: ignore[arg-type]


def book_of(*given: Grant) -> GrantBook:
    book = GrantBook(lambda level, name: [one for one in given if (one.level, one.resource) == (level, name)])
    for one in given:
        book.refresh(one.level, one.resource)
    return book


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (grant(A1), {A1, A2}),
        (grant(A1, level="studies"), {A1}),
        (grant(A1, seconds=-1), set()),
        (grant(A1, user="ben"), set()),
        (grant(NAMELESS, level="studies"), {NAMELESS}),
    ],
)
def test_a_grant_adds_studies_until_it_ends(given: Grant, expected: set[StudyName]) -> None:
    of = policy(book=book_of(given))
    assert seen(of) == expected
    assert seen(of, need=Need.REVIEW) == set()
    assert of.allows(ANN, Need.VIEW) == bool(expected)


def test_a_grant_that_is_removed_gives_nothing_any_more() -> None:
    given = [grant(A1)]
    book = GrantBook(lambda level, name: [one for one in given if (one.level, one.resource) == (level, name)])
    book.refresh("patients", "o-A")
    book.refresh("studies", "o-A")  # nobody tells of which level it is
    assert seen(policy(book=book)) == {A1, A2}
    given.clear()
    book.refresh("patients", "o-A")
    assert seen(policy(book=book)) == set()


def test_only_signed_grants_count_and_only_where_they_were_signed_for() -> None:
    one = grant(A1)
    text = grants.RECORDS.written([one], KEY[0])
    assert grants.RECORDS.read(text, one.resource, KEY) == [one]
    assert grants.RECORDS.read(text, "another", KEY) == []
    assert grants.RECORDS.read(text, one.resource, (Key(b"x" * 32),)) == []
    assert grants.RECORDS.read(text, one.resource, ()) == []
    for before, after in (
        ('"ann"', '"eve"'),
        ('"viewer"', '"admin"'),
        ('"A"', '"B"'),
        (one.until[:4], "9999"),
    ):
        assert before in text
        assert grants.RECORDS.read(text.replace(before, after), one.resource, KEY) == []
    for wrong in (None, "", "{", "[" * 1_000, '{"grants": [1]}', '{"grants": ' + "[" * 500, "\ud800"):
        assert grants.RECORDS.read(wrong, one.resource, KEY) == []
    endless = msgspec.structs.replace(one, until="2999-01-01")  # no offset
    assert grants.RECORDS.read(grants.RECORDS.written([endless], KEY[0]), one.resource, KEY) == []


def test_who_uploads_needs_the_study_of_the_file_and_the_one_that_is_there() -> None:
    of = policy({"Users": ["ann"], "Roles": ["uploader"], "Institutions": ["North"], "Patients": ["C"]})
    sight = of.sight(ANN, Need.UPLOAD)
    assert sight is not None
    new = StudyName("new", "A", "9.9")
    assert sight.may_add(new, "North")
    assert not sight.may_add(new, "South")
    assert not sight.may_add(new, "")
    assert sight.may_add(StudyName("new", "C", "9.8"), "")
    assert sight.may_add(A1, "South")  # it is there, and North's
    assert not sight.may_add(A2, "North")  # it is South's, whatever the file says
    assert (
        not policy({"Users": ["ann"], "Roles": ["viewer"], "Everything": True})
        .sight(ANN, Need.UPLOAD)
        .may_add(A1, "North")
    )  # type: ignore[union-attr]


def test_attributes_are_hidden_unless_another_role_shows_them() -> None:
    rules = [
        {"Users": ["ann", "ben"], "Roles": ["viewer"], "Everything": True},
        {"Users": ["ben"], "Roles": ["reviewer"], "Patients": ["A"]},
        {"Users": ["root"], "Roles": ["admin"]},
    ]
    of = policy(*rules, HiddenAttributes={"viewer": ["PatientName"], "admin": ["PatientName"]})
    for name, hidden in (("ann", {"PatientName"}), ("ben", set()), ("root", set())):
        assert of.hidden_attributes(Actor(name, How.PASSWORD)) == hidden
    sight = of.sight(ANN, Need.VIEW)
    assert sight is not None
    assert all(sight.sees(study) for study in STUDIES)
    assert sight.hides == {"PatientName"}


def test_no_other_right_shows_what_the_role_of_a_viewer_hides() -> None:
    rule = {"Users": ["ann"], "Roles": ["viewer", "uploader"], "Everything": True}
    of = policy(rule, HiddenAttributes={"viewer": ["PatientName"]}, book=book_of(grant(A1, role="reviewer")))
    assert of.hidden_attributes(ANN) == {"PatientName"}
    shared = policy(HiddenAttributes={"viewer": ["PatientName"]}, book=book_of(grant(A1)))
    assert shared.hidden_attributes(ANN) == {"PatientName"}


def test_a_role_that_is_shared_opens_nothing_in_an_emergency() -> None:
    rule = {"Users": ["ann"], "Roles": ["viewer"], "Patients": ["B"]}
    of = policy(rule, BreakGlass={}, book=book_of(grant(A1, role="reviewer")))
    assert of.allows(ANN, Need.REVIEW)
    assert of.may_break_glass(ANN) is None


def test_tokens_that_differ_in_what_no_rule_asks_for_are_one_caller() -> None:
    of = policy(
        {
            "Claims": {"tenant": "x"},
            "Roles": ["viewer"],
            "Everything": True,
        },
        HiddenAttributes={"viewer": ["PatientName"]},
    )
    sights = [
        of.sight(Actor("ann", How.TOKEN, (("jti", (jti,)), ("tenant", ("x",)))), Need.VIEW) for jti in "ab"
    ]
    assert sights[0] is not None
    assert sights[1] is not None
    assert sights[0].joined is sights[1].joined


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID", "PatientsName", "patientName"])
def test_what_answers_need_cannot_be_hidden(keyword: str) -> None:
    with pytest.raises(InvalidSettings, match=keyword):
        policy(HiddenAttributes={"viewer": [keyword]})


def test_emergencies_are_for_the_roles_of_the_settings() -> None:
    rules = (
        {"Users": ["ann"], "Roles": ["reviewer"], "Patients": ["A"]},
        {"Users": ["ben"], "Roles": ["viewer"], "Patients": ["A"]},
    )
    of = policy(*rules, BreakGlass={"Hours": 2})
    assert of.may_break_glass(ANN) == 2
    assert of.may_break_glass(Actor("ben", How.PASSWORD)) is None
    assert of.may_break_glass(Actor("ann", How.UNKNOWN)) is None
    assert policy(*rules).may_break_glass(ANN) is None


def test_rules_and_grants_decide_as_if_each_were_looked_at_alone() -> None:
    """Against an oracle that looks at one rule after the other."""
    rules = [
        {"Users": [user], "Roles": [role], **selection}
        for user, role, selection in itertools.product(
            ("ann", "ben"), ("viewer", "reviewer"),
            ({"Patients": ["A"]}, {"Studies": ["3.1"]}, {"Institutions": ["South"]}, {"Labels": ["teaching"]}),
        )
    ]  # fmt: skip
    for some in itertools.combinations(rules, 3):
        of = policy(*some)
        for user, study, need in itertools.product(("ann", "ben"), STUDIES, (Need.VIEW, Need.REVIEW)):
            expected = any(_alone(rule, user, study, need) for rule in some)
            assert of.permits(Actor(user, How.PASSWORD), need, study) == expected, (some, user, study, need)


def _alone(rule: dict[str, Any], user: str, study: StudyName, need: Need) -> bool:
    facts = FACTS[study.orthanc_id]
    is_role = need.value == "view" or rule["Roles"] == ["reviewer"]
    return (
        user in rule["Users"]
        and is_role
        and (
            study.patient_id in rule.get("Patients", ())
            or study.study_instance_uid in rule.get("Studies", ())
            or facts.institution in rule.get("Institutions", ())
            or bool(facts.labels & set(rule.get("Labels", ())))
        )
    )
