"""Static files: cached for ever under the hash of the tree, and nothing else is served."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

import pytest
from flask import Flask

from portal.assets import STATIC
from portal.web.static_files import build_static_files, register_static_files
from tests.support.bundled import bundled_themes

THEMES = bundled_themes()
_ADDRESSES = 'i { mask: url("shapes.svg"); background: url("data:image/png;base64,AA==") }\n'


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "js" / "behaviours").mkdir(parents=True)
    (root / "css" / "tokens.css").write_text(
        '@layer reset, tokens;\n/* gone */\n  a::before { content: "/* kept */"; }\n'
    )
    (root / "css" / "base.css").write_text("b { color: red; }\n" * 20 + _ADDRESSES)
    (root / "js" / "behaviours" / "menu.js").write_text("export function connect(element) {}\n" * 5)
    (root / "favicon.ico").write_bytes(b"icon")
    (root / "notes.md").write_text("not served")
    (root / ".hidden.css").write_text("not served")
    (tmp_path / "secret.css").write_text("not served")
    (root / "link.css").symlink_to(tmp_path / "secret.css")
    return root


@pytest.fixture
def files(folder):
    return build_static_files(THEMES, folder=folder)


@pytest.fixture
def client(files):
    app = Flask(__name__, static_folder=None)
    register_static_files(app, {files.digest: files}.get, lambda: files)
    return app.test_client()


def test_stylesheet_is_put_together_from_its_parts_without_comments(client, files):
    response = client.get(f"{files.path}/portal.css")

    assert response.text.startswith('@layer reset, tokens;\na::before { content: "/* kept */"; }\nb {')
    assert response.content_type == "text/css; charset=utf-8"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_own_scripts_are_served_without_comments_and_those_of_others_as_they_are(folder):
    script = (
        '/* gone\n   and gone */\n\nexport const kept = "/* kept */"; // kept\n  /* gone */\nconst rule = /[/*]*/;\n'
    )
    for path in (folder / "js" / "menu.js", folder / "js" / "vendor" / "theirs.js"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)

    files = build_static_files(THEMES, folder=folder).files

    assert files["js/menu.js"].body.decode() == '\nexport const kept = "/* kept */"; // kept\nconst rule = /[/*]*/;\n'
    assert files["js/vendor/theirs.js"].body.decode() == script


def test_scripts_of_others_are_what_was_published():
    readme = (STATIC / "js" / "vendor" / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([^`]+\.js)` .* `([A-Za-z0-9+/]{64})` \|$", readme, re.MULTILINE))

    found = {
        path.name: base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()
        for path in (STATIC / "js" / "vendor").glob("*.js")
    }

    assert found == listed


def test_compressed_body_is_sent_to_clients_that_accept_it(client, files):
    response = client.get(f"{files.path}/portal.css", headers={"Accept-Encoding": "br, gzip"})

    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(response.data) == files.files["portal.css"].body
    assert (
        "Content-Encoding"
        not in client.get(f"{files.path}/portal.css", headers={"Accept-Encoding": "gzip;q=0"}).headers
    )


def test_known_etag_gets_no_body(client, files):
    first = client.get(f"{files.path}/js/behaviours/menu.js")

    again = client.get(f"{files.path}/js/behaviours/menu.js", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert first.content_type == "text/javascript; charset=utf-8"


def test_theme_brings_its_files_and_one_stylesheet_with_ours_before_it(client, files):
    savane = THEMES.get("savane")

    styles, ours = (
        client.get(f"{files.path}/{savane.stylesheet_path}").text,
        client.get(f"{files.path}/portal.css").text,
    )
    assert styles == ours.replace('url("shapes.svg")', 'url("../shapes.svg")') + savane.stylesheet
    assert 'url("../shapes.svg")' in styles
    assert 'url("data:image/png;base64,AA==")' in styles
    assert client.get(f"{files.path}/themes/savane/logo.svg").content_type.startswith("image/svg+xml")


@pytest.mark.parametrize(
    "name",
    [
        "", "nothing.css", "css/tokens.css", "notes.md", ".hidden.css", "link.css", "../secret.css", "%2e%2e/secret.css",
        "js/../portal.css", "themes/acme/../../portal.css", "portal.css/", "themes/savane/theme.toml", "%00",
    ],
)  # fmt: skip
def test_anything_else_is_not_found(client, files, name):
    assert client.get(f"{files.path}/{name}").status_code == 404


def test_path_of_another_tree_is_not_found(client):
    assert client.get("/static/0000000000000000/portal.css").status_code == 404


def test_favicon_is_served_at_its_own_url(client):
    response = client.get("/favicon.ico")

    assert (response.status_code, response.data) == (200, b"icon")


def test_hash_changes_with_any_file(folder, files):
    (folder / "js" / "behaviours" / "menu.js").write_text("export function connect() {}")

    assert build_static_files(THEMES, folder=folder).path != files.path
    assert build_static_files(THEMES, folder=folder).path == build_static_files(THEMES, folder=folder).path
