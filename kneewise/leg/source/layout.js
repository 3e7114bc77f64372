// The places on the widget, empty; the style sheet arranges them.

import { h } from "./dom.js";

/** The elements of the widget by name; `root` holds them all. */
export function createLayout() {
  const div = (name) => h("div", { class: name });
  const parts = {
    top: div("top-bar"),
    bottom: div("bottom-bar"),
    meter: div("meter-box"),
    sliders: div("sliders-box"),
    factors: div("factors-box"),
    stage: h("div", { class: "stage", tabindex: 0, role: "img", "aria-describedby": "stage-help" }),
    help: h("p", { class: "unseen", id: "stage-help" }),
    caption: h("p", { class: "caption", "aria-hidden": "true" }),
    inset: h("div", { class: "inset", role: "img" }),
    sentence: h("p", { class: "sentence" }),
    standing: h("p", { class: "standing" }),
    saving: div("saving-box"),
    status: h("p", { class: "status", role: "status" }),
    spoken: h("p", { class: "unseen", "aria-live": "polite" }),
  };
  const foot = h("div", { class: "foot" }, parts.standing, parts.saving);
  const said = h("div", { class: "said" }, parts.sentence, foot, parts.status, parts.spoken);
  const main = h("div", { class: "main" }, parts.top, parts.stage, parts.help, parts.bottom, said);
  const above = h("div", { class: "above" }, parts.caption, parts.inset);
  const near = h("div", { class: "near" }, above, parts.meter, parts.factors);
  parts.root = h("div", { class: "leg" }, h("div", { class: "frame" }, main, near, parts.sliders));
  return parts;
}
