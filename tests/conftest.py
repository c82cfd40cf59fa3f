"""Before anything is imported: ONNX Runtime sends no events to its maker, also where a test uses it by itself."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
