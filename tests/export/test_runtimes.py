"""The same file gives the same picture in ONNX Runtime, in OpenVINO, and in a browser."""

from __future__ import annotations

import base64
import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino
import pytest
from forms import FORMS, check_equal, make_form, read_form
from skipping import skip_without_chromium

from benchmarks.browser import chromium
from export.precision import openvino_core
from export.trial import run_onnx

if TYPE_CHECKING:
    from playwright.sync_api import Page

WEB = Path(__file__).parents[2] / "node_modules" / "onnxruntime-web" / "dist"
SCRIPT = "ort.wasm.min.js"
RUN = """async ({model, type, dims, text}) => {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model, {executionProviders: ["wasm"]});
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const data = type === "uint8" ? bytes : new Float32Array(bytes.buffer);
  const {result} = await session.run({image: new ort.Tensor(type, data, dims)});
  const out = new Uint8Array(result.data.buffer, result.data.byteOffset, result.data.byteLength);
  let letters = "";
  for (let at = 0; at < out.length; at += 8192) letters += String.fromCharCode(...out.subarray(at, at + 8192));
  return {type: result.type, dims: result.dims, text: btoa(letters)};
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forms")


@pytest.mark.parametrize("name", FORMS)
def test_openvino_computes_what_onnx_runtime_does(files: Path, name: str) -> None:
    form = read_form(make_form(name, files))
    compiled = openvino_core().compile_model(
        openvino_core().read_model(form.model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    check_equal(run_onnx(form.model, [form.picture])[0], compiled({"image": form.picture})[0], form.manifest)


@pytest.mark.parametrize("options", [{}, {"uint8": True}, {"fixed_size": "32x24"}])
def test_openvinos_own_pair_of_files_does(tmp_path: Path, options: dict[str, Any]) -> None:
    from export.config import ExportConfig
    from translate.exporting import export

    paths = [path for path, _ in export(ExportConfig(source="texture-x4", out=tmp_path / "m.xml", **options))]
    assert paths == [tmp_path / "m.xml", tmp_path / "m.bin"]
    plain = tmp_path / "m.onnx"
    list(export(ExportConfig(source="texture-x4", out=plain, **options)))
    form = read_form(plain)
    network = openvino_core().read_model(tmp_path / "m.xml")
    assert form.manifest.to_json() == network.get_rt_info("translate.manifest").astype(str)
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    check_equal(run_onnx(form.model, [form.picture])[0], compiled({"image": form.picture})[0], form.manifest)


class _Files(SimpleHTTPRequestHandler):
    """What lies in one folder, with nothing said of it."""

    def guess_type(self, path: Any) -> str:
        kinds = {".mjs": "text/javascript", ".wasm": "application/wasm"}
        return kinds.get(Path(path).suffix) or super().guess_type(path)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="module")
def page(files: Path) -> Iterator[Page]:
    """An empty page of a server on this machine, with onnxruntime-web loaded."""
    if not (WEB / SCRIPT).is_file():
        pytest.skip("onnxruntime-web is not in node_modules: make browser")
    skip_without_chromium()
    for name in (SCRIPT, "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(WEB / name, files / name)
    (files / "index.html").write_text(f'<!doctype html><link rel="icon" href="data:,"><script src="{SCRIPT}"></script>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(files)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with chromium() as browser:
            shown = browser.new_page()
            shown.set_default_timeout(120_000)
            shown.goto(f"http://127.0.0.1:{server.server_port}/")
            yield shown
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("name", FORMS)
def test_a_browser_computes_what_onnx_runtime_does(files: Path, page: Page, name: str) -> None:
    path = make_form(name, files)
    form = read_form(path)
    asked = {
        "model": path.name,
        "type": str(form.picture.dtype),
        "dims": list(form.picture.shape),
        "text": base64.b64encode(form.picture.tobytes()).decode(),
    }
    told = page.evaluate(RUN, asked)
    result = np.frombuffer(base64.b64decode(told["text"]), told["type"]).reshape(told["dims"])
    check_equal(run_onnx(form.model, [form.picture])[0], result, form.manifest)
