// The little that is needed to build elements; there is no framework in the bundle.

const SVG = "http://www.w3.org/2000/svg";

/** A new element; attributes that are null or false are left out, functions become listeners, text is never HTML. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const ICONS = {
  play: "M6 4l10 6-10 6z",
  pause: "M5 4h3.5v12H5zM11.5 4H15v12h-3.5z",
  previous: "M13 4l-7 6 7 6z",
  next: "M7 4l7 6-7 6z",
  reset: "M10 4a6 6 0 1 0 6 6h-2a4 4 0 1 1-4-4v2.6L14.2 5 10 1.4z",
  check: "M7.6 15.2L2.6 10.2 4.3 8.5l3.3 3.3 8-8L17.4 5.4z",
  save: "M9 2h2v7.2l2.6-2.6L15 8l-5 5-5-5 1.4-1.4L9 9.2zM3 15h14v2H3z",
  present: "M2 2h6v2H4v4H2zM12 2h6v6h-2V4h-4zM2 12h2v4h4v2H2zM16 12h2v6h-6v-2h4z",
};

/** A small drawn sign for a button; says nothing by itself. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Shows a button as pressed or not. Called for every picture, so what stays as it is is not written. */
export function press(button, pressed) {
  const value = String(Boolean(pressed));
  if (button.getAttribute("aria-pressed") !== value) button.setAttribute("aria-pressed", value);
}

/** Fill the gaps of a sentence: fill("{n} of {of}", {n: 2, of: 8}) is "2 of 8". */
export function fill(template, gaps) {
  return String(template).replace(/\{(\w+)\}/g, (gap, name) => (name in gaps ? gaps[name] : gap));
}
