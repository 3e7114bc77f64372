// Pictures to take away. Each carries the sentence and the line that it is no measurement.

const SVG = "http://www.w3.org/2000/svg";
const PAPER = { light: "#fcfcfa", dark: "#12191b" };
const INK = { light: "#15191a", dark: "#eef3f2" };
const SCALE = 2;
const PLAN_SCALE = 1.5; // sharp enough on a screen, and small enough to be sent

/** Save what `stage` shows as "png" or "svg", with `lines` of text under it. */
export async function saveLeg(kind, stage, lines, dark) {
  const drawing = () => svgFile(stage.svgText(), lines, dark);
  const picture = kind === "png" && stage.kind() === "gl" ? await stage.pngBlob(SCALE) : null;
  download(kind === "svg" ? drawing() : await pngFile(picture || drawing(), lines, dark), `kneewise-leg.${kind}`);
}

/** What `stage` shows, for the plan: {svg: the drawing, png: as on screen} as text, light as paper, with `labels`. */
export async function pictureOf(stage, labels) {
  const change = { dark: false, large: true, labels };
  const drawing = svgFile(stage.svgText(change), [], false);
  const solid = stage.kind() === "gl" ? await stage.pngBlob(PLAN_SCALE, change) : null;
  return { svg: await drawing.text(), png: await asText(await pngFile(solid || drawing, [], false, PLAN_SCALE)) };
}

function asText(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(blob);
  });
}

// Offers `blob` to the person as a file.
function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// The drawing as an SVG file with `lines` of text under it.
function svgFile(text, lines, dark) {
  const inner = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  const box = (inner.getAttribute("viewBox") || "0 0 600 620").split(/[\s,]+/).map(Number);
  const width = 800;
  const height = (width * box[3]) / box[2];
  const rows = wrapped(lines, 78);
  const total = height + 24 + rows.length * 24;
  const svg = document.createElementNS(SVG, "svg");
  set(svg, { viewBox: `0 0 ${width} ${total}`, width, height: total });
  const theme = dark ? "dark" : "light";
  svg.append(set(document.createElementNS(SVG, "rect"), { width, height: total, fill: PAPER[theme] }));
  set(inner, { x: 0, y: 0, width, height });
  svg.append(document.importNode(inner, true));
  rows.forEach((row, index) => {
    const line = set(document.createElementNS(SVG, "text"), {
      x: 24,
      y: height + 30 + index * 24,
      "font-family": "sans-serif",
      "font-size": 17,
      fill: INK[theme],
    });
    line.textContent = row;
    svg.append(line);
  });
  return new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
}

// What the stage shows as a PNG file with `lines` of text under it; `picture` is a PNG or an SVG blob.
async function pngFile(picture, lines, dark, sharpness = SCALE) {
  const image = await load(picture);
  const isDrawing = picture.type === "image/svg+xml"; // which brings its text along
  const scale = isDrawing ? sharpness : 1;
  const width = image.width * scale;
  const size = Math.max(Math.round(width / 44), 14);
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  const rows = isDrawing ? [] : wrapped(lines, 78);
  canvas.width = width;
  canvas.height = image.height * scale + (rows.length ? size * (rows.length * 1.5 + 1.2) : 0);
  pen.fillStyle = PAPER[dark ? "dark" : "light"];
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, width, image.height * scale);
  pen.fillStyle = INK[dark ? "dark" : "light"];
  pen.font = `${size}px sans-serif`;
  const top = image.height * scale + size * 1.6;
  rows.forEach((row, index) => pen.fillText(row, size, top + index * size * 1.5, width - 2 * size));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function load(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  await image.decode();
  URL.revokeObjectURL(image.src);
  return image;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

function wrapped(lines, most) {
  const rows = [];
  for (const line of lines.filter(Boolean)) {
    let row = "";
    for (const word of line.split(/\s+/)) {
      if (row && row.length + word.length >= most) {
        rows.push(row);
        row = "";
      }
      row += (row ? " " : "") + word;
    }
    rows.push(row);
  }
  return rows;
}
