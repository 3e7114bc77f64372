// Reads the baked shapes. kneewise/leg/shapes/coding.py writes them and explains the format.

const MAGIC = "KWL1";
const [NEW, LEFT, RIGHT, OTHER, HOLE, FRESH] = [0, 1, 2, 3, 4, 5];
const SHADE_LEVELS = 63;

/** Turns the unpacked bytes of a shapes file into meshes with smooth normals. */
export function decodeShapes(buffer) {
  const bytes = new Uint8Array(buffer);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== MAGIC) throw new Error("not a file of leg shapes");
  const size = new DataView(buffer).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  let at = 8 + size;
  const blocks = header.blocks.map((length) => bytes.subarray(at, (at += length)));
  const streams = {
    walk: blocks[0],
    low: blocks.slice(1, 4),
    high: blocks.slice(4, 7),
    shade: blocks[7],
    other: blocks[8],
    read: { walk: 0, corner: 0, other: 0 },
  };
  return { parts: header.parts.map((part) => readPart(part, streams)) };
}

function readPart(part, streams) {
  const { walk, low, high, shade, other, read } = streams;
  const count = part.vertices;
  const grid = new Int32Array(count * 3);
  const light = new Uint8Array(count);
  const indices = count < 65536 ? new Uint16Array(part.triangles * 3) : new Uint32Array(part.triangles * 3);
  const gates = []; // edges whose other side is still to come: start, end, the corner behind
  const closed = new Set();
  const after = new Map();
  const before = new Map();
  let corners = 0;
  let filled = 0;

  // A new corner: the guess grid[a] + grid[b] - grid[c] (corner 0 of an empty grid is the origin) and the stored rest.
  const corner = (a, b, c, guessedShade) => {
    for (let axis = 0; axis < 3; axis += 1) {
      const folded = low[axis][read.corner] | (high[axis][read.corner] << 8);
      const guess = grid[a * 3 + axis] + grid[b * 3 + axis] - grid[c * 3 + axis];
      grid[corners * 3 + axis] = guess + (folded & 1 ? -((folded + 1) >> 1) : folded >> 1);
    }
    light[corners] = (guessedShade + shade[read.corner]) & 63;
    read.corner += 1;
    corners += 1;
    return corners - 1;
  };
  const close = (start, end, behind) => {
    closed.add(start * count + end);
    if (closed.has(end * count + start)) return;
    gates.push(end, start, behind);
    after.set(end, start);
    before.set(start, end);
  };
  const add = (a, b, c) => {
    for (const each of [a, b, c]) indices[filled++] = each;
    close(a, b, c);
    close(b, c, a);
    close(c, a, b);
  };
  const last = () => Math.max(0, corners - 1);
  const follow = (guessedShade) => corner(last(), last(), last(), guessedShade);

  while (gates.length || filled < indices.length) {
    if (!gates.length) {
      if (walk[read.walk++] !== FRESH) throw new Error("the shapes are broken");
      after.clear();
      before.clear();
      add(follow(SHADE_LEVELS), follow(light[corners - 1]), follow(light[corners - 1]));
      continue;
    }
    const behind = gates.pop();
    const b = gates.pop();
    const a = gates.pop();
    if (closed.has(a * count + b)) continue;
    const word = walk[read.walk++];
    if (word === NEW) {
      add(a, b, corner(a, b, behind, (light[a] + light[b]) >> 1));
    } else if (word === LEFT) add(a, b, before.get(a));
    else if (word === RIGHT) add(a, b, after.get(b));
    else if (word === OTHER) add(a, b, other[read.other++] | (other[read.other++] << 8));
    else if (word === HOLE) closed.add(a * count + b);
    else throw new Error("the shapes are broken");
  }

  const positions = Float32Array.from(grid, (value, place) => part.low[place % 3] + value * part.step);
  const occlusion = Float32Array.from(light, (value) => value / SHADE_LEVELS);
  const normals = smoothNormals(positions, indices);
  return { name: part.name, frame: part.frame, positions, normals, occlusion, indices };
}

/** Normals of corners; a face counts more where it spans a wide angle, so uneven triangles do not show. */
function smoothNormals(positions, indices) {
  const normals = new Float32Array(positions.length);
  for (let face = 0; face < indices.length; face += 3) {
    for (let turn = 0; turn < 3; turn += 1) {
      const a = indices[face + turn] * 3;
      const b = indices[face + ((turn + 1) % 3)] * 3;
      const c = indices[face + ((turn + 2) % 3)] * 3;
      const ux = positions[b] - positions[a];
      const uy = positions[b + 1] - positions[a + 1];
      const uz = positions[b + 2] - positions[a + 2];
      const vx = positions[c] - positions[a];
      const vy = positions[c + 1] - positions[a + 1];
      const vz = positions[c + 2] - positions[a + 2];
      const weight = 1 / ((ux * ux + uy * uy + uz * uz) * (vx * vx + vy * vy + vz * vz) + 1e-12);
      normals[a] += (uy * vz - uz * vy) * weight;
      normals[a + 1] += (uz * vx - ux * vz) * weight;
      normals[a + 2] += (ux * vy - uy * vx) * weight;
    }
  }
  for (let at = 0; at < normals.length; at += 3) {
    const length = Math.hypot(normals[at], normals[at + 1], normals[at + 2]) || 1;
    for (let axis = 0; axis < 3; axis += 1) normals[at + axis] /= length;
  }
  return normals;
}
