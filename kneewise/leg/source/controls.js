// Everything the person works with, built for one set of words and sliders.

import { createFactors } from "./factors.js";
import { createMeter } from "./meter.js";
import { createSliders, groupsOf } from "./sliders.js";
import { createToolbar } from "./toolbar.js";
import { wordsOf } from "./words.js";

/** Puts new controls into the places of the layout; `sync(state)` makes them show where things stand. */
export function createControls(parts, model, data, on, still) {
  const words = wordsOf(data);
  const toolbar = createToolbar(words, model.activities, on, still);
  const meter = createMeter(words);
  const sliders = createSliders(model.inputs, groupsOf(model.inputs, data, words), words, on);
  const factors = createFactors((model.inputs.length && data.factors) || [], words, on.factor);
  parts.top.replaceChildren(toolbar.top);
  parts.bottom.replaceChildren(toolbar.bottom);
  parts.saving.replaceChildren(toolbar.saving);
  parts.meter.replaceChildren(meter.element);
  parts.sliders.replaceChildren(sliders.element);
  parts.factors.replaceChildren(factors.element);
  return {
    sync(state) {
      toolbar.sync(state);
      meter.sync(state.level, state.usual);
      sliders.sync(state.values);
      factors.sync(state.shown, state.told);
    },
  };
}
