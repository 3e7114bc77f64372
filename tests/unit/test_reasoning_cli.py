"""`python -m kneewise assess`: conclusions as JSON, a template to fill in, refusals in sentences."""

from __future__ import annotations

import json

import pytest

from kneewise.cli import main


def test_the_template_can_be_assessed(tmp_path, capsys):
    assert main(["assess", "--template"]) == 0
    path = tmp_path / "findings.json"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["assess", str(path), "--profile", "profile.dutch", "--start", "2024-02-26"]) == 0
    conclusions = json.loads(capsys.readouterr().out)
    assert conclusions["profile"] == "profile.dutch"
    assert conclusions["safety"]["state"] == "open"
    days = {review["day"]: review["date"] for review in conclusions["reviews"]}
    assert days[42] == "2024-04-08"


def test_a_filled_in_template_gives_conclusions(tmp_path, capsys):
    main(["assess", "--template"])
    sheet = json.loads(capsys.readouterr().out)
    sheet["findings"]["finding.hot_swollen_joint"]["value"] = True
    path = tmp_path / "findings.json"
    path.write_text(json.dumps(sheet), encoding="utf-8")
    assert main(["assess", str(path)]) == 0
    conclusions = json.loads(capsys.readouterr().out)
    assert (conclusions["suppressed"], conclusions["safety"]["action"]) == (True, "red_flag.septic_arthritis")


@pytest.mark.parametrize(
    ("arguments", "content", "says"),
    [
        ([], None, "Name a findings file"),
        (["{path}"], None, "can't be read"),
        (["{path}"], "{", "not valid JSON"),
        (["{path}", "--profile", "profile.moon"], "{}", "There is no such profile"),
        (["{path}", "--start", "26.2.2024"], "{}", "YYYY-MM-DD"),
        (
            ["{path}"],
            '{"kneewise_findings": 1, "findings": {"finding.age_years": {"value": 300, "unit": "years"}}}',
            "finding.age_years: the value lies outside the plausible range of 5 to 95 years.",
        ),
    ],
)
def test_refusals_are_sentences(arguments, content, says, tmp_path, capsys):
    path = tmp_path / "findings.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main(["assess", *(argument.format(path=path) for argument in arguments)]) == 1
    captured = capsys.readouterr()
    assert says in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
