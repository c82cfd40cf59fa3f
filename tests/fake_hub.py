"""A Hub of models on this machine: the endpoints of huggingface.co that pulling and pushing use, in memory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_tests"  # noqa: S105  of a server that ends with its test
LARGE = (".onnx", ".safetensors", ".png", ".jpg")
"""Kept by SHA-256, as the Hub's own rules have it; the rest by git's hash."""


def git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """Its commits, oldest first: file name -> bytes."""

    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{".gitattributes": b"*.onnx filter=lfs\n"}])
    private: bool = False
    gated: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    """Lies about sizes."""
    served: dict[str, bytes] = field(default_factory=dict)
    """Lies about contents."""

    def sha(self, number: int) -> str:
        return git_hash(repr((number, sorted(self.commits[number].items()))).encode())

    def find(self, revision: str) -> int | None:
        if revision == "main":
            return len(self.commits) - 1
        return next((number for number in range(len(self.commits)) if self.sha(number) == revision), None)


@dataclass
class FakeHub:
    """What the server knows, and what was asked of it."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def add(self, name: str, files: dict[str, bytes], **facts: Any) -> Repository:
        repository = self.repositories[name] = Repository(**facts)
        repository.commits.append({**repository.commits[-1], **files})
        return repository


@contextlib.contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """A started server, which ends with the block."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._about(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(found[1], found[2], found[3])
        else:
            self._answer({"error": "no such page"}, 404)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._authorized():
            self._answer({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.hub.repositories[name] = Repository(private=asked.get("visibility") == "private")
            self._answer({"url": f"{self.hub.address}/{name}", "name": name})
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif re.fullmatch(r"/api/models/.+/preupload/main", path):
            files = [entry["path"] for entry in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "lfs" if name.endswith(LARGE) else "regular"} for name in files]
            self._answer({"files": [mode | {"shouldIgnore": False, "oid": None} for mode in modes]})
        elif path.endswith(".git/info/lfs/objects/batch"):
            action = {"upload": {"href": f"{self.hub.address}/put/"}}
            objects = [
                entry | {"actions": {"upload": {"href": action["upload"]["href"] + entry["oid"]}}}
                for entry in json.loads(body)["objects"]
            ]
            self._answer({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._answer({"error": "no such page"}, 404)

    def do_PUT(self) -> None:
        if "Content-Length" in self.headers:
            data = self.rfile.read(int(self.headers["Content-Length"]))
        else:
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.hub.objects[hashlib.sha256(data).hexdigest()] = data
        self._answer({})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        repository = self.hub.repositories[name]
        files = dict(repository.commits[-1])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        repository.commits.append(files)
        sha = repository.sha(len(repository.commits) - 1)
        self._answer({"commitUrl": f"{self.hub.address}/{name}/commit/{sha}", "commitOid": sha})

    def _about(self, name: str, revision: str) -> None:
        repository = self._seen(name)
        if repository is None:
            return
        number = repository.find(revision)
        if number is None:
            self._answer({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = []
        for file, data in repository.commits[number].items():
            size = repository.sizes.get(file, len(data))
            entry: dict[str, Any] = {"rfilename": file, "size": size, "blobId": git_hash(data)}
            if file.endswith(LARGE):
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 130}
            siblings.append(entry)
        self._answer({"id": name, "sha": repository.sha(number), "siblings": siblings, "private": repository.private})

    def _file(self, name: str, revision: str, file: str) -> None:
        repository = self._seen(name)
        if repository is None:
            return
        number = repository.find(revision)
        if number is None or file not in repository.commits[number]:
            self._answer({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        data = repository.served.get(file, repository.commits[number][file])
        self._send(data, 200, {"X-Repo-Commit": repository.sha(number), "ETag": f'"{git_hash(data)}"'})

    def _seen(self, name: str) -> Repository | None:
        repository = self.hub.repositories.get(name)
        if repository is not None and (self._authorized() or not (repository.private or repository.gated)):
            return repository
        gated = repository is not None and repository.gated
        code = "GatedRepo" if gated else "RepoNotFound"
        self._answer({"error": "Repository not found"}, 403 if gated else 401, {"X-Error-Code": code})
        return None

    def _authorized(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _answer(self, content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        told = {"Content-Type": "application/json"} | (headers or {})
        self._send(json.dumps(content).encode(), status, told)

    def _send(self, data: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
