// Whether the page around the leg is dark, from the colour that is really behind it.

/** True when the first painted background behind `element` is darker than middle grey. */
export function isDark(element) {
  for (let each = element; each; each = each.parentElement || (each.getRootNode().host ?? null)) {
    const painted = getComputedStyle(each).backgroundColor.match(/[\d.]+/g) || [0, 0, 0, 0];
    const [red, green, blue, alpha = 1] = painted.map(Number);
    if (alpha > 0.5) return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
  }
  return false;
}
