// The drawn leg: front and side views from bone outlines, as plain SVG. Needs no GPU, prints as vectors, and every bone
// is a node. All styling is in attributes, so that the same nodes open in any viewer.
import outlines from "./outlines.json";
import { columnWidth, placeLabels } from "./labels.js";
import { drawLabels, element, set } from "./marks.js";
import { loadColor, palette } from "./palette.js";
import { anchorPoint, differs, place, skinTubes, softTubes } from "./soft.js";
import { bonePath, fibres, ringPaths, sides, tubePath } from "./trace.js";

const FRAMES = ["trunk", "pelvis", "foot", "tibia", "femur", "patella"];
// Back to front: by frame, and the cartilage of the kneecap behind its bone.
const rank = (name) => FRAMES.indexOf(outlines.parts[name].frame) - (name === "patella_cartilage" ? 0.5 : 0);
const NAMES = Object.keys(outlines.parts).sort((a, b) => rank(a) - rank(b));
// On a left leg the right-hand column names what the side drawing shows best.
const FROM_SIDE = ["outer_muscle", "outer_band", "tendon", "tubercle", "tibia", "groove"];
const SKIN = ["skin_leg", "skin_foot"];
const I = [1, 0, 0, 0, 1, 0, 0, 0, 1];
// Any pose will do to learn which tubes there are.
const ANY = { twist: { femur: 0, tibia: 0 }, arch: 0,
  frames: Object.fromEntries(FRAMES.map((frame) => [frame, { R: I, t: [0, 0, 0] }])) };
let serial = 0;

function gradient(defs, id, stops, attributes = {}) {
  const node = element(defs, attributes.r ? "radialGradient" : "linearGradient", { id, ...attributes });
  for (const [offset, color, opacity = 1] of stops) {
    element(node, "stop", { offset, "stop-color": color, "stop-opacity": opacity });
  }
  return node;
}

// An outline is worked out only when something about its bone changes.
function setBone(node, name, lines, view, pose, mirror, closed) {
  const part = outlines.parts[name];
  const { R, t } = pose.frames[part.frame];
  const own = { femur: pose.twist.femur, tibia: pose.twist.tibia, foot: pose.arch }[part.frame] ?? 0;
  const now = [own, mirror, ...t, ...R];
  if (node.was?.every((x, i) => x === now[i])) return;
  node.was = now;
  node.setAttribute("d", bonePath(name, part, lines, view, pose, mirror, closed));
}

// One view (front or side): all nodes, made once per theme.
function buildView(root, defs, view, id, c) {
  const group = element(root, "g", { "data-view": view, "stroke-linejoin": "round", "stroke-linecap": "round" });
  const nodes = { group, bones: {}, ghosts: {}, tubes: {}, spots: [] };
  nodes.step = element(group, "path", { fill: c.floor, stroke: c.leader, "stroke-opacity": 0.5, "data-part": "step" });
  const under = (opacity, extra = {}) => element(group, "g", { opacity, ...extra });
  const free = { gradientUnits: "userSpaceOnUse" };
  nodes.fade = gradient(defs, `${id}fade`, [[0, c.skin, 0], [1, c.skin, 1]], free);
  // The line fades where the fill does: by `href` this gradient lies where the other one is put.
  gradient(defs, `${id}fadeline`, [[0, c.skinLine, 0], [1, c.skinLine, 1]], { ...free, href: `#${id}fade` });
  // Lines first, then fills over their inner halves: leg and foot get one common outline.
  const skin = under(0.5);
  nodes.skinLine = element(skin, "g", { fill: "none", stroke: `url(#${id}fadeline)` });
  // The sides of a tube and its rings are paths of their own: in one path, where they run opposite ways, they would
  // cancel each other and leave holes in the skin of a bent knee.
  const skins = SKIN.flatMap((name) => [name, `${name}_rings`]);
  for (const name of skins) element(nodes.skinLine, "use", { href: `#${id}${name}` });
  const fill = element(skin, "g", { fill: `url(#${id}fade)` });
  nodes.skin = skins.map((name) => element(fill, "path", { id: id + name, "data-part": name }));
  nodes.ghost = under(0.9, { fill: c.ghostFill, "fill-opacity": 0.16, stroke: c.ghost, "data-part": "ghost" });
  for (const name of NAMES) {
    if (outlines.parts[name].frame !== "trunk") nodes.ghosts[name] = element(nodes.ghost, "path");
  }
  gradient(defs, `${id}bone`, [[0, c.bone], [0.55, c.bone], [1, c.boneShade]], { x1: 0, x2: 1, y1: 0, y2: 0.25 });
  const bones = element(group, "g");
  const soft = element(group, "g");
  const top = element(group, "g");
  for (const name of NAMES) {
    const part = outlines.parts[name];
    const grey = /cartilage|menisc/.test(name);
    const edge = grey ? c.cartilageLine : c.boneLine;
    const layer = element(part.frame === "patella" ? top : bones, "g", part.frame === "trunk" ? { opacity: 0.6 } : {});
    const own = `${id}${name}`;
    const base = element(layer, "g", { fill: grey ? c.cartilage : `url(#${id}bone)`, stroke: edge });
    const path = element(base, "path", { id: own, "data-part": name });
    element(element(defs, "clipPath", { id: `${own}clip` }), "use", { href: `#${own}` });
    const shade = element(layer, "g",
      { "clip-path": `url(#${own}clip)`, fill: "none", stroke: grey ? c.cartilageLine : c.boneShade });
    for (const [width, opacity] of [[130, 0.14], [75, 0.16], [32, 0.2]]) {
      element(shade, "use", { href: `#${own}`, "stroke-width": width, opacity, transform: "translate(22 14)" });
    }
    const detail = part[`${view}_detail`] && element(layer, "path", { fill: "none", stroke: edge, opacity: 0.55 });
    nodes.bones[name] = { path, detail };
    if (name === "patella") nodes.spots = spots(layer, defs, `${id}${name}`, `${own}clip`, view, c);
  }
  for (const { name, tissue } of softTubes(ANY, 1)) {
    const fill = `${id}${name}`;
    const muscle = tissue === "muscle";
    const line = muscle ? c.muscleLine : c.tendonLine;
    const stops = [[0, c.tendon], [0.12, c.muscle], [0.84, c.muscle], [1, c.tendon]];
    const flow = muscle && gradient(defs, fill, stops, free); // from tendon to flesh to tendon; others have one colour
    const layer = element(name === "tendon" ? top : soft, "g", { "data-soft": name });
    const body = element(layer, "path", { fill: flow ? `url(#${fill})` : c[tissue], stroke: line, "data-part": name });
    const lines = element(layer, "path", { fill: "none", stroke: line, opacity: 0.3 });
    const across = muscle ? [-0.6, -0.2, 0.25, 0.65] : [-0.3, 0.35];
    nodes.tubes[name] = { layer, body, lines, across, flow };
  }
  return nodes;
}

function spots(layer, defs, id, clip, view, c) {
  const group = element(layer, "g", { "clip-path": `url(#${clip})` });
  return [["outside", 1.25], ["inside", -1.15]].map(([name, x]) => {
    const fill = gradient(defs, `${id}${name}`, [[0, c.bone, 0.95], [0.55, c.bone, 0.8], [1, c.bone, 0]], { r: 0.5 });
    const node = element(group, "ellipse", { fill: `url(#${id}${name})`, "data-load": name });
    set(node, { stroke: c.leader, "stroke-dasharray": "22 16" });
    return { name, node, stops: [...fill.children], at: view === "front" ? [x, 0.1, 0] : [x, 0.1, -0.9] };
  });
}

/** A Drawing of the leg as SVG, in `host`. */
export function createSvg(host) {
  const id = `leg${serial += 1}-`;
  const svg = element(host, "svg", { role: "presentation", style: "display:block" });
  let [views, labels, shadows, last, dark, frame] = [{}, null, [], null, null, 0];
  let room = null;

  function build(scene) {
    dark = scene.dark;
    const c = palette(dark);
    svg.replaceChildren();
    const defs = element(svg, "defs");
    gradient(defs, `${id}stage`, [[0, c.stage[0]], [1, c.stage[1]]], { x1: 0, x2: 0, y1: 0, y2: 1 });
    gradient(defs, `${id}shadow`, [[0, c.shadow, c.shadowAlpha], [1, c.shadow, 0]], { r: 0.5 });
    element(svg, "rect", { width: "100%", height: "100%", fill: `url(#${id}stage)` });
    shadows = [0, 1].map(() => element(svg, "ellipse", { fill: `url(#${id}shadow)` }));
    views = { side: buildView(svg, defs, "side", `${id}s-`, c), front: buildView(svg, defs, "front", `${id}f-`, c) };
    labels = element(svg, "g", { "data-layer": "labels" });
  }

  // Asking for the size makes the browser lay out the page, which costs more than the drawing: it is asked once and on
  // resize. A hidden stage has no size; paper then gets the size it last had.
  function measure() {
    const { clientWidth, clientHeight } = host;
    room = { W: clientWidth || room?.W || 600, H: clientHeight || room?.H || 600, seen: clientWidth > 0 };
  }

  // Where the views stand: a scale (pixels per centimetre) and the pixel of the world's origin for each.
  function layout(scene) {
    const { W, H } = room;
    const m = scene.side === "right" ? -1 : 1;
    const zoom = scene.camera?.zoom || 1;
    const column = columnWidth(W);
    const at = (k, x, y) => ({ k: k * zoom, x: W / 2 + m * (x - W / 2) * zoom, y: H / 2 + (y - H / 2) * zoom });
    if (scene.view === "kneecap") {
      const [k, knee] = [Math.min(W / 30, H / 34) * zoom, scene.pose.frames.femur.t];
      return { W, H, m, front: { k, x: W / 2 - m * k * knee[0] * 0.5, y: H * 0.5 + k * (knee[1] - 0.5) } };
    }
    const high = scene.step ? 132 : 119;
    const tall = (H - 22) / high;
    const ahead = scene.step ? 9 : 0;
    if (scene.view === "side") return { W, H, m, side: at(Math.min(tall, (W - column) / 62), W / 2, H - 14) };
    const k = Math.min(tall, (W - 2 * column + 24) / 62);
    const base = H - 14 - Math.max(0, (H - 22 - high * k) / 2);
    return { W, H, m, front: at(k, column + (16 - ahead / 2) * k, base),
      side: at((W < 420 ? 0.7 : 0.84) * k, W - column - ((W < 420 ? 14 : 17) - ahead) * k, base) };
  }

  function drawView(nodes, view, scene, box, tubes, skin) {
    const { pose, neutral, highlight = [] } = scene;
    const px = 100 / box.k;
    set(nodes.group, { transform: `matrix(${box.k / 100} 0 0 ${-box.k / 100} ${box.x} ${box.y})`,
      "stroke-width": (1.1 * px).toFixed(1) });
    set(nodes.step, stepShape(scene, view, box.m));
    for (const [name, { path, detail }] of Object.entries(nodes.bones)) {
      setBone(path, name, outlines.parts[name][view], view, pose, box.m, true);
      if (detail) setBone(detail, name, outlines.parts[name][`${view}_detail`], view, pose, box.m, false);
    }
    const ghost = scene.ghost && differs(pose, neutral);
    set(nodes.ghost, { display: ghost ? "inline" : "none",
      "stroke-dasharray": `${(5 * px).toFixed(1)} ${(3.5 * px).toFixed(1)}` });
    for (const [name, path] of ghost ? Object.entries(nodes.ghosts) : []) {
      setBone(path, name, outlines.parts[name][view], view, neutral, box.m, true);
    }
    set(nodes.skinLine, { "stroke-width": (3.4 * px).toFixed(1) });
    skin.forEach((tube, i) => {
      const ring = sides(tube, view, box.m);
      const across = ringPaths(tube, view, box.m);
      const towards = across.split("M").length - 1 > 3; // so many rings make the outline of the foot by themselves
      set(nodes.skin[2 * i], { d: i && towards ? "M0 0" : tubePath(ring) });
      set(nodes.skin[2 * i + 1], { d: across || "M0 0" });
      if (i === 0) flowFrom(nodes.fade, ring, 0, Math.floor(tube.count * 0.13));
    });
    for (const tube of tubes) {
      const { layer, body, lines, across, flow } = nodes.tubes[tube.name];
      const ring = sides(tube, view, box.m);
      set(body, { d: tubePath(ring) });
      set(lines, { d: fibres(ring, across) });
      if (flow) flowFrom(flow, ring, 0, tube.count - 1);
      set(layer, { opacity: highlight.includes(tube.name) ? 1 : 0.76 });
    }
    for (const spot of nodes.spots) drawSpot(spot, view, scene, box.m);
  }

  function drawSpot({ name, node, stops, at }, view, { pose, faded }, m) {
    const p = place(pose, "patella", at);
    const level = pose.out[name] || 0;
    const [cx, cy] = [Math.round(100 * m * (view === "front" ? p[0] : -p[2])), Math.round(100 * p[1])];
    const ry = Math.round(75 + 105 * level);
    set(node, { cx, cy, ry, rx: Math.round(ry * (view === "front" ? 0.86 : 0.5)), "fill-opacity": faded ? 0.3 : 1, "stroke-opacity": faded ? 1 : 0 });
    for (const stop of stops) set(stop, { "stop-color": loadColor(level) });
  }

  // On stairs the foot stands on something, which fades while the foot is in the air.
  function stepShape({ pose, step }, view, m) {
    const [x, y, z] = pose.frames.foot.t;
    const top = pose.out.support_y || 0;
    const opacity = step && top > 0.5 ? Math.max(0, 1 - Math.abs(y - 8 - top) / 4).toFixed(2) : 0;
    const [from, to] = view === "front" ? [m * x - 13, m * x + 13] : [-m * (z - 9), -m * (z + 22)];
    return { opacity, d: `M${Math.round(100 * from)} 0V${Math.round(100 * top)}H${Math.round(100 * to)}V0Z` };
  }

  function flowFrom(node, rings, a, b) {
    set(node, { x1: Math.round(rings[4 * a]), y1: Math.round(rings[4 * a + 1]),
      x2: Math.round(rings[4 * b]), y2: Math.round(rings[4 * b + 1]) });
  }

  function drawNames(scene, box) {
    const items = [];
    for (const { id: name, text, anchor = name } of scene.labels ?? []) {
      const p = anchorPoint(scene.pose, anchor);
      const fromSide = box.side && (!box.front || FROM_SIDE.includes(anchor));
      const b = fromSide ? box.side : box.front;
      const column = fromSide === (box.m > 0) ? "right" : "left";
      if (p) items.push({ id: name, anchor, text, x: b.x + b.k * box.m * (fromSide ? -p[2] : p[0]), y: b.y - b.k * p[1],
        side: box.front && box.side ? column : undefined });
    }
    const size = scene.large ? 17 : box.W < 420 ? 12 : 13.5;
    const boxes = placeLabels(items, { width: box.W, height: box.H, size });
    drawLabels(labels, boxes, { size, colors: palette(scene.dark), highlight: scene.highlight });
  }

  function draw(scene) {
    last = scene;
    if (!room?.seen) measure();
    if (dark !== scene.dark) build(scene);
    const box = layout(scene);
    set(svg, { width: box.W, height: box.H, viewBox: `0 0 ${box.W} ${box.H}` });
    const [tubes, skin] = [softTubes(scene.pose, 4), skinTubes(scene.pose, 3)];
    ["front", "side"].forEach((view, i) => {
      const shown = Boolean(box[view]);
      set(views[view].group, { display: shown ? "inline" : "none" });
      set(shadows[i], { display: shown && scene.view !== "kneecap" ? "inline" : "none" });
      if (!shown) return;
      const { k, x, y } = box[view];
      const [fx, , fz] = scene.pose.frames.foot.t;
      const [wide, middle] = view === "front" ? [9, fx] : [17, -fz - 6];
      set(shadows[i], { cx: Math.round(x + middle * box.m * k), cy: y, rx: wide * k, ry: 2.2 * k });
      drawView(views[view], view, scene, { ...box[view], m: box.m }, tubes, skin);
    });
    drawNames(scene, box);
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
