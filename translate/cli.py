"""The command `translate`: parse, call, print. What a command needs is imported when it is called."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from models.errors import MissingExtra, TranslateError, UsageError

Config = TypeVar("Config")
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


def _parse(config: type[Config], arguments: list[str], command: str, default: Config | None = None) -> Config:
    import tyro

    if default is None:
        return tyro.cli(config, args=arguments, prog=f"translate {command}")
    return tyro.cli(config, args=arguments, prog=f"translate {command}", default=default)


def _run(arguments: list[str]) -> int:
    from translate.config import RunConfig

    for argument in arguments:
        if re.fullmatch(r"(--?[a-z-]+=)?", argument):
            raise UsageError(f"{argument or 'an argument'} is empty: is a variable not set? Name the folder or file.")
    config = _parse(RunConfig, arguments, "run")
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


def _train(arguments: list[str]) -> int:
    from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig

    methods: dict[str, type[TrainingConfig]] = {
        "pix2pix": Pix2PixConfig,
        "cyclegan": CycleGANConfig,
        "cut": CUTConfig,
        "srgan": SRGANConfig,
    }
    method, *rest = arguments or [""]
    if method in ("-h", "--help"):
        print(TRAIN_HELP, end="")
        return 0
    if method not in methods:
        raise UsageError(f"translate train needs a method: {', '.join(methods)}, not {method!r}.")
    from tyro import MISSING

    from translate.recipes import load_recipe, with_defaults

    recipe, rest = _take_option(rest, "--recipe")
    shown = "--print-config" in rest
    rest = [word for word in rest if word != "--print-config"]
    values = load_recipe(recipe, method, methods[method]) if recipe else {}
    config = _parse(methods[method], rest, f"train {method}", with_defaults(methods[method], values, MISSING))
    if shown:
        from translate.console import print_settings
        from translate.training.provenance import settings_table

        print_settings(settings_table(config, recipe, values, rest))
        return 0
    try:
        from translate.training import train
    except ModuleNotFoundError as error:
        raise MissingExtra("train", f"training (which uses {error.name})") from None
    run = train(config)
    if os.environ.get("RANK", "0") == "0":  # the first of torchrun's processes
        print(run)
    return 0


TRAIN_HELP = """usage: translate train {pix2pix,cyclegan,cut,srgan} [--recipe NAME] --data DIR --out RUN [OPTIONS]

  pix2pix   aligned pairs (Isola et al. 2017)
  cyclegan  two unpaired piles, both ways (Zhu et al. 2017)
  cut       two unpaired piles, one way: less work than cyclegan (Park et al. 2020; FastCUT: --recipe fastcut)
  srgan     super-resolution (Ledig et al. 2017)

--recipe NAME takes other defaults from a recipe of ours. `translate train METHOD --help` lists the options.
--print-config shows every setting and where it came from (default, recipe, flag), and trains nothing.
"""


def _take_option(arguments: list[str], option: str) -> tuple[str, list[str]]:
    """The value of an option that decides about the defaults of the others, and the arguments without it."""
    for index, argument in enumerate(arguments):
        if argument == option:
            if index + 1 == len(arguments):
                raise UsageError(f"{option} needs a name.")
            return arguments[index + 1], arguments[:index] + arguments[index + 2 :]
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2], arguments[:index] + arguments[index + 1 :]
    return "", arguments


def _data(arguments: list[str]) -> int:
    what, *rest = arguments or [""]
    if what in ("-h", "--help"):
        print(DATA_HELP, end="")
        return 0
    if what != "check":
        raise UsageError(f"translate data knows only check, not {what!r}: translate data check DIR.")
    from translate.config import DataCheckConfig

    config = _parse(DataCheckConfig, rest, "data check")
    from translate.console import print_data, steps
    from translate.training.check import check_data
    from translate.training.sheet import write_sheet

    with steps() as on_progress:
        found, looks = check_data(config, on_progress)
    if config.sheet:
        write_sheet(found, looks, config.sheet)
    print(found.to_json()) if config.json else print_data(found)
    return found.exit_code


DATA_HELP = """usage: translate data check DIR [OPTIONS]

  check   name unreadable, too small, duplicate and leaked (train = test) pictures

`translate data check --help` lists the options.
"""


def _report(arguments: list[str]) -> int:
    from translate.config import ReportConfig

    config = _parse(ReportConfig, arguments, "report")
    from translate.training.page import write_page

    print(write_page(config.run, config.out or config.run / "report.html"))
    return 0


def _export(arguments: list[str]) -> int:
    from export.config import ExportConfig

    config = _parse(ExportConfig, arguments, "export")
    from translate.exporting import export

    for path, said in export(config):
        print(f"{path}: {said}")
    return 0


def _models(arguments: list[str]) -> int:
    what, *names = [word for word in arguments if word != "--json"] or ["list"]
    json = "--json" in arguments and what in ("list", "show")
    if what in ("-h", "--help"):
        print(MODELS_HELP, end="")
    elif what == "list" and not names:
        from translate.console_models import print_models
        from translate.store import list_models

        print_models(list_models(), json=json)
    elif what == "show" and len(names) == 1:
        from translate.console_models import print_model
        from translate.store import describe_model

        print_model(describe_model(names[0]), json=json)
    elif what == "remove" and len(names) == 1:
        from translate.store import remove_model

        print(f"removed {remove_model(names[0])}")
    elif what == "import":
        from translate.config import ImportConfig

        imported = _parse(ImportConfig, names, "models import")
        from translate.console_models import print_imported
        from translate.foreign import import_model

        print("trying the model on a photograph; a large one takes minutes ...", file=sys.stderr)
        print_imported(import_model(imported))
    elif what == "pull":
        from translate.hub.config import PullConfig

        wanted = _parse(PullConfig, names, "models pull")
        from translate.console_models import print_pulled
        from translate.hub import pull

        print_pulled(pull(wanted))
    elif what == "push":
        from translate.hub.config import PushConfig

        given = _parse(PushConfig, names, "models push")
        from translate.console_models import print_pushed
        from translate.hub import push

        print_pushed(push(given))
    elif what == "zoo" and not names:
        try:
            from models.zoo import zoo_table
        except ModuleNotFoundError as error:
            raise MissingExtra("train", f"the zoo (which uses {error.name})") from None
        from translate.console_models import print_zoo

        print_zoo(zoo_table())
    else:
        raise UsageError(
            "say translate models list, show NAME, import FILE --name NAME, "
            "pull user/repo, push NAME user/repo, remove NAME, or zoo."
        )
    return 0


MODELS_HELP = """usage: translate models [list | show NAME | import FILE --name NAME | pull user/repo |
                         push NAME user/repo | remove NAME | zoo] [--json]

  list    the models that can be run (the default); --json for programs
  show    what one model, or an .onnx file, says of itself; --json for programs
  import  bring another program's .onnx file, or published weights, here; `translate models import --help` tells more
  pull    bring a model from the Hugging Face Hub here; `translate models pull --help` tells more
  push    publish a model there; `translate models push --help` tells more
  remove  delete a model of your own
  zoo     the networks that can be trained, with parameters and multiply-adds (needs the extra 'train')
"""


def _bench(arguments: list[str]) -> int:
    from translate.config import BenchConfig

    config = _parse(BenchConfig, arguments, "bench")
    from translate.bench import bench
    from translate.console import print_bench, steps

    with steps() as on_progress:
        found = bench(config.model, config.size, config.device, config.seconds, on_progress)
    print(found.to_json()) if config.json else print_bench(found)
    return found.exit_code


def _evaluate(arguments: list[str]) -> int:
    from translate.config import EvaluateConfig

    config = _parse(EvaluateConfig, arguments, "evaluate")
    try:
        from translate.metrics.evaluate import evaluate
    except ModuleNotFoundError as error:
        raise MissingExtra("train", f"translate evaluate (which uses {error.name})") from None
    from translate.console import print_evaluation, steps

    with steps() as on_progress:
        found = evaluate(config, on_progress)
    print(found.to_json()) if config.json else print_evaluation(found)
    return 0


def _doctor(arguments: list[str]) -> int:
    from translate.config import DoctorConfig

    config = _parse(DoctorConfig, arguments, "doctor")
    from translate.console import print_diagnosis
    from translate.doctor import examine

    found = examine(config.device)
    print(found.to_json()) if config.json else print_diagnosis(found)
    return found.exit_code


def _app(arguments: list[str]) -> int:
    from translate.config import AppConfig

    config = _parse(AppConfig, arguments, "app")
    from translate.web import serve

    serve(config)
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": _run_told,
    "models": _models,
    "app": _app,
    "train": _train,
    "data": _data,
    "report": _report,
    "export": _export,
    "evaluate": _evaluate,
    "bench": _bench,
    "doctor": _doctor,
}

if __name__ == "__main__":
    sys.exit(main())
