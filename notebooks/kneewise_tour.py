# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tour of Kneewise
#
# The same calls as the app and the command line, one after the other: load the knowledge, assess a findings file, draw
# its map and its week, import the demonstration clinics and chart them.
#
# **Nobody in this notebook is real.** `example_findings.json` is invented; the clinics are synthetic and say so. Kneewise
# is an aid to the reasoning of a physiotherapist. It does not diagnose.

# %%
import os
import sys
import tempfile
from pathlib import Path

# The folder of this file when it runs as a script, the folder Jupyter started in otherwise; the repository is above.
here = Path(__file__).resolve().parent if "__file__" in globals() else Path(os.getcwd()).resolve()
root = next((folder for folder in (here, *here.parents) if (folder / "kneewise" / "__init__.py").is_file()), None)
if root is None:
    raise FileNotFoundError("Start this notebook in the Kneewise folder or in one below it.")
if str(root) not in sys.path:
    sys.path.insert(0, str(root))

import pandas as pd

from kneewise import reasoning
from kneewise.figures.control_chart import draw_control_chart
from kneewise.figures.funnel_plot import draw_comparison
from kneewise.figures.mechanism_map import draw_mechanism_map, mechanism_map_of
from kneewise.figures.missing_band import draw_missing
from kneewise.figures.outcome_charts import draw_distribution, draw_responders, draw_trend, headlines
from kneewise.figures.recovery_curve import draw_recovery
from kneewise.figures.week_load import draw_week_load
from kneewise.knowledge_base import load_knowledge, words
from kneewise.knowledge_base.check import summary
from kneewise.leg import material as leg_material
from kneewise.leg.notebook import LegWidget
from kneewise.outcomes import answers, demo
from kneewise.outcomes.comparing import answer_comparison
from kneewise.outcomes.importing import report_lines
from kneewise.outcomes.instruments import instruments_from
from kneewise.outcomes.missing import answer_missing
from kneewise.outcomes.over_time import answer_over_time
from kneewise.outcomes.recovering import answer_recovery
from kneewise.outcomes.store import open_store

# %% [markdown]
# ## What we claim
#
# All files of `knowledge/` as one frozen object. Every claim has a status and a source.

# %%
knowledge = load_knowledge()
print(summary())

# %% [markdown]
# ## One person's findings
#
# What is not in the file is *not tested*, which is never the same as absent.

# %%
findings = reasoning.parse((root / "notebooks" / "example_findings.json").read_bytes(), knowledge)
conclusions = reasoning.assess(findings, knowledge)
print(f"{len(findings)} of {len(knowledge.findings)} findings were tested.")
print(f"Safety questions: {conclusions.safety.state}. Criteria of patellofemoral pain: {conclusions.criteria.state}.")

# %%
pd.DataFrame(
    [
        {"factor": knowledge.entry(answer.id).label.clinician, "answer": answer.answer.replace("_", " ")}
        for answer in conclusions.factors
    ]
).sort_values("answer", key=lambda column: column.map({"present": 0, "absent": 1}).fillna(2), kind="stable")

# %% [markdown]
# ## What each guideline says
#
# Guidelines disagree. They stand side by side and are never averaged.

# %%
said = {label.strength: label.label.clinician for label in knowledge.wording.strength_labels}
advice = pd.DataFrame(
    {
        knowledge.entry(under.profile).label: {
            knowledge.entry(each.option).label.clinician: said.get(each.strength, each.strength.replace("_", " "))
            for each in under.options
            if each.compared
        }
        for under in conclusions.advice
    }
)
advice

# %% [markdown]
# ## What would change this
#
# The smallest change of findings that changes an answer of the first guideline. The cell below applies the first one.


# %%
def value_in_words(finding_id, value):
    finding = knowledge.entry(finding_id)
    return "not tested" if value is None else words.finding_value_words(finding, value)


def answer_in_words(answer):
    return said.get(answer, answer.replace("_", " "))


for counterfactual in conclusions.counterfactuals:
    compared = [
        each for each in counterfactual.effects if each.kind == "option" and knowledge.entry(each.about).compared
    ]
    if counterfactual.kind == "safety" or not compared:
        continue
    for change in counterfactual.changes:
        old, new = value_in_words(change.finding, change.old), value_in_words(change.finding, change.new)
        print(f"{knowledge.entry(change.finding).label.clinician}: {new} instead of {old}")
    for effect in compared:
        option = knowledge.entry(effect.about).label.clinician
        print(f"    {option}: {answer_in_words(effect.old)} -> {answer_in_words(effect.new)}")
stops = [each for each in conclusions.counterfactuals if each.kind == "safety"]
print(f"A different answer to any of {len(stops)} safety questions changes the advice as well.")

# %%
first = conclusions.counterfactuals[0]
changed = reasoning.assess(findings.with_values({each.finding: each.new for each in first.changes}), knowledge)
for effect in first.effects:
    if effect.kind == "option":
        now = "suppressed" if changed.suppressed else changed.option(effect.about, effect.profile).strength
        print(
            f"{knowledge.entry(effect.about).label.clinician}: expected {answer_in_words(effect.new)}, is {answer_in_words(now)}"
        )

# %%
robust = conclusions.robustness
print("The advice is robust: no measured input, read again within its error, changes it." if robust.advice_robust else
      "The advice is fragile: a measured input, read again within its error, changes it.")  # fmt: skip
for flip in robust.flips:
    about = ", ".join(dict.fromkeys(knowledge.entry(effect.about).label.clinician for effect in flip.effects))
    old, new = value_in_words(flip.finding, flip.value), value_in_words(flip.finding, flip.tried)
    print(f"{knowledge.entry(flip.finding).label.clinician}: {new} instead of {old} would change: {about}")

# %% [markdown]
# ## The map of mechanisms
#
# The same findings twice: the story that clinics tell, and what studies found about each arrow.

# %%
shown = mechanism_map_of(knowledge, conclusions, "clinician")
story = draw_mechanism_map(shown, told="story", dark=False)
print(story.sentence)
story.figure

# %%
studies = draw_mechanism_map(shown, told="studies", dark=False)
print(studies.sentence)
studies.figure

# %% [markdown]
# ## The leg
#
# The drawing of the explorer, bound both ways: move a slider and `leg.values` follows; set `leg.values` and the leg
# moves. The same mechanics run in Python (`work_out`) and in the browser. It is a picture of mechanisms, no measurement.

# %%
present = [answer.id for answer in conclusions.factors if answer.answer == "present"]
base = leg_material.leg_base(knowledge, "clinician")
leg = LegWidget({**base, **leg_material.leg_data("studies", present, leg_material.values_for(knowledge, present))})
leg

# %%
leg.values = {**leg.values, "knee_flexion_deg": 60, "hip_rotation_deg": 99}
print(*leg.notes)
seen = leg_material.work_out(leg.values, knowledge, voice="patient")
print(seen.sentence)

# %% [markdown]
# ## The week, before and after
#
# A sum of peaks is an index of one's own week. It is no dose, and it does not compare two people.

# %%
week = reasoning.week_load(findings, knowledge)
load = draw_week_load(week, knowledge, "clinician", dark=False)
print(load.sentence)
load.figure

# %% [markdown]
# ## The clinic's outcomes (synthetic)
#
# The committed demonstration goes into a store that is thrown away. Only released answers come back: no number that
# stands for fewer people than `data/disclosure_policy.yaml` allows. There is no control group in these charts.

# %%
instruments = instruments_from(knowledge)
folder = tempfile.TemporaryDirectory()
report = demo.import_demo(instruments, Path(folder.name) / "demo")
print("\n".join(report_lines(report, instruments)))

# %%
store = open_store(Path(folder.name) / "demo")
question = answers.Question("instrument.akps")
change = answers.answer_change(store, question, instruments)
responders = answers.answer_responders(store, question, instruments)
status = words.status_words(knowledge, responders.important_change_status)
print("SYNTHETIC DATA." if change.context.synthetic else "", change.context.control_note)
for headline in headlines(change, responders, status):
    print(f"{headline.label}: {headline.figure}. {headline.sentence}")

# %%
trend = draw_trend(answers.answer_trend(store, question, instruments), dark=False)
print(trend.sentence)
trend.figure

# %%
distribution = draw_distribution(answers.answer_distribution(store, question, instruments), dark=False)
print(distribution.sentence)
distribution.figure

# %%
by_site = answers.Question("instrument.akps", group_by="site")
shares = draw_responders(answers.answer_responders(store, by_site, instruments), status, dark=False)
print(shares.sentence)
shares.figure

# %% [markdown]
# ## How far the missing people could move this
#
# Some never came back. The thin line is what is certain whatever became of them, the thick one what is plausible under an
# assumption that the sentence names.

# %%
missing = draw_missing(answer_missing(store, question, instruments), dark=False)
print(missing.sentence)
missing.figure

# %% [markdown]
# ## Over time, with the limits of chance
#
# A control chart: a point inside its limits is what chance alone gives, however high or low it stands.

# %%
control = draw_control_chart(answer_over_time(store, question, instruments, measure="improved"), dark=False)
print(control.sentence)
control.figure

# %% [markdown]
# ## Sites beside each other
#
# A funnel, given the people that each site had. A site outside it is a reason to look, beginning with its records; nobody
# is ranked.

# %%
funnel = draw_comparison(answer_comparison(store, by_site, instruments), dark=False)
print(funnel.sentence)
funnel.figure

# %% [markdown]
# ## Time to recovery
#
# How many had improved by what matters by which week; recovery is seen only when somebody comes.

# %%
recovery = draw_recovery(answer_recovery(store, question, instruments), status, dark=False)
print(recovery.sentence)
recovery.figure

# %%
folder.cleanup()
