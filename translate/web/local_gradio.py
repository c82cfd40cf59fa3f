"""Gradio, kept to this machine and in a folder of its own: it reads these variables when it is imported."""

from __future__ import annotations

import os

from translate.web.work import working_folder

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# Its default is one folder for all users of the machine, of whom only the first may write there.
os.environ["GRADIO_TEMP_DIR"] = str(working_folder())

import gradio as gr

__all__ = ["gr"]
