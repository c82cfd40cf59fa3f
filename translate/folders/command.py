"""What `translate run` does with its settings."""

from __future__ import annotations

from translate.batch import preview, run
from translate.config import RunConfig
from translate.console import print_preview, print_report, progress, stop_on_interrupt
from translate.folders.pipe import pipe
from translate.folders.watch import watch


def execute(config: RunConfig) -> int:
    """Preview, pipe, watch or run, and print what came of it; the exit code.

    Raises:
        TranslateError: nothing could be begun.
    """
    if config.dry_run:
        found = preview(config)
        print_preview(found, as_json=config.json, verbose=config.verbose)
        return found.exit_code
    with stop_on_interrupt() as stop, progress(quiet=config.quiet, verbose=config.verbose) as bar:
        if str(config.out) == "-":
            pipe(config, bar.opened)
            return 0
        convert = watch if config.watch else run
        report = convert(config, on_open=bar.opened, on_progress=bar.advanced, stop=stop)
    print_report(report, as_json=config.json, quiet=config.quiet)
    return report.exit_code
