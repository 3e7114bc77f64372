// A button per factor, which moves the leg to show it; its three short texts unfold right below the button.

import { h, press } from "./dom.js";

const TEXTS = ["what_moves", "how_sure", "what_helps"];

/** The buttons; `toggle(factor)` is called on a press. */
export function createFactors(factors, words, toggle) {
  const buttons = factors.map((factor) =>
    h("button", { type: "button", "data-factor": factor.id, click: () => toggle(factor) }, factor.label),
  );
  const card = h("div", { class: "card", id: "factor-card" });
  let told = null;

  function tell(index) {
    card.remove();
    buttons.forEach((button) => button.removeAttribute("aria-describedby"));
    if (index < 0) return;
    const written = TEXTS.filter((name) => factors[index][name]);
    card.replaceChildren(...written.map((name) => h("p", {}, h("b", {}, words[name]), factors[index][name])));
    buttons[index].after(card);
    buttons[index].setAttribute("aria-describedby", card.id);
  }

  return {
    element: h(
      "section",
      { class: "factors", "aria-label": words.factors, hidden: !factors.length },
      h("h3", {}, words.factors),
      h("div", { class: "chips" }, ...buttons),
    ),
    sync(pressed, chosen) {
      buttons.forEach((button, index) => press(button, pressed.includes(factors[index].id)));
      if (chosen === told) return;
      told = chosen;
      tell(factors.findIndex((factor) => factor.id === chosen));
    },
  };
}
