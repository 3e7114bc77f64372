"""The command line: `python -m kneewise COMMAND`. Each command parses, makes one call, prints.

Exit codes: 0 done; 1 the input was refused (one sentence per problem on stderr); 2 wrong usage.
Heavy packages are imported inside the command that needs them, so `--help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from kneewise.errors import KneewiseError


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sub-parser carries its `handler`."""
    parser = argparse.ArgumentParser(prog="python -m kneewise", description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_knowledge(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Refusals are printed as sentences, never as a traceback."""
    parsed = build_parser().parse_args(arguments)
    try:
        return parsed.handler(parsed)
    except KneewiseError as refusal:
        for sentence in refusal.sentences:
            print(sentence, file=sys.stderr)
        return 1


def _add_knowledge(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("knowledge", help="check the knowledge base, or write its JSON Schema")
    parser.add_argument("action", choices=["check", "schema"])
    parser.set_defaults(handler=_knowledge)


def _knowledge(parsed: argparse.Namespace) -> int:
    from kneewise.knowledge_base import check, schema

    if parsed.action == "schema":
        for path in schema.write_schemas():
            print(path)
        return 0
    problems = check.find_problems()
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems.", file=sys.stderr)
        return 1
    print(check.summary())
    return 0
