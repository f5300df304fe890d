"""The command: python -m bn_stream record|load|recalibrate|pack|read ..."""

from __future__ import annotations

import argparse
import importlib
import sys

from bn_stream import __version__
from bn_stream.errors import ToolError

#: Each is a module of `commands` with SUMMARY, `add_arguments(parser)` and `run(options)`.
COMMANDS = ("record", "join", "load", "recalibrate", "pack", "read")


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(
        prog="python -m bn_stream", description="From a model to the files of bn-stream, and its statistics back into the model."
    )
    main.add_argument("--version", action="version", version=f"bn_stream {__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"bn_stream.commands.{name}")
        own = commands.add_parser(
            name, help=module.SUMMARY, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(own)
        own.set_defaults(run=module.run)
    return main


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (ToolError, OSError) as error:
        print(f"bn_stream {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
