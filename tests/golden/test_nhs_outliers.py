"""The official outlier classes of NHS England's PROMs 2018/19 (finalised, February 2020), come upon twice.

First from the figures that were published per provider; then from the records, through the import and the command.
Where the two differ, the records that were published are not those behind the published figures: the record file puts
people under the provider that operated on them, the provider file under the one that gave them the questionnaire.
Source: NHS Digital, PROMs CSV data file companion 2018/19, and the queries that make both files, later opened as
github.com/nhsengland/PROMS-CSVs (`_P_PROCODE` in queries/providerrecords.py, `_Q1_PROCODE` in its counts).
"""

from __future__ import annotations

import contextlib
import csv
import io
import zipfile
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from kneewise import cli
from kneewise.disclosure.policy import read_policy
from kneewise.outcomes.answers import answer_change
from kneewise.outcomes.asking import Question
from kneewise.outcomes.comparing import answer_comparison
from kneewise.statistics.funnel import CLASS_MINIMUM, STATUSES, mean_funnel
from tests.outcomes_samples import NHS_ZIP, SCALES

PACK = NHS_ZIP.parent
pytestmark = pytest.mark.skipif(not NHS_ZIP.exists(), reason="the NHS publication is not on this machine")

OKS_PRIMARY = ("Knee Replacement Primary", "Oxford Knee Score")
OFFICIAL = {
    "Positive outlier (99.8%)": "positive 99.8", "Positive outlier (95%)": "positive 95",
    "Not an outlier": "not an outlier", "Negative outlier (95%)": "negative 95",
    "Negative outlier (99.8%)": "negative 99.8", "Insufficient records": "insufficient records",
}  # fmt: skip
DIFFERING = {"NT237", "NVC17", "RF4", "RLN", "RNA", "RP5"}
ROUNDED = 0.00005  # published means have four decimals


@dataclass(frozen=True)
class Provider:
    """What was published of one provider; `gain` and `sd` are None where fewer than 30 records were modelled."""

    n: int
    first: float
    last: float
    gain: float | None
    sd: float | None


def zipped(name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(PACK / name) as archive:
        member = next(entry for entry in archive.namelist() if not entry.startswith("__MACOSX"))
        return list(csv.DictReader(io.TextIOWrapper(archive.open(member), "utf-8")))


def number(text: str) -> float | None:
    return None if text in {"*", "-", ""} else float(text)


@pytest.fixture(scope="module")
def published() -> dict[tuple[str, str], dict[str, Provider]]:
    """(procedure, measure) -> provider -> figures; England is a provider here."""
    found: dict[tuple[str, str], dict[str, Provider]] = {}
    for row in zipped("ProvComm Hip and Knee Replacement 1819.csv.zip"):
        if row["Organisation Type"] in {"Provider", "England"} and row["Modelled Records"].isdigit():
            found.setdefault((row["Procedure"], row["Measure"]), {})[row["Organisation Code"]] = Provider(
                int(row["Modelled Records"]), float(row["Average Pre-Op Q Score"]), float(row["Average Post-Op Q Score"]),
                number(row["Adjusted Average Health Gain"]), number(row["Standard Deviation"]),
            )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def official() -> dict[tuple[str, str], dict[str, str]]:
    """(procedure, measure) -> provider -> class."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in zipped("Time Series Hip and Knee Replacement 1819.csv.zip"):
        if row["OrgCode"] != "England" and row["Outlier_2018"] in OFFICIAL:
            found.setdefault((row["Procedure"], row["Measure"]), {})[row["OrgCode"]] = OFFICIAL[row["Outlier_2018"]]
    return found


def classes(providers: dict[str, Provider], sds: dict[str, float]) -> dict[str, str]:
    """The classes of providers of enough records; the standard deviation may differ by provider."""
    england = providers["England"]
    judged = {code: each for code, each in providers.items() if code != "England" and each.n >= CLASS_MINIMUM}
    return {
        code: mean_funnel([code], [each.n], [each.gain], target=england.gain, sd=sds[code]).units[0].status
        for code, each in judged.items()
    }


def test_published_figures_give_every_official_class(published, official):
    """Primary and revision, hip and knee, three measures each: 1,460 classes, of which 237 are the knee score's."""
    agreed = {}
    for key in (key for key in published if not key[0].startswith("Total")):
        providers = published[key]
        found = classes(providers, dict.fromkeys(providers, providers["England"].sd))
        assert all(official[key][code] == status for code, status in found.items()), key
        agreed[key] = len(found)
    assert agreed[OKS_PRIMARY] == 237
    assert (len(agreed), sum(agreed.values())) == (12, 1460)
    counts = Counter(official[OKS_PRIMARY].values())
    assert counts == {"positive 99.8": 4, "positive 95": 20, "not an outlier": 188, "negative 95": 19,
                      "negative 99.8": 6, "insufficient records": 50}  # fmt: skip


def test_a_providers_own_spread_would_get_seven_of_them_wrong(published, official):
    providers = published[OKS_PRIMARY]
    found = classes(providers, {code: each.sd for code, each in providers.items()})
    assert sum(official[OKS_PRIMARY][code] != status for code, status in found.items()) == 7


@pytest.fixture(scope="module")
def printed(nhs_store_dir) -> tuple[list[dict[str, str]], str]:
    """(what the command prints as CSV, what it says beside it)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(
            ["outcomes", "funnel", "--store", str(nhs_store_dir[1]), "--measure", "oks", "--by", "site",
             "--only", "procedure=primary", "--format", "csv"]
        )  # fmt: skip
    assert code == 0, err.getvalue()
    assert out.getvalue().startswith("site,n,observed,expected,z,status\n")
    return list(csv.DictReader(io.StringIO(out.getvalue()))), err.getvalue()


@pytest.fixture(scope="module")
def records(imported) -> dict[str, np.ndarray]:
    """Per site its modelled primary knees, exact: columns first, last, expected score."""

    def question(table):
        rows = table("episode_outcome")
        rows = rows.filter(rows["instrument"] == "instrument.oks", rows["procedure"] == "primary")
        rows = rows.filter(rows["change"].notnull(), rows["expected_last"].notnull())
        return rows.select("site", "first", "last", "expected_last")

    frame = imported[1].ask(question)
    return {site: part[["first", "last", "expected_last"]].to_numpy() for site, part in frame.groupby("site")}


def test_records_give_the_official_class_but_for_six(printed, official):
    rows, _ = printed
    assert len(rows) == 280
    assert {row["status"] for row in rows} <= set(STATUSES)
    differing = {row["site"] for row in rows if row["status"] != official[OKS_PRIMARY][row["site"]]}
    assert differing == DIFFERING
    judged = [row for row in rows if official[OKS_PRIMARY][row["site"]] != "insufficient records"]
    assert (len(judged), len(judged) - len(differing)) == (237, 231)


def agrees(provider: Provider, mine: np.ndarray) -> bool:
    """Whether a provider's records have the published number, mean first and mean last score: no model is in these."""
    first, last = mine[:, 0].mean(), mine[:, 1].mean()
    same_scores = abs(first - provider.first) < 2 * ROUNDED and abs(last - provider.last) < 2 * ROUNDED
    return len(mine) == provider.n and same_scores


def test_the_six_differ_because_their_published_records_are_others(published, official, records):
    providers, statuses = published[OKS_PRIMARY], official[OKS_PRIMARY]
    judged = [code for code, status in statuses.items() if status != "insufficient records"]
    same = [code for code in judged if agrees(providers[code], records[code])]
    assert len(same) == 79
    assert not DIFFERING & set(same)
    # Where the records are those behind the figures, so is the adjusted gain, to the last published decimal: it is the
    # mean residual and a constant of England's, the same for all of them. So nothing but the records can differ.
    constants = [providers[code].gain - (records[code][:, 1] - records[code][:, 2]).mean() for code in same]
    assert max(constants) - min(constants) < 2 * ROUNDED + 1e-6


def test_one_record_too_many_explains_one_of_the_six(published, official, records):
    """Providers with one record more than published: leaving out one of them gives all three published means.

    That singles the record out at 30 of 35 providers, one of the six (NVC17) among them: without it its class is official.
    """
    providers = published[OKS_PRIMARY]
    everybody = np.concatenate(list(records.values()))
    sd = float((everybody[:, 1] - everybody[:, 2]).std(ddof=1))
    constant = 15.64887  # of England's, as the test above finds it
    explained, judged = {}, 0
    for code, each in providers.items():
        mine = records.get(code, np.empty((0, 3)))
        if code == "England" or each.n < CLASS_MINIMUM or len(mine) != each.n + 1:
            continue
        judged += 1
        rest = (mine.sum(axis=0) - mine) / each.n
        fits = np.abs(rest[:, 0] - each.first) < 2 * ROUNDED
        fits &= np.abs(rest[:, 1] - each.last) < 2 * ROUNDED
        fits &= np.abs(rest[:, 1] - rest[:, 2] + constant - each.gain) < 3 * ROUNDED
        if fits.any():
            gain = rest[fits][0, 1] - rest[fits][0, 2] + constant
            england = providers["England"].gain
            explained[code] = mean_funnel([code], [each.n], [gain], target=england, sd=sd).units[0].status
    assert judged == 35
    assert len(explained) == 30
    assert all(official[OKS_PRIMARY][code] == status for code, status in explained.items())
    assert "NVC17" in explained


def test_adjusted_changes_are_the_published_ones(printed, published, records):
    shown = {row["site"]: row for row in printed[0]}
    providers = published[OKS_PRIMARY]
    same = [code for code, each in providers.items() if each.gain and code in records and agrees(each, records[code])]
    for code in same:
        assert float(shown[code]["observed"]) == pytest.approx(providers[code].gain, abs=0.05 + 0.005)
    assert {row["expected"] for row in printed[0] if row["expected"]} == {"17.3"}


def test_nothing_exact_leaves(printed, records, imported):
    policy = read_policy()
    # The people told of a provider are those of every other answer; how few lack an expected score is told nowhere.
    change = answer_change(imported[1], Question("instrument.oks", group_by="site"), SCALES)
    told = {group.label: group.n for group in change.groups}
    for row in printed[0]:
        size = len(records.get(row["site"], ()))
        figures = [row[name] for name in ("n", "observed", "expected", "z")]
        if size < policy.threshold:
            assert figures == ["", "", "", ""]
            assert row["status"] == "insufficient records"
        else:
            assert int(row["n"]) % policy.round_to == 0
            assert int(row["n"]) == told[row["site"]]
            assert all(len(value.partition(".")[2]) <= 1 for value in figures)
    assert any(not row["n"] for row in printed[0])
    assert [row["site"] for row in printed[0]] == sorted(row["site"] for row in printed[0])


def test_what_must_be_known_is_said_beside_the_figures(printed):
    for word in (
        "Open Government Licence",
        "no control group",
        "made from exact figures",
        "people without one count for no mean",
    ):
        assert word in printed[1]


@pytest.mark.parametrize("only", ["procedure=revision", "sex=female", "procedure"])
def test_no_other_population_is_compared(nhs_store_dir, capsys, only):
    arguments = ["outcomes", "funnel", "--store", str(nhs_store_dir[1]), "--measure", "oks", "--only", only]
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "procedure=primary" in err
    assert "Traceback" not in err


def test_the_curve_can_be_drawn_as_it_stands(imported):
    answer = answer_comparison(imported[1], Question("instrument.oks", group_by="site"), SCALES)
    assert answer.context.population == "procedure: primary"
    assert answer.limits[0].n == read_policy().threshold
    assert answer.limits[-1].n == max(unit.n for unit in answer.units if unit.n)
    for each in answer.limits:
        assert each.high_95 - answer.expected == pytest.approx(1.959964 * answer.residual_sd / each.n**0.5, abs=1e-5)
        assert each.low_998 < each.low_95 < answer.expected < each.high_95 < each.high_998
    assert answer.residual_sd == 8.34  # England's published one is 8.33501
    assert dict(answer.counts)["insufficient records"] == 43
