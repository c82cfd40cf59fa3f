"""Before anything is imported: ONNX Runtime sends no events to its maker, also where a test uses it by itself, and no
test fills this user's cache with compiled models."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["TRANSLATE_CACHE"] = ""
