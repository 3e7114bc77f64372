// The kneecap in its groove as on a skyline picture: kneecap on top, outer side as in the front view. In millimetres.
import { CAP, CAP_BACK, EDGE, ground, LIPS, profile, seat } from "./groove.js";
import { element, set, write } from "./marks.js";
import { loadColor, palette } from "./palette.js";

const SIDES = ["outside", "inside"];
let serial = 0;

/** A Drawing of the kneecap in its groove, with the load on both sides from low to high, in `host`. */
export function createInset(host) {
  const id = `inset${serial += 1}-`;
  const svg = element(host, "svg", { role: "presentation", style: "display:block" });
  let [nodes, last, dark, frame, box] = [null, null, null, 0, null];

  // Asking for the size makes the browser lay out the page: it is asked once and on resize.
  function measure() {
    const { clientWidth, clientHeight } = host;
    box = { W: clientWidth || box?.W || 280, H: clientHeight || box?.H || 216, seen: clientWidth > 0 };
  }

  // Colours from the top down. The knee stands in a flipped group, so there `up` turns them.
  function gradient(defs, name, stops, up = true) {
    const node = element(defs, "linearGradient", { id: id + name, x1: 0, x2: 0, y1: up ? 1 : 0, y2: up ? 0 : 1 });
    for (const [offset, color, opacity = 1] of stops) {
      element(node, "stop", { offset, "stop-color": color, "stop-opacity": opacity });
    }
  }

  function build(scene) {
    dark = scene.dark;
    const c = palette(dark);
    svg.replaceChildren();
    const defs = element(svg, "defs");
    gradient(defs, "stage", [[0, c.stage[0]], [1, c.stage[1]]], false);
    gradient(defs, "femur", [[0, c.bone], [0.55, c.bone], [1, c.bone, 0]]);
    gradient(defs, "line", [[0, c.boneLine], [0.6, c.boneLine], [0.95, c.boneLine, 0]]);
    gradient(defs, "cap", [[0, c.bone], [0.45, c.bone], [1, c.boneShade]]);
    const hatch = element(defs, "pattern",
      { id: `${id}hatch`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    element(hatch, "rect", { width: 3.2, height: 6, fill: c.track });
    element(svg, "rect", { width: "100%", height: "100%", fill: `url(#${id}stage)` });
    const knee = element(svg, "g", { "stroke-linejoin": "round", "stroke-linecap": "round" });
    const outline = (parent, part, stroke, width, more = {}) => element(parent, "path",
      { fill: "none", stroke, "stroke-width": width, "data-part": part, ...more });
    nodes = {
      knee,
      bone: outline(knee, "femur", `url(#${id}line)`, 0.6, { fill: `url(#${id}femur)` }),
      grey: outline(knee, "cartilage", c.cartilage, 2.4),
      greyLine: outline(knee, "cartilage_edge", c.cartilageLine, 0.5),
      ghost: outline(knee, "ghost", c.ghost, 0.75, { d: CAP, "stroke-dasharray": "2.6 1.8" }),
    };
    const bars = element(svg, "g", { "font-family": "sans-serif", fill: c.text });
    for (const name of SIDES) {
      nodes[name] = {
        edge: outline(knee, `${name}_edge`, c.cartilageLine, 1),
        band: element(knee, "path", { fill: "none", "data-load": name }),
        track: element(bars, "rect", { fill: c.track, stroke: c.trackLine, rx: 3 }),
        bar: element(bars, "rect", { rx: 2, stroke: c.barLine, "data-bar": name }),
        hatch: element(bars, "rect", { fill: `url(#${id}hatch)`, rx: 2 }),
        halo: outline(bars, `${name}_halo`, c.plate, 4),
        mark: outline(bars, `${name}_typical`, c.mark, 1.8),
        word: element(bars, "text", { "font-weight": 600 }),
        high: element(bars, "text"),
      };
    }
    nodes.low = element(bars, "text", { "text-anchor": "middle" });
    nodes.cap = element(knee, "g", { "data-part": "patella" });
    outline(nodes.cap, "patella_cartilage", c.cartilage, 3, { d: CAP_BACK });
    outline(nodes.cap, "patella_bone", c.boneLine, 0.6, { d: CAP, fill: `url(#${id}cap)` });
    outline(nodes.cap, "patella_line", c.boneLine, 0.5, { d: "M-13 14C-6 18 8 18.5 15 14.5", opacity: 0.5 });
  }

  function drawSide(name, scene, m, deep) {
    const node = nodes[name];
    const { W, H } = box;
    const { faded, large, words = {} } = scene;
    const [level, typical] = [scene.pose, scene.neutral].map(({ out }) => Math.min(1, Math.max(0, out[name] || 0)));
    const color = loadColor(level);
    const lip = (name === "outside" ? LIPS.outer : LIPS.inner)[0];
    const half = (0.16 + 0.34 * level) * lip;
    const [d, thickness] = [profile(lip * 0.56 - half, lip * 0.56 + half, deep, 0.5), 1.6 + 3 * level];
    set(node.edge, { d, "stroke-width": (thickness + 0.8).toFixed(2), opacity: faded ? 0.35 : 0.9 });
    set(node.band, { d, stroke: color, "stroke-width": thickness.toFixed(2), opacity: faded ? 0.75 : 1,
      "stroke-dasharray": faded ? "1.2 2.8" : "none", "stroke-linecap": faded ? "butt" : "round" });
    const [font, thick, y] = large ? [16, 18, H - 46] : [13, 14, H - 38];
    const gap = W * 0.045;
    const reach = W / 2 - gap - 12;
    const toRight = (name === "outside") === m > 0;
    const along = (t) => Math.max(3, reach * t);
    const x = (length) => (toRight ? W / 2 + gap : W / 2 - gap - length);
    set(node.track, { x: x(reach), y, width: reach, height: thick });
    const bar = { x: x(along(level)), y: y + 1, width: along(level), height: thick - 2 };
    set(node.bar, { ...bar, fill: color, opacity: faded ? 0.8 : 1 });
    set(node.hatch, { ...bar, display: faded ? "inline" : "none" });
    const at = W / 2 + (toRight ? 1 : -1) * (gap + along(typical));
    const mark = `M${at - 4.5} ${y - 8}h9l-4.5 7zM${at} ${y - 1}V${y + thick + 3}`;
    set(node.halo, { d: mark, opacity: 0.8 });
    set(node.mark, { d: mark });
    const [edge, anchor] = toRight ? [W - 12, "end"] : [12, "start"];
    set(node.word, { x: edge, y: y - 10, "text-anchor": anchor, "font-size": font });
    set(node.high, { x: edge, y: y + thick + font + 1, "text-anchor": anchor, "font-size": font - 1 });
    write(node.word, words[name] ?? "");
    write(node.high, words.high ?? "");
  }

  function draw(scene) {
    last = scene;
    if (!box?.seen) measure();
    if (dark !== scene.dark) build(scene);
    const { W, H } = box;
    const m = scene.side === "right" ? -1 : 1;
    set(svg, { width: W, height: H, viewBox: `0 0 ${W} ${H}` });
    const room = H - (scene.large ? 62 : 52);
    const scale = Math.min((W - 24) / 76, (room - 10) / 52);
    set(nodes.knee, { transform: `translate(${W / 2} ${room - 20 * scale}) scale(${m * scale} ${-scale})` });
    const { deep, matrix } = seat(scene.pose.out);
    const end = ground(-EDGE, deep).toFixed(2);
    const below = `C37 -16 35 -18 30 -18.5L-30 -18.5C-35 -18 -37 -16 ${-EDGE} ${end}Z`;
    set(nodes.bone, { d: profile(-EDGE, EDGE, deep) + below });
    set(nodes.grey, { d: profile(-24, 26, deep, 0.6) });
    set(nodes.greyLine, { d: profile(-24, 26, deep, 1.9) });
    set(nodes.cap, { transform: `matrix(${matrix})` });
    const typical = seat({ ...scene.neutral.out, knee_flexion_deg: scene.pose.out.knee_flexion_deg }).matrix;
    const apart = scene.ghost && typical !== matrix;
    set(nodes.ghost, { transform: `matrix(${typical})`, display: apart ? "inline" : "none" });
    for (const name of SIDES) drawSide(name, scene, m, deep);
    const font = scene.large ? 15 : 12;
    set(nodes.low, { x: W / 2, y: H - (scene.large ? 28 : 24) + font + 2, "font-size": font });
    write(nodes.low, scene.words?.low ?? "");
    host.dataset.renderer = "svg";
    host.dataset.frame = String(frame += 1);
  }

  return {
    kind: "svg",
    draw,
    resize() {
      measure();
      if (last) draw(last);
    },
    destroy: () => svg.remove(),
    svgText: () => new XMLSerializer().serializeToString(svg),
  };
}
