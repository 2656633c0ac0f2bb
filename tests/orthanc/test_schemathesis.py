"""Whatever a fuzzer makes of the OpenAPI document, a real server answers as the document says, and never fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data import ROOT, data, dicom_files
from tests.orthanc.server import OrthancServer

EXAMPLES = 25
CHECKS = "not_a_server_error,status_code_conformance,response_schema_conformance,response_headers_conformance"
LABELS = "content_type_conformance"
SECONDS = 170


@pytest.fixture
def loaded(server: OrthancServer) -> OrthancServer:
    files = [*dicom_files("openms_dicom/patient01"), data("reg_independent") / "openms_p01_RIGID.dcm"]
    server.store_rest(files)
    server.wait_indexed(lambda health: health["instances"] == len(files))
    return server


def real_names(server: OrthancServer) -> dict[str, str]:
    """For each name in a path, and each that an argument may have, one that the server knows."""
    (patient,) = server.session.get("/imaging/patients").json()["patients"]
    transforms = server.session.get("/imaging/transforms", params={"patientId": patient["patientId"]}).json()
    study = server.session.get("/imaging/studies").json()["studies"][0]["studyInstanceUid"]
    (job,) = server.session.post(f"/imaging/studies/{study}/index").json()["jobs"]
    return {
        "path.patient": patient["patientId"],
        "path.study": study,
        "path.instance": server.session.get("/instances").json()[0],
        "path.transform": transforms["transforms"][0]["id"],
        "path.job": job["id"],
        "query.patientId": patient["patientId"],
    }


def checks(server: OrthancServer) -> str:
    """From 1.12.7 Orthanc itself labels every error text/plain; the bodies are the same."""
    label = server.session.get("/imaging/jobs/none").headers["Content-Type"]
    return CHECKS if label == "text/plain" else f"{CHECKS},{LABELS}"


@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.parametrize("knows_names", [False, True])
def test_every_answer_is_a_documented_one(loaded: OrthancServer, tmp_path: Path, knows_names: bool) -> None:
    names = real_names(loaded) if knows_names else {}
    lines = [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in names.items()]
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text("\n".join(["[parameters]", *lines, ""]))
    run = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "--config-file", configuration, "run",
         f"{loaded.url}/imaging/openapi.json", "--auth", f"{loaded.user}:{loaded.password}", "--checks", checks(loaded),
         "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--max-redirects", "0",
         "--continue-on-failure", "--warnings", "off", "--generation-database", "none"],
        cwd=tmp_path, env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.orthanc.fuzzer_hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "A request failed" not in loaded.log
    assert loaded.session.get("/system").ok
