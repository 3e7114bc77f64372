// The buttons above and below the stage.

import { fill, h, icon, press } from "./dom.js";
import { MOMENTS } from "./movement.js";

export const VIEWS = ["front", "side", "angled", "kneecap"];

/**
 * The bars above and below, and the buttons that save. `on` holds what the buttons do; `sync(state)` makes them show
 * where things stand. `still` asks for Previous and Next instead of a movement that runs by itself.
 */
export function createToolbar(words, activities, on, still) {
  const view = choice("view", words.view, VIEWS.map((id) => [id, words[`view_${id}`]]), on.view);
  const picture = choice("picture", words.picture, [["gl", words.picture_gl], ["svg", words.picture_svg]], on.picture);
  const side = choice("side", words.leg, [["left", words.left], ["right", words.right]], on.side);
  const ghost = button("ghost", words.ghost, "check", on.ghost, "switch");
  const names = button("names", words.names, "check", on.names, "switch");
  const reset = button("reset", words.reset, "reset", on.reset);
  const present = button("present", "", "present", on.present, "bare");
  const png = named(button("save-png", "PNG", "save", () => on.save("png")), words.save_png);
  const svg = named(button("save-svg", "SVG", "save", () => on.save("svg")), words.save_svg);

  const plan = button("to-plan", words.to_plan, "check", on.toPlan);

  const select = h("select", { id: "movement", change: () => on.activity(select.value) });
  for (const each of activities) select.append(h("option", { value: each.id }, each.label));
  const play = button("play", words.play, "play", () => on.play(select.value));
  const previous = button("previous", words.previous, "previous", () => on.step(select.value, -1));
  const next = button("next", words.next, "next", () => on.step(select.value, 1));
  const moment = h("span", { class: "moment", "aria-live": "polite" });
  const movement = h(
    "div",
    { class: "movement", role: "group", "aria-label": words.movement, hidden: !activities.length },
    h("label", { class: "unseen", for: "movement" }, words.movement),
    select,
    ...(still ? [previous, next, moment] : [play]),
  );

  return {
    top: h("div", { class: "bar" }, view.element, picture.element, side.element, h("div", { class: "end" }, present)),
    bottom: h(
      "div",
      { class: "bar" },
      movement,
      h("div", { class: "buttons" }, ghost, names, reset),
    ),
    saving: h("div", { class: "buttons saving" }, ...(words.to_plan ? [plan] : []), png, svg),
    sync(state) {
      view.choose(state.view);
      picture.choose(state.kind);
      side.choose(state.side);
      press(ghost, state.ghost);
      press(names, state.names);
      relabel(play, state.moving ? words.pause : words.play, state.moving ? "pause" : "play");
      named(present, state.large ? words.leave : words.present);
      if (state.moment) {
        select.value = state.moment.activity;
        moment.textContent = fill(words.moment, { n: state.moment.number + 1, of: MOMENTS });
      } else if (moment.textContent) moment.textContent = "";
    },
  };
}

function button(act, text, sign, click, kind = null) {
  const label = text ? h("span", {}, text) : null;
  return h("button", { type: "button", class: kind, "data-act": act, click }, icon(sign), label);
}

function named(element, name) {
  if (element.title === name) return element;
  element.setAttribute("aria-label", name);
  element.setAttribute("title", name);
  return element;
}

function relabel(element, text, sign) {
  const label = element.lastElementChild;
  if (label.textContent === text) return;
  label.textContent = text;
  element.firstElementChild.replaceWith(icon(sign));
}

function choice(name, label, options, chosen) {
  const inputs = options.map(([value]) =>
    h("input", { type: "radio", name, id: `${name}-${value}`, value, change: () => chosen(value) }),
  );
  const element = h("div", { class: "choice", role: "radiogroup", "aria-label": label });
  inputs.forEach((input, index) => {
    element.append(input, h("label", { for: input.id }, options[index][1]));
  });
  return {
    element,
    choose(value) {
      for (const input of inputs) input.checked = input.value === value;
    },
  };
}
