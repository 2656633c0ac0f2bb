"""Debian's Apache with a configuration of a test, on free ports, and never as a service."""

import re
from pathlib import Path

from tests.orthanc.proxy import Proxy

_MODULES = Path("/usr/lib/apache2/modules")
_COMMON = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
ServerName localhost
User www-data
Group www-data
Listen {listen}
{modules}
{rest}
"""
# What Debian loads by itself, as far as it is needed here.
_ALWAYS = ("mpm_event", "authn_core", "authz_core", "authz_user", "reqtimeout", "socache_shmcb")


def recipes(page: Path) -> list[str]:
    """The Apache blocks of a page of the documentation."""
    return re.findall(r"```apache\n(.*?)```", page.read_text(), re.DOTALL)


class Apache(Proxy):
    """One Apache.

    Parameters
    ----------
    listen
        Address and port.
    modules
        That the configuration needs, as `a2enmod` calls them.
    rest
        The configuration under test.
    url
        Where it answers.
    """

    def __init__(self, folder: Path, listen: str, modules: tuple[str, ...], rest: str, url: str) -> None:
        loaded = "\n".join(
            f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in (*_ALWAYS, *modules)
        )
        text = _COMMON.format(folder=folder, listen=listen, modules=loaded, rest=rest)
        super().__init__(folder, "apache2", text, (["-f"], ["-DFOREGROUND"]), url)
