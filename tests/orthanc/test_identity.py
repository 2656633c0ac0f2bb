"""Whose name a statement bears: that of whoever gave the password, and nobody else's."""

import json

import pytest

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_transforms import FIRST, SECOND, fill, give_matrix, listed, scan, turned
from tests.orthanc.wire import basic, form, send

FORM = "Content-Type: multipart/form-data; boundary=zz"
ACCEPT = json.dumps({"decision": "accepted"}).encode()


def loaded(start_orthanc: StartOrthanc, **options: object) -> OrthancServer:
    server = start_orthanc(**options)
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    return server


def test_a_statement_bears_the_name_of_the_user_who_gave_the_password(start_orthanc: StartOrthanc) -> None:
    server = loaded(start_orthanc)
    transform = give_matrix(server, turned(), expectedErrorMm=1.0)
    assert transform["createdBy"] == server.user
    server.session.post(f"/imaging/transforms/{transform['id']}/review", json={"decision": "accepted"})
    assert listed(server)[0]["review"]["by"] == server.user


@pytest.mark.parametrize("more", [[], ["Host: here"], ["Host: here", "Content-Type: application/json"]])
@pytest.mark.parametrize("who", ["somebody:x", "tester:wrong"])
def test_no_part_of_a_form_signs_anything(start_orthanc: StartOrthanc, more: list[str], who: str) -> None:
    server = loaded(start_orthanc)
    transform = give_matrix(server, turned())
    head = ["Content-Disposition: form-data; name=a", f"Authorization: {basic(*who.split(':'))}", *more]
    status, _ = send(
        server, f"POST /imaging/transforms/{transform['id']}/review", [FORM], form((head, ACCEPT))
    )
    assert status == 403
    assert listed(server)[0]["review"] is None


def test_where_nothing_is_checked_nobody_signs(start_orthanc: StartOrthanc) -> None:
    server = loaded(
        start_orthanc, authentication=False
    )  # its session sends a name and a password all the same
    transform = give_matrix(server, turned())
    server.session.post(f"/imaging/transforms/{transform['id']}/review", json={"decision": "accepted"})
    (found,) = listed(server)
    assert (found["createdBy"], found["review"]["by"], found["review"]["decision"]) == ("", "", "accepted")


def test_the_files_of_a_posted_form_are_stored(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc()
    files = [
        ((f'Content-Disposition: form-data; name=f; filename="{n}.dcm"',), file)
        for n, file in enumerate(scan(FIRST, 2020))
    ]
    status, _ = send(server, "POST /imaging/uploads", [FORM], form(*files))
    assert status == 200
    server.wait_indexed(lambda health: health["instances"] == len(files))
