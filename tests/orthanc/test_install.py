"""docs/install.md as a newcomer follows it: its own commands and configuration, on a copy of Debian's /etc/orthanc.

Only what a test may not do is changed on the way: ports, the folders below / and the owner of files.
"""

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from longitudinal.settings import read_settings
from tests import builders as build
from tests.data import ROOT
from tests.orthanc.server import OrthancServer

PAGE = (ROOT / "docs" / "install.md").read_text()
DEBIANS = Path("/etc/orthanc")
DEBIANS_FILES = (
    "credentials.json",
    "dicomweb.json",
    "gdcm.json",
    "orthanc.json",
    "python.json",
    "sample.py",
    "serve-folders.json",
    "worklists.json",
    *(["advanced.json"] if (DEBIANS / "advanced.json").exists() else []),
)
"""What Debian's packages put there: of a machine that is used for something else, nothing more is copied."""
SETTINGS_FILES = [name for name in ("orthanc.json", "advanced.json") if name in DEBIANS_FILES]
"""Orthanc's own settings: from 1.12.11 on some stand in a file of their own."""
SCRIPT = ROOT / "scripts" / "install.sh"
SAMPLE = 'PythonScript" : "/etc/orthanc/sample.py"'
SCU_SECONDS = 30
OWN_SCRIPT = """
import orthanc

def own(output, uri, **request):
    output.AnswerBuffer("mine", "text/plain")

orthanc.RegisterRestCallback("/own", own)
"""


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def documented(title: str) -> dict[str, Any]:
    """The configuration that stands under `// title`."""
    (text,) = [block for block in blocks("json") if block.startswith(f"// {title}\n")]
    found: dict[str, Any] = json.loads(text.partition("\n")[2])
    return found


def without_comments(text: str) -> str:
    return re.sub(
        r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda found: found.group(1) or "", text, flags=re.DOTALL
    )


class Installed(OrthancServer):
    """Debian's Orthanc in a folder: etc/ is its copy of /etc/orthanc, opt/ what the installer makes."""

    def __init__(self, folder: Path) -> None:
        # Debian's sample script stays where it is, and nothing is written beside it
        super().__init__(folder, environment={"PYTHONDONTWRITEBYTECODE": "1"})
        self.etc, self.opt = folder / "etc", folder / "opt" / "orthanc-longitudinal"
        self.etc.mkdir(parents=True)
        for name in DEBIANS_FILES:
            shutil.copy(DEBIANS / name, self.etc)
        self.session.auth = None
        self.change(
            {
                "HttpPort": self.http_port,
                "DicomPort": self.dicom_port,
                "StorageDirectory": str(folder / "storage"),
            }
        )
        self._set("orthanc.json", {"IndexDirectory": str(folder / "index")})  # a comment in newer files

    def configure(self) -> Path:
        """Start Orthanc with the whole folder, as Debian's service does."""
        return self.etc

    def localized(self, value: Any) -> Any:
        """The same with this copy instead of /etc/orthanc."""
        return json.loads(json.dumps(value).replace('"/etc/orthanc/', f'"{self.etc}/'))

    def change(self, lines: dict[str, Any]) -> None:
        """Change lines of orthanc.json or advanced.json, which must be there."""
        for name in SETTINGS_FILES:
            there = json.loads(without_comments((self.etc / name).read_text())).keys() & lines
            self._set(name, {key: lines[key] for key in there})
            lines = {key: value for key, value in lines.items() if key not in there}
        assert not lines, "a new setting belongs into a file of its own"

    def _set(self, name: str, lines: dict[str, Any]) -> None:
        values = json.loads(without_comments((self.etc / name).read_text()))
        (self.etc / name).write_text(json.dumps(values | self.localized(lines), indent=1))

    def write(self, name: str, content: dict[str, Any]) -> None:
        (self.etc / name).write_text(json.dumps(self.localized(content)))

    def install(self, *options: str) -> str:
        """Run the installer as the page does, with the libraries that are here already; return what it says."""
        self._borrow_libraries()
        command = [str(SCRIPT), *options, "--prefix", str(self.opt), "--etc", str(self.etc)]
        environment = os.environ | {"OHIF": "no"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        assert done.stderr == ""
        return done.stdout

    def _borrow_libraries(self) -> None:
        """What pip would install in a minute: this checkout's, marked as what the lock file wants."""
        venv = self.opt / ".venv"
        if not venv.exists():
            venv.mkdir(parents=True)
            for name in ("bin", "lib"):
                (venv / name).symlink_to(ROOT / ".venv" / name)
            shutil.copy(ROOT / "requirements.lock", venv / ".installed.lock")

    def tree(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self.etc.iterdir())}

    def scu(self, tool: str, caller: str, called: str, *options: str, files: Sequence[Path] = ()) -> str:
        """Run one of dcmtk's senders; return what it says, which is nothing where C-ECHO or C-STORE succeeded."""
        titles = ("--aetitle", caller, "--call", called)
        command = [tool, *titles, *options, "127.0.0.1", str(self.dicom_port), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SCU_SECONDS)
        assert bool(done.stdout + done.stderr) >= bool(done.returncode)
        return done.stdout + done.stderr


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[Installed]:
    """Debian's Orthanc, with the plugin installed; not started yet."""
    server = Installed(tmp_path / "debian")
    server.install()
    yield server
    if server.is_running:
        server.stop()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.dcm"
    path.write_bytes(build.as_file(build.classic()))
    return path


def test_a_copy_of_debians_configuration_runs_the_plugin(debian: Installed, image: Path) -> None:
    debian.start()
    assert debian.scu("storescu", "ANYBODY", "ANYTHING", files=[image]) == ""
    debian.wait_indexed(lambda health: health["instances"] == 1)
    question = {
        "patientId": "synthetic",
        "frameOfReferenceUid": build.FRAME_OF_REFERENCE,
        "x": 1,
        "y": 1,
        "z": 0,
    }
    (match,) = debian.session.post("/imaging/points/resolve", json=question).json()["matches"]
    assert (match["row"], match["column"]) == (1, 1)
    assert "NOT running" not in debian.log
    assert [path.name for path in (debian.folder / "index").glob("*.sqlite")] == [
        "longitudinal-Orthanc.sqlite"
    ]


def test_installing_twice_changes_nothing_and_removing_leaves_what_was_there(debian: Installed) -> None:
    assert {path.name for path in debian.etc.iterdir()} - set(DEBIANS_FILES) == {"longitudinal.json"}
    changed = debian.tree()
    script = debian.etc / "python.json"
    assert f'"{debian.opt}/plugin/main.py"' in script.read_text()
    mode = stat.S_IMODE(script.stat().st_mode)
    assert mode == stat.S_IMODE((DEBIANS / "python.json").stat().st_mode)
    debian.install()
    assert debian.tree() == changed
    # settings outlive an upgrade, and a removal
    debian.write("longitudinal.json", documented("the whole of /etc/orthanc/longitudinal.json"))
    settings = (debian.etc / "longitudinal.json").read_text()
    debian.install()
    assert (debian.etc / "longitudinal.json").read_text() == settings
    debian.install("--uninstall")
    assert SAMPLE in script.read_text()
    assert script.read_text() == (DEBIANS / "python.json").read_text()
    assert not debian.opt.exists()
    assert set(debian.tree()) == set(DEBIANS_FILES) | {"longitudinal.json.removed"}
    debian.start()
    assert debian.session.get("/imaging").status_code == 404
    assert "Hello world from Python!" in debian.log
    debian.stop()
    debian.install()
    assert (debian.etc / "longitudinal.json").read_text() == settings
    debian.start()
    assert debian.health()["state"] == "ok"


def test_a_script_of_ones_own_stays_and_can_run_the_plugin(debian: Installed) -> None:
    debian.install("--uninstall")
    own = debian.folder / "own.py"
    own.write_text(OWN_SCRIPT)
    python = debian.etc / "python.json"
    python.write_text(python.read_text().replace("/etc/orthanc/sample.py", str(own)))
    before = python.read_text()
    said = debian.install()
    assert "It was left alone" in said
    assert python.read_text() == before
    (lines,) = blocks("python")
    lines = lines.replace("/opt/orthanc-longitudinal", str(debian.opt))
    for line in lines.splitlines():
        assert line in said
    with own.open("a") as file:
        file.write(lines)
    debian.start()
    assert debian.session.get("/own").text == "mine"
    assert debian.health()["state"] == "ok"
    debian.stop()
    assert "remove the two lines" in debian.install("--uninstall")


def test_by_hand_the_page_names_all_that_orthanc_needs(debian: Installed) -> None:
    (text,) = [block for block in blocks("json") if not block.startswith("//")]
    by_hand = json.loads(text.replace("/opt/orthanc-longitudinal", str(debian.opt)))
    for name in ("python.json", "longitudinal.json"):
        (debian.etc / name).unlink()
    debian.change({"Plugins": by_hand.pop("Plugins")})
    debian.write("by-hand.json", by_hand)
    debian.start()
    assert debian.health()["state"] == "ok"


def test_users(debian: Installed) -> None:
    credentials = documented("the whole of /etc/orthanc/credentials.json")
    debian.write("credentials.json", credentials)
    ((user, password),) = credentials["RegisteredUsers"].items()
    assert f"--user {user}:{password}" in PAGE
    debian.session.auth = (user, password)
    debian.start()
    assert debian.health()["state"] == "ok"
    debian.session.auth = None
    for path in ("/imaging/health", "/imaging/patients", "/system", "/ohif/"):
        assert debian.session.get(path).status_code == 401


def test_dicomweb_names_the_proxy_in_its_answers(debian: Installed, image: Path) -> None:
    ours = documented("the whole of /etc/orthanc/dicomweb.json")
    debians = json.loads(without_comments((DEBIANS / "dicomweb.json").read_text()))
    assert ours["DicomWeb"].keys() == debians["DicomWeb"].keys()
    debian.write("dicomweb.json", ours)
    debian.start()
    debian.store_rest([image])
    (study,) = debian.session.get("/dicom-web/studies", headers={"Accept": "application/dicom+json"}).json()
    assert study["00081190"]["Value"][0].startswith("https://pacs.example.org/dicom-web/studies/")


def test_a_scanner_that_is_known_and_all_others(debian: Installed, image: Path) -> None:
    lines = documented("lines of /etc/orthanc/orthanc.json")
    assert {entry["Host"] for entry in lines["DicomModalities"].values()} == {"192.0.2.10", "192.0.2.11"}
    lines["DicomModalities"]["ct1"]["Host"] = "127.0.0.1"
    debian.change(lines)
    debian.start()
    assert debian.scu("echoscu", "CT1", "ORTHANC") == ""
    assert debian.scu("storescu", "CT1", "ORTHANC", files=[image]) == ""
    assert debian.scu("storescu", "ct1", "orthanc", files=[image]) == ""
    debian.wait_indexed(lambda health: health["instances"] == 1)
    debian.session.delete(f"/patients/{debian.session.get('/patients').json()[0]}")
    assert "Called AE Title Not Recognized" in debian.scu("storescu", "CT1", "OTHER", files=[image])
    assert debian.scu("echoscu", "NOBODY", "ORTHANC") == ""
    assert "abort" in debian.scu("storescu", "NOBODY", "ORTHANC", files=[image])
    assert debian.scu("storescu", "WORKSTATION", "ORTHANC", files=[image]) != ""
    find = ("--study", "--key", "QueryRetrieveLevel=STUDY", "--key", "PatientID")
    assert "abort" in debian.scu("findscu", "CT1", "ORTHANC", *find)
    assert debian.session.get("/instances").json() == []


def test_dicom_over_tls(debian: Installed, image: Path) -> None:
    (make,) = [block for block in blocks("sh") if "openssl req" in block]
    tls = debian.etc / "tls"
    tls.mkdir()
    command = re.search(r"^openssl req .*?[^\\]$", make, re.DOTALL | re.MULTILINE)
    assert command is not None
    # the page's own line, for this machine and for a scanner
    for folder, name in ((tls, "pacs"), (debian.folder, "scanner")):
        line = command.group().replace("/etc/orthanc/tls/pacs", str(folder / name))
        subprocess.run(["sh", "-ec", line], check=True, capture_output=True)
    shutil.copy(debian.folder / "scanner.crt", tls / "trusted.crt")
    debian.write("dicom-tls.json", documented("a new file /etc/orthanc/dicom-tls.json"))
    debian.change(documented("lines of /etc/orthanc/orthanc.json, for TLS"))
    debian.start()
    scanner = [str(debian.folder / f"scanner.{end}") for end in ("key", "crt")]
    shown = ("--enable-tls", *scanner, "--add-cert-file", str(tls / "pacs.crt"))
    assert debian.scu("echoscu", "CT1", "ORTHANC", *shown) == ""
    assert debian.scu("storescu", "CT1", "ORTHANC", *shown, files=[image]) == ""
    debian.wait_indexed(lambda health: health["instances"] == 1)
    assert debian.scu("storescu", "CT1", "ORTHANC", files=[image]) != ""
    anonymous = ("--anonymous-tls", "--add-cert-file", str(tls / "pacs.crt"))
    assert debian.scu("echoscu", "CT1", "ORTHANC", *anonymous) != ""
    debian.stop()
    debian.change({"DicomTlsRemoteCertificateRequired": False})
    debian.start()
    assert debian.scu("echoscu", "CT1", "ORTHANC", *anonymous) == ""
    assert debian.scu("echoscu", "CT1", "ORTHANC") != ""


def test_every_piece_of_configuration_is_one_that_is_known() -> None:
    debians: dict[str, Any] = {}
    for name in SETTINGS_FILES:
        debians |= json.loads(without_comments((DEBIANS / name).read_text()))
    for block in blocks("json"):
        title, _, text = block.partition("\n")
        content = json.loads(text if title.startswith("//") else block)
        if title.startswith("// lines of"):
            assert content.keys() <= debians.keys(), title
        elif title.startswith("//"):
            assert not content.keys() & debians.keys(), title
        read_settings(content)


def test_the_commands_are_shell_and_the_installer_knows_its_options(tmp_path: Path) -> None:
    for block in blocks("sh"):
        subprocess.run(["bash", "-n"], input=block.replace("<this repository>", "url"), text=True, check=True)
    wrong = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True)
    assert wrong.returncode == 2
    for option in ("--prefix", "--etc", "--uninstall"):
        assert option in wrong.stdout
        assert option in PAGE
    nowhere = subprocess.run([SCRIPT, "--etc", tmp_path / "none"], capture_output=True, text=True)
    assert nowhere.returncode == 1
    assert "does not exist" in nowhere.stderr
