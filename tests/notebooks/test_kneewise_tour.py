"""The notebook runs, is the script beside it, holds no outputs, and gives the numbers of the command line."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from kneewise.cli import main

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
TOUR = NOTEBOOKS / "kneewise_tour.ipynb"
EXAMPLE = NOTEBOOKS / "example_findings.json"
# Run after the notebook's own cells, in a copy: the notebook's objects in the words of the command line.
SET_ON_IT = (
    'leg.set_state({"values": {"knee_flexion_deg": 45}}); print("set on the drawing:", leg.values["knee_flexion_deg"])'
)
ASKED = "print(repr((reasoning.to_json(conclusions), list(report_lines(report, instruments)), str(root))))"


def run(working_folder: Path) -> nbformat.NotebookNode:
    """The executed notebook, started in a folder, with one more cell that prints what the tests compare."""
    notebook = nbformat.read(TOUR, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(SET_ON_IT))
    notebook.cells.append(nbformat.v4.new_code_cell(ASKED))
    resources = {"metadata": {"path": str(working_folder)}}
    return NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    return run(NOTEBOOKS)


@pytest.fixture(scope="module")
def said(executed) -> str:
    return "\n".join(printed(cell) for cell in executed.cells[:-1] if cell.cell_type == "code")


def test_the_conclusions_are_those_of_the_command_line(executed, capsys):
    from_notebook, _, _ = ast.literal_eval(printed(executed.cells[-1]))
    assert main(["assess", str(EXAMPLE)]) == 0
    from_command_line = json.loads(capsys.readouterr().out)
    assert json.loads(from_notebook) == from_command_line
    assert from_command_line["advice"], "the example must lead to advice, or nothing is compared"


def test_the_report_of_the_import_is_that_of_the_command_line(executed, tmp_path, capsys):
    _, from_notebook, _ = ast.literal_eval(printed(executed.cells[-1]))
    assert main(["demo", "--store", str(tmp_path / "demo")]) == 0
    lines = capsys.readouterr().out.splitlines()

    def figures(report: list[str]) -> list[str]:
        # A version names the stored bytes; ids are keyed hashes and the key of a new store is new.
        return [line for line in report if not line.startswith("Stored as version")]

    assert figures(from_notebook) == figures(lines)
    assert any(re.search(r"\d pairs", line) for line in figures(lines))


def test_what_is_shown_says_what_it_must(said):
    assert "SYNTHETIC DATA" in said
    assert "no control group" in said
    assert "Safety questions: clear." in said
    assert "an index, not impulse" in said


@pytest.mark.parametrize(
    "words",
    [
        "Of everybody who started it is plausibly",  # how far missing people could move the result
        "Making Data Count",  # the control chart
        "nobody is ranked",  # the funnel
        "Half had improved by what matters by week",  # time to recovery
    ],
)
def test_the_newer_answers_stand_with_their_sentences(said, words):
    assert words in said


def test_the_first_counterfactual_came_true(said):
    pairs = re.findall(r"expected (.+), is (.+)$", said, flags=re.MULTILINE)
    assert pairs
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


def test_every_chart_is_drawn(executed):
    drawn = [
        output
        for cell in executed.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert len(drawn) == 10


def test_the_leg_is_there_and_both_sides_set_it(executed, said):
    """The drawing is a live widget; a value set in Python reaches it within its range, and one set on it reaches Python."""
    views = [
        output["data"]["application/vnd.jupyter.widget-view+json"]
        for cell in executed.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert len(views) == 1
    state = executed.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"][views[0]["model_id"]]
    assert state["state"]["values"] == {"knee_flexion_deg": 45}  # as the last cell, in the place of a hand, set it
    assert "goes from -15 to 25; the leg shows 25." in said
    assert "The knee is bent 60 degrees." in said
    assert "set on the drawing: 45" in said


def test_it_finds_kneewise_from_the_folder_above_too():
    assert ast.literal_eval(printed(run(ROOT).cells[-1]))[2] == str(ROOT)


def test_the_notebook_is_the_script_beside_it():
    script = jupytext.read(NOTEBOOKS / "kneewise_tour.py")
    notebook = nbformat.read(TOUR, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in script.cells
    ]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_no_outputs_are_stored(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count is not None] == []


def test_the_example_says_that_it_is_invented():
    first = next(iter(json.loads(EXAMPLE.read_text(encoding="utf-8"))["findings"].values()))
    assert "INVENTED" in first["label"]
