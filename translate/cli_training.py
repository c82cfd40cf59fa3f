"""The commands around training: train, data, report, export and evaluate. Each imports what it needs when called."""

from __future__ import annotations

import os

from models.errors import MissingExtra, UsageError
from translate.arguments import parse, take_option


def train(arguments: list[str]) -> int:
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
    from translate.training.provenance import NOT_GIVEN, settings_table

    recipe, rest = take_option(rest, "--recipe")
    shown = "--print-config" in rest
    rest = [word for word in rest if word != "--print-config"]
    values = load_recipe(recipe, method, methods[method]) if recipe else {}
    defaults = with_defaults(methods[method], values, NOT_GIVEN if shown else MISSING)
    config = parse(methods[method], rest, f"train {method}", defaults)
    if shown:
        from translate.console import print_settings

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


TRAIN_HELP = """usage: translate train {pix2pix,cyclegan,cut,srgan} [--recipe NAME|FILE] --data DIR --out RUN [OPTIONS]

  pix2pix   aligned pairs (Isola et al. 2017)
  cyclegan  two unpaired piles, both ways (Zhu et al. 2017)
  cut       two unpaired piles, one way: less work than cyclegan (Park et al. 2020; FastCUT: --recipe fastcut)
  srgan     super-resolution (Ledig et al. 2017)

--recipe takes other defaults from a recipe of ours, or from a .toml file of yours (method = "srgan", then names of
options and their values). `translate train METHOD --help` lists the options.
--print-config shows every setting and where it came from (default, recipe, flag), and trains nothing; it needs neither
--data nor --out.
"""


def data(arguments: list[str]) -> int:
    what, *rest = arguments or [""]
    if what in ("-h", "--help"):
        print(DATA_HELP, end="")
        return 0
    if what != "check":
        raise UsageError(f"translate data knows only check, not {what!r}: translate data check DIR.")
    from translate.config_training import DataCheckConfig

    config = parse(DataCheckConfig, rest, "data check")
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


def report(arguments: list[str]) -> int:
    from translate.config_training import ReportConfig

    config = parse(ReportConfig, arguments, "report")
    from translate.training.page import write_page

    print(write_page(config.run, config.out or config.run / "report.html"))
    return 0


def export(arguments: list[str]) -> int:
    from export.config import ExportConfig

    config = parse(ExportConfig, arguments, "export")
    from translate.exporting import export

    for path, said in export(config):
        print(f"{path}: {said}")
    return 0


def evaluate(arguments: list[str]) -> int:
    from translate.config_training import EvaluateConfig

    config = parse(EvaluateConfig, arguments, "evaluate")
    try:
        from translate.metrics.evaluate import evaluate
    except ModuleNotFoundError as error:
        raise MissingExtra("train", f"translate evaluate (which uses {error.name})") from None
    from translate.console import print_evaluation, steps

    with steps() as on_progress:
        found = evaluate(config, on_progress)
    print(found.to_json()) if config.json else print_evaluation(found)
    return 0
