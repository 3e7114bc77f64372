// Vertex buffers: baked bones, and tubes that are filled anew for each pose.

function attribute(gl, location, size, data, usage = gl.STATIC_DRAW) {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, data, usage);
  gl.enableVertexAttribArray(location);
  gl.vertexAttribPointer(location, size, gl.FLOAT, false, 0, 0);
  return buffer;
}

const FACES = [[0, 1, 2], [0, -1, 2], [1, 1, 0], [1, -1, 0], [2, 1, 1], [2, -1, 1]].map(([axis, sign, next]) => (
  [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => {
    const p = [0, 0, 0];
    [p[axis], p[next], p[3 - axis - next]] = [sign, a, b];
    return { p, n: [0, 1, 2].map((k) => (k === axis ? sign : 0)) };
  })));

/** A block from -1 to 1, as a baked part. */
export const BLOCK = {
  name: "block",
  positions: new Float32Array(FACES.flat().flatMap(({ p }) => p)),
  normals: new Float32Array(FACES.flat().flatMap(({ n }) => n)),
  occlusion: new Float32Array(24).fill(1),
  indices: new Uint16Array(FACES.flatMap((_, f) => [0, 1, 2, 0, 2, 3].map((i) => 4 * f + i))),
};

/** The buffers of one baked part. */
export function boneMesh(gl, part) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  attribute(gl, 0, 3, part.positions);
  attribute(gl, 1, 3, part.normals);
  attribute(gl, 2, 1, part.occlusion);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, part.indices, gl.STATIC_DRAW);
  const type = part.indices.BYTES_PER_ELEMENT === 4 ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT;
  return { name: part.name, frame: part.frame, array, count: part.indices.length, type };
}

// The stretches of a tube, each as [first index, count]: what is solid, and the ends that fade out.
function stretches({ count, solid }, from, around) {
  const whole = (i) => solid[Math.max(0, i - 1)] > 0.97 && solid[Math.min(count - 1, i)] > 0.97;
  let [first, last] = [0, count];
  while (!whole(first)) first += 1;
  while (!whole(last)) last -= 1;
  const part = (start, end) => [from + 6 * around * start, 6 * around * (end - start)];
  return { body: [part(first, last + 1)], ends: [part(0, first), part(last + 1, count + 1)] };
}

/** Buffers for a list of tubes, `around` points per ring. A tube always has the same rings, so its triangles stay. */
export function tubeMesh(gl, tubes, around) {
  const across = around + 1;
  const total = tubes.reduce((sum, tube) => sum + (tube.count + 2) * across, 0);
  const [data, coats, index, spans] = [new Float32Array(total * 6), new Float32Array(total * 4), [], {}];
  let first = 0;
  for (const tube of tubes) {
    const from = index.length;
    for (let i = 0; i < tube.count + 1; i += 1) {
      for (let j = 0; j < around; j += 1) {
        const a = first + i * across + j;
        index.push(a, a + 1, a + across, a + 1, a + across + 1, a + across);
      }
    }
    spans[tube.name] = { tissue: tube.tissue, ...stretches(tube, from, around) };
    first += (tube.count + 2) * across;
  }
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, data.byteLength, gl.DYNAMIC_DRAW);
  for (const k of [0, 1]) {
    gl.enableVertexAttribArray(k);
    gl.vertexAttribPointer(k, 3, gl.FLOAT, false, 24, 12 * k);
  }
  const coat = attribute(gl, 2, 4, coats, gl.DYNAMIC_DRAW);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint16Array(index), gl.STATIC_DRAW);
  const angles = Array.from({ length: across }, (_, j) => (2 * Math.PI * j) / around);
  const circle = angles.map((a) => [Math.cos(a), Math.sin(a)]);
  return { array, buffer, coat, data, coats, circle, spans, all: index.length };
}

/** Positions, normals and coats [tone, angle, along, solid] of the tubes of a new pose. */
export function fillTubes(gl, mesh, tubes) {
  const { data, coats, circle } = mesh;
  let at = 0;
  for (const { count, centre, u, v, tone, solid } of tubes) {
    for (let ring = -1; ring <= count; ring += 1) {
      const i = Math.min(count - 1, Math.max(0, ring));
      const cap = ring === i ? 1 : 0;
      const j = 3 * i;
      const uu = u[j] ** 2 + u[j + 1] ** 2 + u[j + 2] ** 2 || 1e-6;
      const vv = v[j] ** 2 + v[j + 1] ** 2 + v[j + 2] ** 2 || 1e-6;
      const away = ring < 0 ? 1 : -1;
      for (let a = 0; a < circle.length; a += 1) {
        const [c, s] = circle[a];
        let length = 0;
        for (let k = 0; k < 3; k += 1) {
          data[6 * at + k] = centre[j + k] + cap * (u[j + k] * c + v[j + k] * s);
          const [p, q] = [j + ((k + 1) % 3), j + ((k + 2) % 3)];
          const n = cap ? (u[j + k] * c) / uu + (v[j + k] * s) / vv : away * (u[p] * v[q] - u[q] * v[p]);
          data[6 * at + 3 + k] = n;
          length += n * n;
        }
        length = Math.sqrt(length) || 1;
        for (let k = 3; k < 6; k += 1) data[6 * at + k] /= length;
        coats[4 * at] = tone[i];
        coats[4 * at + 1] = (a / (circle.length - 1)) * 2;
        coats[4 * at + 2] = i / count;
        coats[4 * at + 3] = solid[i];
        at += 1;
      }
    }
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, mesh.buffer);
  gl.bufferSubData(gl.ARRAY_BUFFER, 0, data);
  gl.bindBuffer(gl.ARRAY_BUFFER, mesh.coat);
  gl.bufferSubData(gl.ARRAY_BUFFER, 0, coats);
}
