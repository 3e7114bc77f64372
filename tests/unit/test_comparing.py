"""Units beside each other: case mix, direction, what is hidden, and what is refused; also as a person at a terminal."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from kneewise import cli
from kneewise.disclosure.comparison import plan_hidden, release_comparison
from kneewise.disclosure.policy import read_policy
from kneewise.disclosure.released import released_count
from kneewise.errors import DisclosureRefused, StoreError
from kneewise.outcomes.answers import answer_change
from kneewise.outcomes.asking import Question
from kneewise.outcomes.comparing import answer_comparison
from kneewise.outcomes.importing import import_export
from kneewise.outcomes.profiles import read_profile
from kneewise.outcomes.store import open_store
from kneewise.statistics.funnel import STATUSES, mean_funnel
from tests.outcomes_samples import SCALES, long_csv

AKPS = "instrument.akps"


def clinic(sizes: dict[str, int], gains: dict[str, float] | None = None, instrument: str = "AKPS") -> bytes:
    """An export of sites with so many people each; a site's people gain 10 points, or what `gains` says."""
    rng = np.random.default_rng(11)
    rows = []
    for site, n in sizes.items():
        for number in range(n):
            # Site B's people begin worse, and who begins worse ends worse.
            first = int(rng.integers(30, 60)) - (20 if site == "B" else 0)
            last = round(0.7 * first + 18 + (gains or {}).get(site, 10) + rng.normal(0, 6))
            if instrument == "NPRS_WORST":
                first, last = int(rng.integers(4, 10)), max(0, round(5 - (gains or {}).get(site, 1) + rng.normal(0, 1)))
            start = (
                f"{site}{number},{site},{('18 to 39', '40 to 59')[number % 2]},{('female', 'male')[number % 3 // 2]}"
            )
            start += f",exercise only,2024,Q1,{instrument}"
            rows += [f"{start},0,{first}", f"{start},84,{min(last, 100)}"]
    return long_csv(rows)


@pytest.fixture
def store_of(tmp_path):
    def make(export: bytes, profile: str = "kneewise_long"):
        folder = tmp_path / "store"
        import_export(export, read_profile(profile), folder, SCALES)
        return open_store(folder)

    return make


def by_label(comparison) -> dict:
    return {unit.label: unit for unit in comparison.units}


def test_a_site_is_compared_with_what_its_patients_explain(store_of):
    store = store_of(clinic({"C": 120, "A": 80, "B": 100, "D": 60}, {"D": 2}))
    answer = answer_comparison(store, Question(AKPS, group_by="site"), SCALES)
    units = by_label(answer)
    assert list(units) == ["A", "B", "C", "D"]
    assert units["D"].status == "negative 99.8"
    assert {units[name].status for name in "ABC"} <= {"not an outlier", "positive 95"}
    # B begins 20 points worse, so its people gain more; adjusted, it is like A and C.
    assert units["B"].status == "not an outlier"
    assert "first score, age band and sex" in answer.case_mix
    assert (answer.n, units["C"].n) == (360, 120)
    assert answer.completeness.text.startswith("more than")
    assert {unit.expected for unit in answer.units} == {answer.expected}
    assert [status for status, _ in answer.counts] == list(STATUSES)
    assert sum(count for _, count in answer.counts) == 4


def test_less_pain_than_expected_is_positive(store_of):
    store = store_of(clinic({"A": 60, "B": 60, "C": 60}, {"A": 3, "B": 1, "C": 1}, "NPRS_WORST"))
    units = by_label(answer_comparison(store, Question("instrument.nprs_worst", group_by="site"), SCALES))
    assert units["A"].status == "positive 99.8"
    assert units["A"].z < 0  # z counts upwards on the scale
    assert units["A"].observed < units["A"].expected


def test_a_small_site_takes_another_one_along_when_it_could_be_worked_out(store_of):
    store = store_of(clinic({"A": 80, "B": 60, "C": 40, "Tiny": 4}))
    answer = answer_comparison(store, Question(AKPS, group_by="site"), SCALES)
    units = by_label(answer)
    assert [name for name, unit in units.items() if unit.n is None] == ["C", "Tiny"]
    assert (units["Tiny"].observed, units["Tiny"].expected, units["Tiny"].z) == (None, None, None)
    assert units["Tiny"].status == "insufficient records"
    assert units["C"].status in STATUSES[:5]
    assert any("2 of 4 groups are named without figures" in note for note in answer.context.notes)


def test_small_sites_that_hide_each_other_take_nobody_along(store_of):
    store = store_of(clinic({"A": 80, "B": 60, "C": 12, "Small": 9, "Tiny": 4}))
    units = by_label(answer_comparison(store, Question(AKPS, group_by="site"), SCALES))
    assert [name for name, unit in units.items() if unit.n is None] == ["Small", "Tiny"]
    assert (units["C"].n, units["C"].status) == (10, "insufficient records")


def test_what_is_compared_is_no_part_of_its_own_case_mix(store_of):
    store = store_of(clinic({"A": 80, "B": 60}))
    answer = answer_comparison(store, Question(AKPS, group_by="age_band"), SCALES)
    assert "first score and sex" in answer.case_mix
    assert [unit.label for unit in answer.units] == ["18 to 39", "40 to 59"]


def wide(expected_for: int, people: int = 100) -> bytes:
    """Records of the NHS's form, of which the first `expected_for` bring an expected score."""
    rng = np.random.default_rng(3)
    rows = ["Provider Code,Revision Flag,Gender,Knee Replacement Pre-Op Q Score,Knee Replacement Post-Op Q Score,"
            "Knee Replacement OKS Post-Op Q Predicted"]  # fmt: skip
    for number in range(people):
        first = int(rng.integers(5, 30))
        last = min(48, first + int(rng.integers(5, 25)))
        predicted = f"{first + 10.5}" if number < expected_for else ""
        rows.append(f"{'RAA' if number % 2 else 'RBB'},0,{number % 2 + 1},{first},{last},{predicted}")
    return "\n".join([*rows, ""]).encode()


@pytest.mark.parametrize(("expected_for", "n", "words"), [(60, 100, "came with each record"), (40, 100, "regression")])
def test_expected_scores_are_used_when_most_people_bring_one(store_of, expected_for, n, words):
    store = store_of(wide(expected_for), "nhs_proms")
    answer = answer_comparison(store, Question("instrument.oks", group_by="site"), SCALES)
    assert words in answer.case_mix
    assert answer.n == n
    assert sum(unit.n * (unit.observed - unit.expected) for unit in answer.units) == pytest.approx(0, abs=0.05 * n)


def test_how_few_lack_an_expected_score_is_not_told(store_of):
    """Hazard KW-H11: the people told of a site are those of the other answers, whoever has an expected score."""
    store = store_of(wide(92), "nhs_proms")
    question = Question("instrument.oks", group_by="site")
    compared = {unit.label: unit.n for unit in answer_comparison(store, question, SCALES).units}
    assert compared == {group.label: group.n for group in answer_change(store, question, SCALES).groups}


def test_one_group_is_compared_with_itself_and_says_so(store_of):
    answer = answer_comparison(store_of(clinic({"A": 40})), Question(AKPS, group_by="site"), SCALES)
    assert (answer.units[0].z, answer.units[0].status) == (0.0, "not an outlier")
    assert any("compared with itself" in note for note in answer.context.notes)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (Question(AKPS), "such as site"),
        (Question(AKPS, group_by="clinician"), "clinician"),
        (Question(AKPS, group_by="site", only=("sex", "female")), "leave the restriction out"),
        (Question("instrument.oks", group_by="site"), "it holds: instrument.akps"),
        (Question(AKPS, group_by="site", source="other"), "Name one of the store's sources"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_way_out(store_of, question, sentence):
    store = store_of(clinic({"A": 40, "B": 40}))
    with pytest.raises((DisclosureRefused, StoreError), match=sentence):
        answer_comparison(store, question, SCALES)


def test_too_few_people_and_people_who_do_not_differ_are_refused(store_of):
    with pytest.raises(DisclosureRefused, match="Fewer than 10 people"):
        answer_comparison(store_of(clinic({"A": 5, "B": 4})), Question(AKPS, group_by="site"), SCALES)
    same = [
        f"E{n},{'AB'[n % 2]},18 to 39,male,exercise only,2024,Q1,AKPS,{day},{n % 9 + day}"
        for n in range(60)
        for day in (0, 42)
    ]
    with pytest.raises(StoreError, match="exactly as expected"):
        answer_comparison(store_of(long_csv(same)), Question(AKPS, group_by="site"), SCALES)


def test_the_maker_refuses_what_a_caller_forgot_to_hide(store_of):
    policy = read_policy()
    store = store_of(clinic({"A": 80, "B": 60, "Tiny": 4}))
    answer = answer_comparison(store, Question(AKPS, group_by="site"), SCALES)
    funnel = mean_funnel(["A", "B", "Tiny"], [80, 60, 4], [1, 2, 3], target=2, sd=5)
    for hidden in ((), ("Tiny",)):
        with pytest.raises(DisclosureRefused, match="Fewer than 10"):
            release_comparison(
                answer.context, answer.completeness, funnel, [80, 60, 4], 5.0, hidden, "a test", policy
            )  # fmt: skip
    assert plan_hidden({"A": 80, "B": 60, "Tiny": 4}, (), policy) == {"B", "Tiny"}
    assert plan_hidden({"A": 80, "B": 60, "C": 12}, ("C",), policy) == {"C"}
    assert plan_hidden({"A": 80, "B": 60}, (), policy) == frozenset()


@pytest.fixture
def command(tmp_path, capsys):
    def run(export: bytes | None, *arguments: str) -> tuple[int, str, str]:
        folder = tmp_path / "clinic"
        if export is not None:
            import_export(export, read_profile("kneewise_long"), folder, SCALES)
        code = cli.main(["outcomes", "funnel", "--store", str(folder), "--measure", "akps", *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


def test_the_command_prints_every_site_and_no_exact_count(command):
    sizes = {"North": 83, "South": 61, "East": 37, "Tiny": 4, "Small": 8}
    code, out, err = command(clinic(sizes), "--by", "site", "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert out.splitlines()[0] == "site,n,observed,expected,z,status"
    assert [row["site"] for row in rows] == ["East", "North", "Small", "South", "Tiny"]
    shown = {row["site"]: row["n"] for row in rows}
    assert shown == {"East": "35", "North": "85", "South": "60", "Small": "", "Tiny": ""}
    assert [shown[name] for name in ("North", "South")] == [
        str(released_count(sizes[name], read_policy())) for name in ("North", "South")
    ]
    hidden = [row for row in rows if not row["n"]]
    assert {tuple(row[name] for name in ("observed", "expected", "z", "status")) for row in hidden} == {
        ("", "", "", "insufficient records")
    }
    assert "no control group" in err


def test_the_table_reads_by_itself(command):
    code, out, err = command(clinic({"North": 83, "South": 61}))
    assert (code, err) == (0, "")
    for words in ("AKPS", "higher is better", "observed", "North", "85", "Case mix:", "no control group"):
        assert words in out
    assert "83" not in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--by", "clinician"), "clinician"),
        (("--only", "procedure=primary"), "leave the restriction out"),
        (("--only", "procedure"), "NAME=VALUE"),
        (("--source", "other"), "Name one of the store's sources"),
    ],
)
def test_the_command_refuses_with_one_sentence(command, arguments, sentence):
    code, out, err = command(clinic({"North": 40, "South": 40}), *arguments)
    assert (code, out) == (1, "")
    assert sentence in err


def test_an_empty_store_says_what_to_do(command):
    code, out, err = command(None)
    assert (code, out) == (1, "")
    assert "import" in err


def test_staff_who_may_see_the_records_get_exact_counts_marked_internal(command):
    sizes = {"North": 83, "South": 61, "Tiny": 4}
    code, out, _ = command(clinic(sizes), "--own", "--format", "csv")
    assert code == 0
    first, *lines = out.splitlines()
    assert first.startswith("INTERNAL")
    rows = {row["site"]: row for row in csv.DictReader(lines)}
    assert (rows["North"]["n"], rows["South"]["n"], rows["Tiny"]["n"]) == ("83", "61", "")
    assert (rows["Tiny"]["status"], rows["Tiny"]["z"]) == ("insufficient records", "")
    code, out, _ = command(None, "--own", "--by", "clinician", "--format", "csv")
    assert code == 0
    assert out.splitlines()[1] == "clinician,n,observed,expected,z,status"
