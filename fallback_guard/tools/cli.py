"""`fallback-guard`: one command, one module for each of its words."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fallback_guard.core.parameters import ParameterError
from fallback_guard.maps.geojson import MapError
from fallback_guard.tools import check, demo, modes, rules, schema, vda5050
from fallback_guard.tools import map as map_command
from fallback_guard.tools.errors import UsageError

EXIT_UNUSABLE: Final = 2
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One word: what it does, an example for its help, its arguments, and what runs it."""

    does: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


_WORDS: Final = {
    "check": check,
    "demo": demo,
    "map": map_command,
    "modes": modes,
    "rules": rules,
    "schema": schema,
    "vda5050": vda5050,
}

COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        word: Command(
            does=module.DOES,
            example=module.EXAMPLE,
            add_arguments=module.add_arguments,
            run=module.run,
        )
        for word, module in _WORDS.items()
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.  Exit codes: 0 done, 1 the answer is no, 2 unusable arguments, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except (UsageError, MapError, ParameterError) as error:
        sys.stderr.write(f"fallback-guard {options.command}: {error}\n")
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more can be flushed to it.
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fallback-guard",
        description="Guards pick routes that a large language model plans.",
        epilog="Each command shows its arguments and an example with --help.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=command.does,
            description=command.does,
            epilog=f"example:\n{command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
