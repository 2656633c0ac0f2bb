"""Adds the plugin to Orthanc's folder of configuration files for scripts/install.sh, and removes it again.

    scripts/etc_orthanc.py add /etc/orthanc /opt/orthanc-longitudinal/plugin/main.py
    scripts/etc_orthanc.py remove /etc/orthanc /opt/orthanc-longitudinal/plugin/main.py

Orthanc merges all `*.json` of the folder and refuses a section that two of them contain, so PythonScript is changed
where it is. The text is edited, not parsed: the files have comments and ${NAME:-default}, which no JSON parser accepts.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

OURS = "longitudinal.json"
KEPT = "longitudinal.json.removed"
DEBIANS_SAMPLE = "import orthanc\northanc.LogWarning('Hello world from Python!')"
"""The sample script in the python.json of Debian's package orthanc-python; it can be replaced."""

_TEXT_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING = r'\s*:\s*"((?:\\.|[^"\\])*)"'
_WAS = re.compile(r' /\* orthanc-longitudinal; was "([^"]*)" \*/')

SETTINGS = """{{
  // orthanc-longitudinal. docs/configuration.md lists the settings of this section; all of them are optional.
  "Longitudinal": {{
  }}{more}
}}
"""
THREADS = """,
  // From Python plugin 4.3 on: a slow call of a script does not freeze Orthanc. Older versions ignore it.
  "Python": { "AllowThreads": true }"""


@dataclass(frozen=True)
class Script:
    """Where PythonScript is set: the file, and the place of its value in the text (without the quotes)."""

    file: Path
    value: str
    start: int
    end: int


def without_comments(text: str) -> str:
    """Return a text of the same length with blanks for comments.

    >>> without_comments('{"a": "//b" /* c */}')
    '{"a": "//b"        }'
    """

    def blank(found: re.Match[str]) -> str:
        return found.group() if found.group().startswith('"') else " " * len(found.group())

    return _TEXT_OR_COMMENT.sub(blank, text)


def files(etc: Path) -> list[Path]:
    """Return the files that Orthanc merges."""
    return sorted(etc.glob("*.json"))


def has_section(etc: Path, name: str) -> bool:
    """Tell whether any file has the section `name`."""
    pattern = re.compile(rf'"{re.escape(name)}"\s*:')
    return any(pattern.search(without_comments(file.read_text())) for file in files(etc))


def find_script(etc: Path) -> Script | None:
    """Return where PythonScript is set, None if it is not."""
    for file in files(etc):
        found = re.search(rf'"PythonScript"{_STRING}', without_comments(file.read_text()))
        if found:
            return Script(file, found.group(1), found.start(1), found.end(1))
    return None


def is_replaceable(script: str) -> bool:
    """Tell whether this script can be replaced: it does not exist, is Debian's sample, or this plugin elsewhere."""
    path = Path(script)
    return (
        not path.is_file()
        or path.read_text(errors="replace").strip() == DEBIANS_SAMPLE
        or (path.parent / "longitudinal").is_dir()
    )


def write(file: Path, text: str) -> None:
    """Replace the text of a file in place, keeping its owner and mode."""
    with file.open("r+") as opened:
        opened.write(text)
        opened.truncate()


def add(etc: Path, main: Path) -> None:
    """Make Orthanc run `main`; a script of the administrator is kept, and a message says what to add to it."""
    script = find_script(etc)
    ours = etc / OURS
    if not ours.exists() and (etc / KEPT).exists():
        (etc / KEPT).rename(ours)
        say(f"restored {ours} from {KEPT}")
    if has_section(etc, "Longitudinal"):
        say("the section Longitudinal exists already and was not changed")
    else:
        more = "" if has_section(etc, "Python") else THREADS
        if script is None:
            more += f',\n  "PythonScript": "{main}"'
        ours.write_text(SETTINGS.format(more=more))
        say(f"wrote {ours}")
        script = find_script(etc)
    if script is None:
        sys.exit(f'install: nothing in {etc} sets PythonScript. Add this to {ours}: "PythonScript": "{main}"')
    if script.value == str(main):
        say(f"PythonScript in {script.file} is {main}")
    elif is_replaceable(script.value):
        text = script.file.read_text()
        was = "" if _WAS.match(text, script.end + 1) else f' /* orthanc-longitudinal; was "{script.value}" */'
        write(script.file, f'{text[: script.start]}{main}"{was}{text[script.end + 1 :]}')
        say(f"PythonScript in {script.file} is now {main}; it was {script.value}")
    else:
        say(f"PythonScript in {script.file} is {script.value}, and Orthanc runs only one script.")
        say("It was left alone, and the plugin does not run yet. Add these two lines at its end:")
        print(f'\n    import runpy\n    runpy.run_path("{main}")\n')


def remove(etc: Path, main: Path) -> None:
    """Undo `add`; settings are kept under a name that Orthanc does not read."""
    script = find_script(etc)
    ours = etc / OURS
    if script is not None and script.value == str(main) and script.file != ours:
        text = script.file.read_text()
        was = _WAS.match(text, script.end + 1)
        old, rest = (was.group(1), text[was.end() :]) if was else ("", text[script.end + 1 :])
        write(script.file, f'{text[: script.start]}{old}"{rest}')
        say(f'PythonScript in {script.file} is "{old}" again')
    elif script is not None and str(main) in _text(Path(script.value)):
        say(f"remove the two lines that run {main} from {script.value}: without the plugin they fail")
    if ours.exists():
        ours.rename(etc / KEPT)
        say(f"{ours} is now {KEPT}, which Orthanc does not read")


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


def say(line: str) -> None:
    """Print a line as scripts/install.sh does."""
    print(f"install: {line}")


if __name__ == "__main__":
    {"add": add, "remove": remove}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
