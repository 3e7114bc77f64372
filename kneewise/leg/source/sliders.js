// One native slider per input, in groups; what it says is "12°, turned in".

import { h } from "./dom.js";
import { describeValue } from "./words.js";

/** The sliders; `on.input(id, value)` while one is dragged, `on.release()` when it is let go. */
export function createSliders(inputs, groups, words, on) {
  const rows = new Map(inputs.map((input) => [input.id, createRow(input, words, on)]));
  const element = h("section", { class: "sliders", "aria-label": words.sliders });
  for (const group of groups) {
    const members = group.inputs.map((id) => rows.get(id)).filter(Boolean);
    if (!members.length) continue;
    const title = h("h3", { id: `group-${group.id}` }, group.label);
    const fields = { class: "group", role: "group", "aria-labelledby": title.id };
    element.append(h("div", fields, title, ...members.map((row) => row.element)));
  }
  return {
    element,
    sync(values) {
      for (const [id, row] of rows) row.show(values[id]);
    },
  };
}

/** The groups the page names (it may leave inputs out that only the clinician needs), or one with everything. */
export function groupsOf(inputs, data, words) {
  return data.groups || [{ id: "all", label: words.sliders, inputs: inputs.map((input) => input.id) }];
}

function createRow(input, words, on) {
  const share = (value) => (value - input.minimum) / (input.maximum - input.minimum);
  const figure = h("b", {});
  const which = h("span", {});
  // Not an <output>: that is a live region, and the slider itself speaks its value already.
  const beside = h("span", { class: "value", "aria-hidden": "true" }, figure, " ", which);
  const slider = h("input", {
    type: "range",
    id: input.id,
    name: input.id,
    min: input.minimum,
    max: input.maximum,
    step: input.step,
    input() {
      show(Number(slider.value)); // at once: a screen reader reads the text with the key, before the next frame
      on.input(input.id, Number(slider.value));
    },
    change: () => on.release(),
  });
  const track = h("div", { class: "track" }, slider, h("i", { class: "tick", "aria-hidden": "true" }));
  track.style.setProperty("--typical", share(input.neutral));
  let shown = null;

  function show(value) {
    if (value === shown) return;
    shown = value;
    const said = describeValue(input, value, words);
    if (Number(slider.value) !== value) slider.value = String(value);
    track.style.setProperty("--value", share(value));
    slider.setAttribute("aria-valuetext", said.spoken);
    figure.textContent = said.shown;
    which.textContent = said.which;
  }

  const element = h(
    "div",
    { class: "slider" },
    h("div", { class: "head" }, h("label", { for: input.id }, input.label), beside),
    track,
    h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, input.low), h("span", {}, input.high)),
  );
  return { element, show };
}
