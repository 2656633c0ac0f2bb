"""Dockerfile and docker-compose.yml, as far as they can be held without building; scripts/image.sh builds and runs it."""

import json
import re
from importlib import resources
from typing import Any

import jsonschema
import yaml

from tests.data import ROOT

DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
NODES = ("node-a", "node-b")


def test_the_compose_file_is_one_by_the_schema_of_the_compose_specification() -> None:
    schemas = resources.files("check_jsonschema.builtin_schemas.vendor")
    schema = json.loads((schemas / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)
    broken = {**COMPOSE, "services": {"orthanc": {**SERVICES["orthanc"], "portz": []}}}
    assert not jsonschema.Draft202012Validator(schema).is_valid(broken)


def test_without_the_profile_there_is_a_single_node() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["orthanc"]
    assert {tuple(service.get("profiles", ())) for service in SERVICES.values()} == {(), ("cluster",)}


def test_what_is_named_is_defined() -> None:
    for service in SERVICES.values():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_file()
        for name, value in service.get("environment", {}).items():
            if name.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_nodes_share_storage_and_database_and_nothing_else() -> None:
    a, b = (SERVICES[name] for name in NODES)
    keys, storage = sorted(set(a["volumes"]) & set(b["volumes"]))
    assert storage.endswith(":/var/lib/orthanc/storage")
    assert keys.endswith(":ro")
    setting = (ROOT / keys.partition(":")[0]).read_text()
    assert '"KeyPath": "/var/lib/orthanc/storage/' in setting
    assert a["environment"]["ORTHANC_NAME"] != b["environment"]["ORTHANC_NAME"]
    assert all(node["environment"]["POSTGRES_INDEX"] == "true" for node in (a, b))
    balanced = set(re.findall(r"server (\S+):", (ROOT / "docker" / "nginx.conf").read_text()))
    assert balanced == set(NODES)


def test_nobody_but_this_machine_is_let_in_unless_told() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("${PUBLISH:-127.0.0.1}:") for port in published)


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_special() -> None:
    allowed = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
            assert source.partition("/")[0] in allowed
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert last.startswith("debian:trixie-slim")
    assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == ["orthanc"]
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", last, re.MULTILINE)
    (check,) = re.findall(r"^ *CMD (\[.*health.*)$|HEALTHCHECK.*?CMD (\[.*\])$", last, re.MULTILINE)[0:1]
    for command in (json.loads(entry), json.loads("".join(check))):
        assert (ROOT / "docker" / command[-1].rpartition("/")[2]).is_file()
    assert (ROOT / "docker" / "entrypoint.sh").stat().st_mode & 0o111
