"""The command `translate`: parse, call, print. What a command needs is imported when it is called."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence

from models.errors import TranslateError, UsageError
from translate.arguments import parse
from translate.cli_models import models
from translate.cli_training import data, evaluate, export, report, train

INTERRUPTED = 130

HELP = """usage: translate COMMAND ...

Turn one kind of picture into another.

  run      convert pictures and folders: translate run pictures -m texture-x4 -o out
  models   list, show, import, pull, push, remove or zoo: the models that are here, and the networks to train
  app      serve the web page
  train    pix2pix, cyclegan, cut or srgan: translate train srgan --data DIR --out RUN
  data     check DIR: what is wrong with training pictures
  report   one page on a training run: curves, samples over time, settings
  export   turn a training run into one .onnx file, or a model into other forms
  evaluate what a model's results are worth, in numbers: translate evaluate MODEL --data DIR
  bench    how fast a model runs on this machine, on each device
  doctor   what this machine has, what of it works, and how to mend the rest

`translate COMMAND --help` tells more; `translate --version` the version.
Exit codes: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is what it returns."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="backslashreplace")  # a file's name may be in no encoding
    try:
        code = _call(*([*(sys.argv[1:] if arguments is None else arguments)] or ["--help"]))
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        code = 1  # whoever read our output has left: nobody is there to be told
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        code = _complain(f"{place}{error.strerror or error}.", 1)
    _let_go()
    return code


def _call(command: str, *rest: str) -> int:
    try:
        if command in ("-h", "--help", "help"):
            print(HELP, end="")
            return 0
        if command == "--version":
            from translate.version import VERSION

            print(f"translate {VERSION}")
            return 0
        if command not in COMMANDS:
            raise UsageError(f"no command {command!r}; known: {', '.join(COMMANDS)}. See translate --help.")
        return COMMANDS[command]([*rest])
    except TranslateError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted.", INTERRUPTED)
    except SystemExit as stop:  # tyro has told what is wrong with the options, or printed the help
        return stop.code if isinstance(stop.code, int) else 2


def _complain(message: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(f"translate: {message}", file=sys.stderr)
    return code


def _let_go() -> None:
    """Throw away output that cannot be written; else Python tries again when it ends, and fails aloud."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: list[str]) -> int:
    from translate.config import RunConfig

    for argument in arguments:
        if re.fullmatch(r"(--?[a-z-]+=)?", argument):
            raise UsageError(f"{argument or 'an argument'} is empty: is a variable not set? Name the folder or file.")
    config = parse(RunConfig, arguments, "run")
    from translate.folders.command import execute

    return execute(config)


def _run_told(arguments: list[str]) -> int:
    """`run`, whose failures are JSON, too, where the report was to be."""
    if "--json" not in arguments or "--help" in arguments or "-h" in arguments:
        return _run(arguments)
    message, code = "", 1
    try:
        return _run(arguments)
    except TranslateError as error:
        message, code = str(error), error.exit_code
        raise
    except OSError as error:
        message = f"{error.filename or 'run'}: {error.strerror or error}."
        raise
    except KeyboardInterrupt:
        message, code = "interrupted.", INTERRUPTED
        raise
    except SystemExit:
        message, code = "wrong usage; standard error says of which option.", 2
        raise
    finally:
        if message:
            from translate.report import error_json

            print(error_json(message, code))


def _bench(arguments: list[str]) -> int:
    from translate.config import BenchConfig

    config = parse(BenchConfig, arguments, "bench")
    from translate.bench import bench
    from translate.console import print_bench, steps

    with steps() as on_progress:
        found = bench(config.model, config.size, config.device, config.seconds, on_progress)
    print(found.to_json()) if config.json else print_bench(found)
    return found.exit_code


def _doctor(arguments: list[str]) -> int:
    from translate.config import DoctorConfig

    config = parse(DoctorConfig, arguments, "doctor")
    from translate.console import print_diagnosis
    from translate.doctor import examine

    found = examine(config.device)
    print(found.to_json()) if config.json else print_diagnosis(found)
    return found.exit_code


def _app(arguments: list[str]) -> int:
    from translate.config import AppConfig

    config = parse(AppConfig, arguments, "app")
    from translate.web import serve

    serve(config)
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": _run_told,
    "models": models,
    "app": _app,
    "train": train,
    "data": data,
    "report": report,
    "export": export,
    "evaluate": evaluate,
    "bench": _bench,
    "doctor": _doctor,
}

if __name__ == "__main__":
    sys.exit(main())
