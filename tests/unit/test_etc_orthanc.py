"""What the installer does to folders of configuration files that look in other ways than Debian's."""

from pathlib import Path

import etc_orthanc
import pytest

MAIN = Path("/opt/orthanc-longitudinal/plugin/main.py")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "orthanc.json").write_text('{ "Name": "${NAME:-Orthanc}", "HttpPort": ${PORT:-8042} }')
    return tmp_path


def texts(etc: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in etc.iterdir()}


def test_without_any_script_ours_is_named_in_our_own_file(etc: Path) -> None:
    before = texts(etc)
    etc_orthanc.add(etc, MAIN)
    ours = (etc / "longitudinal.json").read_text()
    assert f'"PythonScript": "{MAIN}"' in ours
    assert '"AllowThreads": true' in ours
    etc_orthanc.add(etc, MAIN)
    assert (etc / "longitudinal.json").read_text() == ours
    etc_orthanc.remove(etc, MAIN)
    assert texts(etc) == before | {"longitudinal.json.removed": ours}


def test_a_section_that_is_there_is_not_written_a_second_time(etc: Path) -> None:
    (etc / "all.json").write_text(
        '{"Python": {"AllowThreads": false}, "Longitudinal": {"Root": "/images"}, "PythonScript": ""}'
    )
    etc_orthanc.add(etc, MAIN)
    assert not (etc / "longitudinal.json").exists()
    assert f'"PythonScript": "{MAIN}" /* orthanc-longitudinal; was "" */}}' in (etc / "all.json").read_text()
    (etc / "all.json").write_text('{"Python": {"AllowThreads": false}}')
    etc_orthanc.add(etc, MAIN)
    assert '"Python"' not in (etc / "longitudinal.json").read_text()


def test_a_script_that_stands_in_a_comment_is_none(etc: Path) -> None:
    text = '{\n  // "PythonScript": "/a.py",\n  /* "Longitudinal": {} */\n  "Url": "http://x//y" }'
    (etc / "notes.json").write_text(text)
    etc_orthanc.add(etc, MAIN)
    assert (etc / "notes.json").read_text() == text
    assert str(MAIN) in (etc / "longitudinal.json").read_text()


def test_a_second_installation_keeps_what_was_there_before_the_first(etc: Path, tmp_path: Path) -> None:
    python = etc / "python.json"
    python.write_text('{"PythonScript" : "/etc/orthanc/no-such-sample.py", "PythonVerbose" : false}')
    before = python.read_text()
    moved = Path("/srv/elsewhere/plugin/main.py")
    etc_orthanc.add(etc, MAIN)
    etc_orthanc.add(etc, moved)
    assert str(moved) in python.read_text()
    assert str(MAIN) not in python.read_text()
    etc_orthanc.remove(etc, MAIN)
    assert str(moved) in python.read_text()
    etc_orthanc.remove(etc, moved)
    assert python.read_text() == before


def test_a_script_with_something_in_it_is_left_alone(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = etc / "sample.py"
    own.write_text(etc_orthanc.DEBIANS_SAMPLE + "\nprint('and more')\n")
    python = etc / "python.json"
    python.write_text(f'{{"PythonScript": "{own}"}}')
    etc_orthanc.add(etc, MAIN)
    assert python.read_text() == f'{{"PythonScript": "{own}"}}'
    assert f'runpy.run_path("{MAIN}")' in capsys.readouterr().out
    own.write_text(etc_orthanc.DEBIANS_SAMPLE + "\n")
    etc_orthanc.add(etc, MAIN)
    assert str(MAIN) in python.read_text()
