// The leg in three dimensions: a small WebGL2 renderer for exactly this scene. Bones are baked meshes, placed by the
// pose and reshaped in the vertex shader; muscles, bands and skin are lofted for each pose. It draws only when asked.
import { hasRealGpu } from "./gpu.js";
import { placeLabels } from "./labels.js";
import { lens } from "./lens.js";
import { element, drawLabels, paintLabels } from "./marks.js";
import { BLOCK, boneMesh, fillTubes, tubeMesh } from "./meshes.js";
import { loadColor, palette, rgb } from "./palette.js";
import { BONE_FRAGMENT, BONE_VERTEX, FLAT_FRAGMENT, FLAT_VERTEX, SOFT_FRAGMENT, SOFT_VERTEX } from "./shaders.js";
import { allTubes, anchorPoint, differs, place, skinTubes } from "./soft.js";

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(`webgl2 ${gl.getProgramInfoLog(made) ?? ""}`);
  const at = {};
  for (let i = 0; i < gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS); i += 1) {
    const { name } = gl.getActiveUniform(made, i);
    at[name.replace("[0]", "")] = gl.getUniformLocation(made, name);
  }
  return { made, at };
}

// Where a bone ends softly: [axis (0 across, 1 up), where it is gone, where it is whole].
const FADES = { pelvis: [0, -8.6, -5.2], trunk: [1, 9.5, 0] };
const WHOLE = [0, -100, -99];
const REST_MS = 150;

// What throws the soft shadow: [frame, point, radius, weight].
const SHADOWS = [
  ["foot", [0, -8, -3], 3.6, 1], ["foot", [0.2, -8, 3], 3.6, 0.9], ["foot", [0, -8, 9], 4.4, 0.9],
  ["foot", [-0.4, -8, 14.5], 4.6, 0.85], ["tibia", [0, -18, 0], 7, 0.5], ["femur", [0, 0, 0], 9, 0.4],
  ["femur", [3, 22, 0], 10, 0.36], ["pelvis", [-3, 4, 0], 15, 0.32]];

/** A Drawing of the leg in WebGL2, in `host`; throws Error("webgl2") where there is none. */
export function createGl(host, { shapes, onLost } = {}) {
  // Drawing on the processor is bound by edges and triangles: smoothing of edges would halve its speed.
  const software = !hasRealGpu();
  const canvas = document.createElement("canvas");
  canvas.style.cssText = "position:absolute;inset:0;width:100%;height:100%;display:block";
  const gl = canvas.getContext("webgl2", { antialias: !software, alpha: false, powerPreference: "low-power" });
  if (!gl) throw new Error("webgl2");
  if (getComputedStyle(host).position === "static") host.style.position = "relative";
  host.append(canvas);
  const over = element(host, "svg", { style: "position:absolute;inset:0;pointer-events:none", role: "presentation" });
  const labels = element(over, "g");
  const boneProgram = program(gl, BONE_VERTEX, BONE_FRAGMENT);
  const softProgram = program(gl, SOFT_VERTEX, SOFT_FRAGMENT);
  const flatProgram = program(gl, FLAT_VERTEX, FLAT_FRAGMENT);
  const block = boneMesh(gl, BLOCK);
  const bones = shapes.parts.map((part) => boneMesh(gl, part));
  let [flesh, skin, last, boxes, frame, font, room, rest] = [null, null, null, [], 0, 13, null, 0];

  function bone(mesh, { R, t }, pose, at, colors) {
    gl.uniformMatrix3fv(at.turn, true, R);
    gl.uniform3fv(at.origin, t);
    gl.uniform1i(at.frame, { femur: 1, tibia: 2, foot: 3 }[mesh.frame] ?? 0);
    gl.uniform1f(at.twist, pose.twist[mesh.frame] ?? 0);
    gl.uniform1f(at.arch, pose.arch);
    gl.uniform3fv(at.fade, FADES[mesh.frame] ?? WHOLE);
    gl.uniform3fv(at.base, colors);
    gl.bindVertexArray(mesh.array);
    gl.drawElements(gl.TRIANGLES, mesh.count, mesh.type, 0);
  }

  // Draw twice, first depth only: what lies behind the nearest surface of a translucent thing must not show through it.
  function layered(paint) {
    gl.enable(gl.BLEND);
    gl.colorMask(false, false, false, false);
    paint();
    gl.colorMask(true, true, true, true);
    paint();
    gl.disable(gl.BLEND);
  }

  function use({ made, at }, view) {
    gl.useProgram(made);
    gl.uniformMatrix4fv(at.camera, false, view.matrix);
    if (at.look) gl.uniformMatrix3fv(at.look, false, view.look);
    if (at.eye) gl.uniform3fv(at.eye, view.eye);
    if (at.mirror) gl.uniform1f(at.mirror, view.m);
    return at;
  }

  function stage(view, { pose, view: name }, c) {
    const at = use(flatProgram, view);
    gl.uniform3fv(at.top, rgb(c.stage[0]));
    gl.uniform3fv(at.low, rgb(c.stage[1]));
    gl.uniform3fv(at.ground, rgb(c.floor));
    gl.uniform3fv(at.dusk, rgb(c.shadow));
    gl.uniform1f(at.depth, c.shadowAlpha);
    gl.uniform4fv(at.under, SHADOWS.flatMap(([frame, point, radius, weight]) => {
      const [x, y, z] = place(pose, frame, point);
      // The higher a part hangs above the floor, the fainter its shadow; feet may leave it.
      return [x, z, radius, frame === "foot" ? weight * Math.max(0.25, 1 - Math.max(0, y) / 18) : weight];
    }));
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.CULL_FACE);
    gl.bindVertexArray(null);
    gl.uniform1i(at.floorPlane, 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.enable(gl.BLEND);
    gl.uniform1i(at.floorPlane, 1);
    if (name !== "kneecap") gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.disable(gl.BLEND);
    gl.enable(gl.DEPTH_TEST);
  }

  // Where the kneecap presses, in the frame of kneecap or thigh bone: [x, y, z, radius] of outer and inner side. The
  // more load, the larger the spot.
  function spotsOn(name, pose) {
    const { femur } = pose.frames;
    return ["outside", "inside"].flatMap((which, i) => {
      const radius = 0.6 + 1.3 * (pose.out[which] || 0) ** 0.8;
      const x = i ? -1.2 : 1.25;
      if (name === "patella") return [x, 0.2, -0.5, radius];
      if (name !== "femur") return [0, 0, 0, 0];
      const q = place(pose, "patella", [x * 1.6, 0.1, -1.3]).map((v, k) => v - femur.t[k]);
      const back = [0, 1, 2].map((k) => femur.R[k] * q[0] + femur.R[3 + k] * q[1] + femur.R[6 + k] * q[2]);
      return [...back, radius * 1.05];
    });
  }

  // On stairs the foot stands on something, which fades while the foot is in the air.
  function step({ pose, step: shown }, at, c) {
    const [x, y, z] = pose.frames.foot.t;
    const top = pose.out.support_y || 0;
    const alpha = Math.max(0, 1 - Math.abs(y - 8 - top) / 4);
    if (!shown || top < 0.5 || alpha === 0) return;
    gl.uniform1f(at.alpha, alpha);
    gl.uniform1f(at.gloss, 0);
    gl.uniform4fv(at.spot, new Float32Array(8));
    const size = { R: [13, 0, 0, 0, top / 2, 0, 0, 0, 15.5], t: [x, top / 2, z + 6.5] };
    layered(() => bone(block, size, pose, at, rgb(c.floor)));
  }

  function skeleton(view, scene, c) {
    const { pose, neutral, ghost, faded, highlight = [], dark } = scene;
    const at = use(boneProgram, view);
    const [none, pale, cold] = [new Float32Array(8), rgb(c.bone), rgb(c.cartilage)];
    gl.uniform1f(at.clear, 0);
    if (ghost && differs(pose, neutral)) {
      gl.uniform1i(at.ghost, 1);
      gl.uniform1f(at.alpha, c.ghostAlpha);
      gl.uniform3fv(at.rim, rgb(c.ghost).map((x) => (dark ? 0.45 + 0.55 * x : x)));
      const color = rgb(dark ? c.ghost : c.ghostFill);
      const seen = bones.filter(({ frame: where }) => where !== "trunk");
      layered(() => seen.forEach((mesh) => bone(mesh, neutral.frames[mesh.frame], neutral, at, color)));
      gl.clear(gl.DEPTH_BUFFER_BIT);
    }
    gl.uniform1i(at.ghost, 0);
    gl.uniform1f(at.faded, faded ? 1 : 0);
    gl.uniform3fv(at.spotColor, [...rgb(loadColor(pose.out.outside)), ...rgb(loadColor(pose.out.inside))]);
    step(scene, at, c);
    // Translucent bones come last: the kneecap is seen through, because what it presses on lies behind it.
    const glassy = { trunk: 0.45, pelvis: 1, patella: 0.58 };
    for (const mesh of [...bones].sort((a, b) => (a.name in glassy) - (b.name in glassy))) {
      const grey = /cartilage|menisc/.test(mesh.name);
      gl.uniform1f(at.alpha, glassy[mesh.name] ?? 1);
      gl.uniform1f(at.clear, mesh.name === "patella" ? 0.9 : 0);
      gl.uniform1f(at.gloss, grey ? 0.28 : 0.1);
      gl.uniform4fv(at.spot, grey || mesh.frame === "patella" ? spotsOn(mesh.frame, pose) : none);
      const bright = highlight.includes(mesh.name) ? 1.06 : 1;
      // The coat of the kneecap is seen through bone: in full blue it would make the bone look like glass.
      const blue = mesh.name === "patella_cartilage" ? 0.5 : grey ? 1 : 0;
      const color = pale.map((x, i) => Math.min(1, (x + (cold[i] - x) * blue) * bright));
      const paint = () => bone(mesh, pose.frames[mesh.frame], pose, at, color);
      if (mesh.name in glassy) layered(paint);
      else paint();
      }
  }

  function softParts(view, { pose, highlight = [], dark }, c) {
    const [tubes, skins] = [allTubes(pose, 6), skinTubes(pose, 8)];
    flesh ??= tubeMesh(gl, tubes, 16);
    skin ??= tubeMesh(gl, skins, 36);
    fillTubes(gl, flesh, tubes);
    fillTubes(gl, skin, skins);
    const at = use(softProgram, view);
    gl.uniform1i(at.skin, 0);
    gl.uniform1f(at.lead, 0);
    gl.bindVertexArray(flesh.array);
    const coats = {
      muscle: [c.muscle, c.tendon, c.muscleShade, dark ? 0.9 : 0.8],
      tendon: [c.tendon, c.tendon, c.tendonShade, 0.96],
      band: [c.band, c.band, c.tendonShade, 0.88],
      fat: [c.band, c.band, c.tendonShade, 0.96],
    };
    const paint = (part) => {
      for (const [name, span] of Object.entries(flesh.spans)) {
        const [base, pale, strand, alpha] = coats[span.tissue];
        gl.uniform3fv(at.flesh, rgb(base));
        gl.uniform3fv(at.pale, rgb(pale));
        gl.uniform3fv(at.strand, rgb(strand));
        gl.uniform1f(at.alpha, highlight.includes(name) ? 1 : alpha);
        for (const [from, count] of span[part]) gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_SHORT, from * 2);
      }
    };
    layered(() => paint("body"));
    // What fades out hides nothing and lies over all that is solid, so it comes in a turn of its own.
    gl.enable(gl.BLEND);
    gl.depthMask(false);
    paint("ends");
    gl.depthMask(true);
    gl.uniform1i(at.skin, 1);
    gl.uniform1f(at.lead, 2);
    gl.uniform1f(at.veil, dark ? 0.4 : 1);
    gl.uniform1f(at.alpha, 1);
    gl.uniform3fv(at.flesh, rgb(c.skin));
    gl.uniform3fv(at.strand, rgb(c.skinLine));
    gl.bindVertexArray(skin.array);
    layered(() => gl.drawElements(gl.TRIANGLES, skin.all, gl.UNSIGNED_SHORT, 0));
  }

  // Asking for the size makes the browser lay out the page: it is asked once and on resize.
  function measure() {
    const { clientWidth, clientHeight } = host;
    room = { W: clientWidth || room?.W || 600, H: clientHeight || room?.H || 600, seen: clientWidth > 0 };
  }

  function render(scene, scale) {
    const { W, H } = room;
    const [w, h] = [Math.round(W * scale), Math.round(H * scale)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const c = palette(scene.dark);
    const view = lens(scene, W, H);
    gl.viewport(0, 0, w, h);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthFunc(gl.LEQUAL);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    stage(view, scene, c);
    skeleton(view, scene, c);
    softParts(view, scene, c);
    return { W, H, view, c };
  }

  // Pixels per CSS pixel: sharp on dense screens, but never more than `most` in all.
  const density = (times, most) => Math.min(times * window.devicePixelRatio, Math.sqrt(most / (room.W * room.H)));
  const moving = () => Math.min(software ? 1 : 2, density(1, 5e6));

  // While something moves it must be quick. Once the leg is at rest it is drawn once more, finer: that smooths edges.
  function refine() {
    if (gl.isContextLost() || !last || !room.seen) return;
    render(last, Math.max(moving(), density(2, software ? 2.4e6 : 8e6)));
    host.dataset.fine = "true";
  }

  function draw(scene) {
    last = scene;
    clearTimeout(rest);
    if (gl.isContextLost()) return;
    if (!room?.seen) measure();
    const { W, H, view, c } = render(scene, moving());
    host.dataset.fine = "false";
    rest = setTimeout(refine, REST_MS);
    font = scene.large ? 17 : W < 420 ? 12 : 13.5;
    const items = [];
    for (const { id, text, anchor = id } of scene.labels ?? []) {
      const point = anchorPoint(scene.pose, anchor);
      if (!point) continue;
      const [x, y] = view.project(point);
      items.push({ id, anchor, text, x, y });
    }
    boxes = placeLabels(items, { width: W, height: H, size: font });
    over.setAttribute("width", W);
    over.setAttribute("height", H);
    over.setAttribute("viewBox", `0 0 ${W} ${H}`);
    drawLabels(labels, boxes, { size: font, colors: c, highlight: scene.highlight });
    host.dataset.renderer = "webgl2";
    host.dataset.frame = String(frame += 1);
  }

  const lost = (event) => {
    event.preventDefault();
    onLost?.();
  };
  canvas.addEventListener("webglcontextlost", lost);

  return {
    kind: "gl",
    draw,
    resize() {
      measure();
      if (last) draw(last);
    },
    destroy() {
      clearTimeout(rest);
      canvas.removeEventListener("webglcontextlost", lost);
      gl.getExtension("WEBGL_lose_context")?.loseContext();
      canvas.remove();
      over.remove();
    },
    pngBlob(scale = 2) {
      const { W, H, c } = render(last, scale);
      const page = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
      const pen = page.getContext("2d");
      pen.drawImage(canvas, 0, 0);
      pen.scale(canvas.width / W, canvas.height / H);
      paintLabels(pen, boxes, { size: font, colors: c, highlight: last.highlight });
      draw(last);
      return new Promise((resolve) => { page.toBlob(resolve, "image/png"); });
    },
  };
}
