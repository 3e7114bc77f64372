"""The command line: `python -m kneewise COMMAND`. Each command parses, makes one call, prints.

Exit codes: 0 done; 1 the input was refused (one sentence per problem on stderr); 2 wrong usage; 141 whoever read the output
stopped reading (`| head`). A command prints its answer when its work is done: who stops reading stops no work half-way.
Heavy packages are imported inside the command that needs them, so `--help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kneewise.errors import DisclosureRefused, FindingsError, ImportRefused, KneewiseError, StoreError

if TYPE_CHECKING:
    from kneewise.outcomes.instruments import Instruments
    from kneewise.outcomes.store import Store

READER_GONE = 141
"""The exit code of a program that ends because its reader went away: 128 and the number of SIGPIPE, as shells count."""
SHARED = "Shared figures are made from these records."


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sub-parser carries its `handler`."""
    parser = argparse.ArgumentParser(prog="python -m kneewise", description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_knowledge(commands)
    _add_assess(commands)
    _add_import(commands)
    _add_demo(commands)
    _add_leg(commands)
    _add_outcomes(commands)
    _add_report(commands)
    _add_store(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Refusals are printed as sentences, never as a traceback."""
    try:
        try:
            return _run(arguments)
        finally:
            print(end="", flush=True)  # else a reader that went away is met when Python ends, where nobody can catch it
    except BrokenPipeError:
        _write_to_nobody()
        return READER_GONE


def _run(arguments: Sequence[str] | None) -> int:
    parsed = build_parser().parse_args(arguments)
    try:
        return parsed.handler(parsed)
    except KneewiseError as refusal:
        for sentence in refusal.sentences:
            print(sentence, file=sys.stderr)
        return 1


def _write_to_nobody() -> None:
    """Whatever is still waiting to be written goes nowhere, so that Python does not try again, and complain, at its end."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(nobody, stream.fileno())
    os.close(nobody)


def _add_assess(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("assess", help="print the conclusions from a findings file as JSON")
    parser.add_argument("path", nargs="?", type=Path, metavar="FINDINGS.json", help="a findings file")
    parser.add_argument("--profile", metavar="PROFILE", help="guideline to look at, such as profile.jospt_2019")
    parser.add_argument("--start", metavar="YYYY-MM-DD", help="start of treatment, for the dates of the reviews")
    parser.add_argument("--template", action="store_true", help="print an empty findings file instead")
    parser.set_defaults(handler=_assess)


def _assess(parsed: argparse.Namespace) -> int:
    import datetime

    from kneewise import reasoning
    from kneewise.knowledge_base.loading import load_knowledge
    from kneewise.reasoning.findings import MOST_BYTES

    knowledge = load_knowledge()
    if parsed.template:
        print(reasoning.template(knowledge), end="")
        return 0
    if parsed.path is None:
        raise FindingsError("Name a findings file; `python -m kneewise assess --template` prints an empty one.")
    problems = []
    profiles = [profile.id for profile in knowledge.profiles]
    if parsed.profile is not None and parsed.profile not in profiles:
        problems.append(f"There is no such profile; choose one of {', '.join(profiles)}.")
    start = None
    try:
        start = datetime.date.fromisoformat(parsed.start) if parsed.start else None
    except ValueError:
        problems.append("The start is a date written YYYY-MM-DD, such as 2026-03-31.")
    if problems:
        raise FindingsError(problems)
    try:
        with parsed.path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FindingsError(f"The findings file {parsed.path.name} can't be read ({error.strerror}).") from None
    findings = reasoning.parse(content, knowledge)
    print(reasoning.to_json(reasoning.assess(findings, knowledge, parsed.profile, start)), end="")
    return 0


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


def _add_import(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("import", help="import a clinic's export, without identity, into a store")
    parser.add_argument("path", type=Path, metavar="PATH", help="a CSV file, FHIR NDJSON, or a zip that holds one")
    parser.add_argument("--profile", required=True, metavar="NAME", help="how to read it: shipped, or the clinic's own")
    parser.add_argument("--store", type=Path, metavar="DIR", help="where to store it (default: data/store/clinic)")
    parser.add_argument("--source", metavar="NAME", help="what to replace in the store (default: the profile's name)")
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="COLUMN",
        help="do not read this column (as often as needed)",
    )
    parser.add_argument("--preview", action="store_true", help="say what would be imported, and store nothing")
    parser.set_defaults(handler=_import)


def _import(parsed: argparse.Namespace) -> int:
    from kneewise.knowledge_base.loading import load_knowledge
    from kneewise.outcomes.importing import import_export, preview, report_lines
    from kneewise.outcomes.instruments import instruments_from
    from kneewise.outcomes.profiles import all_profiles
    from kneewise.outcomes.store import DEFAULT_STORE

    folder = parsed.store or DEFAULT_STORE
    profiles, problems = all_profiles(folder)
    for sentence in problems:
        print(sentence, file=sys.stderr)
    if parsed.profile not in profiles:
        raise ImportRefused(f"There is no import profile '{parsed.profile}'; there are: {', '.join(sorted(profiles))}.")
    profile = profiles[parsed.profile]
    instruments = instruments_from(load_knowledge())
    more = {"source_name": parsed.source, "leave_out": tuple(parsed.leave_out)}
    if parsed.preview:
        report = preview(parsed.path, profile, instruments, store_dir=folder, **more)
    else:
        report = import_export(parsed.path, profile, folder, instruments, **more)
    lines = list(report_lines(report, instruments))
    if parsed.preview:
        print("\n".join(lines))
    else:
        _print_with_release(lines, folder, instruments)
    return 0


def _add_demo(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("demo", help="write the synthetic demonstration clinics, or import them into a store")
    parser.add_argument("--store", type=Path, metavar="DIR", help="import them into this store; writes no other file")
    parser.set_defaults(handler=_demo)


def _demo(parsed: argparse.Namespace) -> int:
    from kneewise.outcomes import demo

    if parsed.store is None:
        for path in demo.write_demo():
            print(path)
        return 0
    from kneewise.knowledge_base.loading import load_knowledge
    from kneewise.outcomes.importing import report_lines
    from kneewise.outcomes.instruments import instruments_from

    instruments = instruments_from(load_knowledge())
    print("\n".join(report_lines(demo.import_demo(instruments, parsed.store), instruments)))
    return 0


def _add_leg(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("leg", help="work out the leg for given angles, or compare it with published results")
    parser.add_argument("angles", nargs="*", metavar="NAME=NUMBER", help="such as knee_flexion_deg=60")
    parser.add_argument("--validate", action="store_true", help="print the table of docs/validation.md instead")
    parser.set_defaults(handler=_leg)


def _leg(parsed: argparse.Namespace) -> int:
    import json

    from kneewise.knowledge_base.loading import load_knowledge
    from kneewise.leg import material, validation

    knowledge = load_knowledge()
    if parsed.validate:
        print(validation.as_markdown(validation.checks(knowledge)), end="")
        return 0
    leg = material.work_out(material.angles_from_words(parsed.angles), knowledge)
    for sentence in leg.notes:
        print(sentence, file=sys.stderr)
    print(leg.sentence, file=sys.stderr)
    print(json.dumps(leg.out, indent=2))
    return 0


def _add_outcomes(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("outcomes", help="answer a question about the outcomes in a store")
    answers = parser.add_subparsers(dest="answer", required=True, metavar="ANSWER")
    funnel = answers.add_parser(
        "funnel",
        help="compare sites, given the patients they had",
        description="Print each site's class (further from the rest than its size explains?) with its rounded figures: "
        "n, the mean change with everybody's case mix (observed), everybody's mean change (expected) and z.",
    )
    funnel.add_argument("--store", type=Path, metavar="DIR", help="the store to ask (default: data/store/clinic)")
    funnel.add_argument("--measure", required=True, metavar="NAME", help="a questionnaire, such as oks")
    funnel.add_argument("--by", default="site", metavar="NAME", help="whose groups are compared (default: site)")
    funnel.add_argument("--only", metavar="NAME=VALUE", help="the records' one released population, if they have one")
    funnel.add_argument("--source", metavar="NAME", help="which records, where the store has several")
    funnel.add_argument("--own", action="store_true", help="internal, for staff who may see the records: exact counts")
    funnel.add_argument("--format", choices=["table", "csv"], default="table", help="to read (default), or as CSV")
    funnel.set_defaults(handler=_outcomes_funnel)


def _outcomes_funnel(parsed: argparse.Namespace) -> int:
    import csv

    from kneewise.disclosure.policy import read_policy
    from kneewise.knowledge_base.loading import load_knowledge
    from kneewise.outcomes import comparing
    from kneewise.outcomes.asking import Question
    from kneewise.outcomes.instruments import instruments_from
    from kneewise.outcomes.store import DEFAULT_STORE, open_store

    name, sign, value = (parsed.only or "").partition("=")
    if parsed.only is not None and not (name and sign and value):
        raise DisclosureRefused("A restriction is written NAME=VALUE, such as procedure=primary.")
    policy = read_policy("own" if parsed.own else "shared")
    store = open_store(parsed.store or DEFAULT_STORE) if parsed.own else _shared_store(parsed.store)
    question = Question(
        _instrument_id(parsed.measure),
        group_by=parsed.by,
        only=(name, value) if parsed.only is not None else None,
        source=parsed.source,
    )
    comparison = comparing.answer_comparison(store, question, instruments_from(load_knowledge()), policy)
    if policy.mode_note:
        print(f"INTERNAL. {policy.mode_note}")
    if parsed.format == "table":
        print("\n".join(comparing.comparison_lines(comparison)))
        return 0
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow((parsed.by, *comparing.COLUMNS))
    writer.writerows(comparing.comparison_rows(comparison))
    for sentence in comparing.comparison_remarks(comparison):
        print(sentence, file=sys.stderr)
    return 0


def _add_report(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("report", help="write the yearly report of a store as a PDF, in shared figures")
    parser.add_argument("--year", required=True, type=int, metavar="YYYY", help="the year in which people started")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.pdf", help="where to write it")
    parser.add_argument("--store", type=Path, metavar="DIR", help="the store to ask (default: data/store/clinic)")
    parser.add_argument(
        "--measure", metavar="NAME", help="a questionnaire, such as akps (default: the first that fits)"
    )
    parser.add_argument("--source", metavar="NAME", help="which records, where the store has several")
    parser.set_defaults(handler=_report)


def _report(parsed: argparse.Namespace) -> int:
    from kneewise.handout.report import report_pdf, yearly_report
    from kneewise.knowledge_base.loading import load_knowledge

    store = _shared_store(parsed.store)
    measure = _instrument_id(parsed.measure) if parsed.measure else None
    report = yearly_report(store, load_knowledge(), parsed.year, source=parsed.source, instrument=measure)
    content = report_pdf(report)
    try:
        parsed.out.write_bytes(content)
    except OSError as problem:
        raise StoreError(f"The report can't be written to {parsed.out.name}: {problem.strerror}.") from problem
    print(f"{report.title}: {len(content) // 1024} kB in {parsed.out.name}.")
    return 0


def _add_store(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("store", help="list the versions of a store, undo, erase, release or withdraw")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, words in (
        ("versions", "list the versions that the store keeps"),
        ("undo", "go back to the version before the last import, or to a kept one"),
        ("erase", "erase episodes, or a whole source, from every kept version"),
        ("release", "make shared figures from the newest version if that is safe, or from a kept one by your decision"),
        ("withdraw", "make no shared figures from this store until a version is released by hand"),
    ):
        action = actions.add_parser(name, help=words)
        action.add_argument("--store", type=Path, metavar="DIR", help="the store (default: data/store/clinic)")
        action.set_defaults(handler=_store)
        if name == "undo":
            action.add_argument("--to", metavar="VERSION", help="the kept version to go back to")
        if name == "release":
            action.add_argument("--version", metavar="VERSION", help="this kept version, by hand: nothing is asked")
        if name == "erase":
            action.add_argument("--source", required=True, metavar="NAME", help="from which records")
            action.add_argument("--all", action="store_true", help="the whole source")
            action.add_argument(
                "--episodes",
                type=Path,
                metavar="FILE",
                help="a file with one id per line: the clinic's ids or the stored ones",
            )


def _store(parsed: argparse.Namespace) -> int:
    from kneewise.outcomes import erasing, store

    folder = parsed.store or store.DEFAULT_STORE
    if parsed.action == "versions":
        print("\n".join(store.version_lines(folder)))
    elif parsed.action == "undo":
        version = store.undo(folder, parsed.to)
        if version == store.EMPTY_VERSION:
            print("The store holds no data, as before its first import.")
        else:
            _print_with_release([f"Version {version} counts again."], folder, _instruments(), undone=True)
    elif parsed.action == "release":
        _release(folder, parsed.version)
    elif parsed.action == "withdraw":
        store.publish(folder, None)
        print(store.WITHDRAWN)
    else:
        # Ids come from a file, because a command line stays in the history of the shell.
        if parsed.all == (parsed.episodes is not None):
            raise StoreError("Name a file with the episodes to erase, or give --all for the whole source; not both.")
        erasure = erasing.erase(
            folder, parsed.source, None if parsed.all else _ids_in(parsed.episodes), instruments=_instruments()
        )
        print("\n".join(erasing.erasure_lines(erasure)))
    return 0


def _release(folder: Path, version: str | None) -> None:
    from kneewise.outcomes.publishing import publish_if_safe, release_by_hand

    if version is not None:
        print("\n".join(release_by_hand(folder, version, _instruments())))
    elif reasons := publish_if_safe(folder, _instruments()).reasons:
        raise StoreError(reasons)
    else:
        print(SHARED)


def _print_with_release(lines: list[str], folder: Path, instruments: Instruments, undone: bool = False) -> None:
    """Print what was done, and whether shared figures follow it; what was done is said also where they can't."""
    from kneewise.outcomes.publishing import STAYS, UNDONE_STAYS, publish_if_safe

    try:
        reasons = publish_if_safe(folder, instruments).reasons
        lines += reasons or (SHARED,)
        if undone and STAYS in reasons:
            lines.append(UNDONE_STAYS)
    finally:
        print("\n".join(lines))


def _instruments() -> Instruments:
    from kneewise.knowledge_base.loading import load_knowledge
    from kneewise.outcomes.instruments import instruments_from

    return instruments_from(load_knowledge())


def _ids_in(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise StoreError(
            f"The file of ids {path.name} can't be read as text; write one id per line, in UTF-8."
        ) from problem


def _shared_store(folder: Path | None) -> Store:
    """The version that shared figures are made from."""
    from kneewise.outcomes.store import DEFAULT_STORE, open_shared

    return open_shared(folder or DEFAULT_STORE)


def _instrument_id(name: str) -> str:
    return name if name.startswith("instrument.") else f"instrument.{name}"
