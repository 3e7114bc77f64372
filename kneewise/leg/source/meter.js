// The load at the kneecap from low to high, without figures: what is drawn is a picture, not a measurement.

import { h } from "./dom.js";

/** The meter; `sync(level, typical)`, both 0 to 1: this leg and the typical one bent as far. No handle of a slider. */
export function createMeter(words) {
  const bar = h(
    "div",
    { class: "scale", role: "meter", "aria-label": words.load, "aria-valuemin": 0, "aria-valuemax": 1 },
    h("i", { class: "usual" }),
    h("i", { class: "pointer" }),
  );
  return {
    element: h(
      "div",
      { class: "meter" },
      h("div", { class: "head" }, h("span", {}, words.load)),
      bar,
      h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, words.low), h("span", {}, words.high)),
      h("p", { class: "colour" }, words.colour),
    ),
    sync(level, typical) {
      const held = Math.min(Math.max(level, 0), 1);
      bar.style.setProperty("--level", held);
      bar.style.setProperty("--usual", Math.min(Math.max(typical || 0, 0), 1));
      bar.setAttribute("aria-valuenow", held.toFixed(2));
      bar.setAttribute("aria-valuetext", held < 1 / 3 ? words.low : held < 2 / 3 ? words.middle : words.high);
    },
  };
}
