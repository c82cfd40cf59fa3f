"""The command `translate models`. What is asked of the models that are here is imported when it is called."""

from __future__ import annotations

import sys

from models.errors import MissingExtra, UsageError
from translate.arguments import parse


def models(arguments: list[str]) -> int:
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

        imported = parse(ImportConfig, names, "models import")
        from translate.console_models import print_imported
        from translate.foreign import import_model

        print("trying the model on a photograph; a large one takes minutes ...", file=sys.stderr)
        print_imported(import_model(imported))
    elif what == "pull":
        from translate.hub.config import PullConfig

        wanted = parse(PullConfig, names, "models pull")
        from translate.console_models import print_pulled
        from translate.hub import pull

        print_pulled(pull(wanted))
    elif what == "push":
        from translate.hub.config import PushConfig

        given = parse(PushConfig, names, "models push")
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
