"""Ends with 0 when Orthanc and the plugin in it can serve, with 1 and a reason otherwise: the image's health check.

It logs in as the first of ORTHANC_USERS, which it reads from where the entry script does.
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 4


def main() -> None:
    """Ask once."""
    file = os.environ.get("ORTHANC_USERS_FILE")
    users = json.loads(Path(file).read_text() if file else os.environ["ORTHANC_USERS"])
    credentials = base64.b64encode(":".join(next(iter(users.items()))).encode()).decode()
    url = f"http://127.0.0.1:{os.environ.get('HTTP_PORT') or 8042}/imaging/health"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {credentials}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=SECONDS) as answer:
            print(answer.read().decode())
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code} {error.read().decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"nobody answers at {url}: {error}")


if __name__ == "__main__":
    main()
