"""The page within frameworks, behind a login: what the documentation shows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.running import ROOT, environment

EXAMPLES = ROOT / "docs" / "examples" / "dashboard"
PLAYED = """
import json, re, sys
from urllib.parse import urljoin
from werkzeug.test import Client

client, who = Client(app), {"REMOTE_USER": "operator"} if name == "wsgi_site" else {}

said = {"stored": client.get("/items", buffered=True).headers["Cache-Status"]}
said["hit"] = client.get("/items", buffered=True).headers["Cache-Status"]
said["stranger"] = client.get("/admin/cache/").status_code
if not who:
    client.post("/login")
said["no slash"] = client.get("/admin/cache", environ_overrides=who).status_code
overview = client.get("/admin/cache/", environ_overrides=who)
said["overview"] = overview.status_code, "<h1>Overview</h1>" in overview.text
said["kept"] = overview.headers["Cache-Control"]
said["again"] = client.get("/admin/cache/", environ_overrides=who).headers.get("Cache-Status", "")
style = re.search(r'href="(assets/style[^"]+)"', overview.text)[1]
said["style"] = client.get(f"/admin/cache/{style}", environ_overrides=who).content_type
said["head"] = client.head("/admin/cache/entries", environ_overrides=who).status_code
entries = client.get("/admin/cache/entries", environ_overrides=who)
said["entries"] = "http://localhost/items" in entries.text
form = client.get("/admin/cache/purge", environ_overrides=who)
token = re.search(r'name="token" value="([^"]*)"', form.text)[1]
data = {"token": token, "kind": "url", "what": "http://localhost/items"}
cross = {"headers": {"Origin": "http://evil.example"}, "environ_overrides": who}
said["cross"] = client.post("/admin/cache/purge", data=data, **cross).status_code
own = {"headers": {"Origin": "http://localhost"}, "environ_overrides": who}
done = client.post("/admin/cache/purge", data=data, **own)
said["purged"] = done.status_code
result = urljoin("http://localhost/admin/cache/purge", done.headers["Location"])
told = client.get(result.removeprefix("http://localhost"), environ_overrides=who)
said["told"] = "Purged: 1 response of http://localhost/items." in told.text
said["gone"] = Client(app).get("/items", buffered=True).headers["Cache-Status"]
print(json.dumps(said))
"""


@pytest.mark.parametrize("name", ["flask_site", "django_site", "bottle_site", "wsgi_site"])
def test_it_is_mounted_behind_a_login(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"from {name} import app\nname = {name!r}\n{PLAYED}"],
        cwd=EXAMPLES,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.pop("hit").startswith("wsgicache; hit; ttl=")
    assert "hit" not in said.pop("again")
    assert "no-store" in said.pop("kept")
    assert said.pop("no slash") in (301, 308, 404)  # Bottle leaves that to its routes
    assert said.pop("style").startswith("text/css")
    assert said == {
        "stored": "wsgicache; fwd=uri-miss; stored",
        "stranger": 403,
        "overview": [200, True],
        "head": 200,
        "entries": True,
        "cross": 403,
        "purged": 303,
        "told": True,
        "gone": "wsgicache; fwd=uri-miss; stored",
    }
