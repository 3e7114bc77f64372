// The programs that run on the graphics chip.

const LIGHT = `
vec3 lit(vec3 base, vec3 n, vec3 toEye, float open, float gloss) {
  vec3 key = normalize(vec3(-0.5 * mirror, 0.62, 0.72));
  vec3 b = pow(base, vec3(2.2));
  float wrap = clamp((dot(n, key) + 0.32) / 1.32, 0.0, 1.0);
  float fill = clamp(dot(n, normalize(vec3(0.8 * mirror, 0.1, 0.5))), 0.0, 1.0);
  vec3 sky = mix(vec3(0.34, 0.29, 0.27), vec3(0.44, 0.46, 0.50), n.y * 0.5 + 0.5);
  float shine = pow(max(dot(n, normalize(key + toEye)), 0.0), 38.0) * gloss;
  float front = clamp(dot(n, toEye), 0.0, 1.0);
  vec3 hollow = mix(vec3(0.42, 0.28, 0.19), vec3(1.0), open);
  vec3 sum = sky * (0.3 + 0.7 * open) * 0.98 + vec3(1.0, 0.97, 0.92) * 0.64 * wrap + vec3(0.10, 0.12, 0.15) * fill;
  vec3 c = b * hollow * sum;
  c *= mix(0.62, 1.0, smoothstep(0.0, 0.45, front));
  c += (shine + pow(1.0 - front, 5.0) * 0.06) * open * vec3(0.95, 0.97, 1.0);
  return pow(c, vec3(1.0 / 2.2));
}`;

/** Bones, placed by the pose and reshaped by twist and arch exactly as `deform` in soft.js does it. */
export const BONE_VERTEX = `#version 300 es
layout(location=0) in vec3 position; layout(location=1) in vec3 normal; layout(location=2) in float occlusion;
uniform mat4 camera; uniform mat3 turn; uniform vec3 origin; uniform int frame; uniform float twist, arch;
out vec3 world, facing, local; out float open;
void about(inout vec3 p, inout vec3 n, vec2 axis, float a) {
  mat2 m = mat2(cos(a), -sin(a), sin(a), cos(a));
  p.xz = axis + m * (p.xz - axis); n.xz = m * n.xz;
}
void main() {
  vec3 p = position, n = normal; local = position; open = occlusion;
  if (frame == 1) about(p, n, vec2(4.2, -1.1), twist * smoothstep(24.0, 36.0, p.y));
  if (frame == 2) about(p, n, vec2(0.0), twist * smoothstep(-12.0, -32.0, p.y));
  if (frame == 3) {
    float lift = clamp((p.y + 8.0) / 8.0, 0.0, 1.0);
    vec2 d = p.xz - vec2(-2.6, 4.3);
    float bump = exp(-d.x * d.x / 9.0 - d.y * d.y / 26.0) * min(1.0, lift * 2.5);
    p.x -= 0.5 * arch * lift * (1.0 - smoothstep(1.0, 8.0, p.z));
    p.y = max(min(p.y, -8.0), p.y - 1.1 * arch * bump);
    if (p.z > 5.0) about(p, n, vec2(0.0, 5.0), 0.1047 * arch);
  }
  world = turn * p + origin; facing = turn * n;
  gl_Position = camera * vec4(world, 1.0);
}`;

/** Bone, cartilage with load spots, or the ghost. `fade` lets a bone end softly: [axis, where gone, where whole]. */
export const BONE_FRAGMENT = `#version 300 es
precision highp float; precision highp int;
in vec3 world, facing, local; in float open; out vec4 color;
uniform vec3 eye, base, rim, fade; uniform mat3 look; uniform float mirror, alpha, gloss, faded, clear;
uniform int ghost; uniform vec4 spot[2]; uniform vec3 spotColor[2];
${LIGHT}
void main() {
  float part = clamp(((fade.x > 0.5 ? local.y : local.x) - fade.y) / (fade.z - fade.y), 0.0, 1.0);
  vec3 toEye = normalize(look * (eye - world)), n = normalize(look * facing);
  float edge = 1.0 - abs(dot(n, toEye));
  if (ghost == 1) {
    float outline = smoothstep(0.5, 0.92, edge);
    color = vec4(mix(base, rim, outline), part * alpha * (0.34 + 0.3 * edge + 0.36 * outline));
    return;
  }
  vec3 b = base;
  for (int i = 0; i < 2; i++) if (spot[i].w > 0.0) {
    float d = length((local - spot[i].xyz) * vec3(1.15, 0.8, clear > 0.0 ? 0.1 : 0.55)) / spot[i].w;
    float cover = 1.0 - smoothstep(0.3, 1.0, d);
    float ring = exp(-25.0 * (d - 0.8) * (d - 0.8)) * (0.1 + 0.26 * spotColor[i].r);
    if (faded > 0.5) {
      float hatch = 0.2 + 0.5 * smoothstep(0.35, 0.5, abs(fract((local.x - local.y) * 1.8) - 0.5) * 2.0);
      cover *= hatch;
      ring *= hatch;
    }
    // Through bone a spot is only a glow without a rim.
    if (clear > 0.0) b = mix(b, spotColor[i], cover * 0.62);
    else b = mix(mix(b, spotColor[i], cover * 0.96), spotColor[i] * vec3(0.3, 0.55, 0.62), ring);
  }
  b *= 1.0 - clear * 0.3 * smoothstep(0.55, 1.0, edge);
  // The tip of the kneecap touches nothing, so it stays plain bone.
  float tip = clear > 0.0 ? 1.0 - smoothstep(-1.5, -0.5, local.y) : 0.0;
  float seen = mix(alpha, 1.0, max(tip, clear * edge * edge));
  color = vec4(lit(b, n, toEye, mix(0.25, 1.0, open), gloss), part * seen);
}`;

/** Muscles, bands and skin, already in world coordinates. Skin comes forward in depth by `lead`, so that it lies over
 * a tendon that comes too close to it. */
export const SOFT_VERTEX = `#version 300 es
layout(location=0) in vec3 position; layout(location=1) in vec3 normal; layout(location=2) in vec4 coat;
uniform mat4 camera; uniform vec3 eye; uniform float lead; out vec3 world, facing; out vec4 skinned;
void main() {
  world = position; facing = normal; skinned = coat;
  gl_Position = camera * vec4(position, 1.0);
  vec4 nearer = camera * vec4(position + normalize(eye - position) * lead, 1.0);
  gl_Position.z = nearer.z / nearer.w * gl_Position.w;
}`;

/** Flesh with strands, tendon, or translucent skin. */
export const SOFT_FRAGMENT = `#version 300 es
precision highp float; precision highp int;
in vec3 world, facing; in vec4 skinned; out vec4 color;
uniform vec3 eye, flesh, pale, strand; uniform mat3 look; uniform int skin;
uniform float mirror, alpha, veil;
${LIGHT}
void main() {
  vec3 toEye = normalize(look * (eye - world)), n = normalize(look * facing);
  if (dot(n, toEye) < 0.0) {
    if (skinned.w < 0.97) { color = vec4(0.0); return; }
    n = -n;
  }
  float edge = 1.0 - clamp(dot(n, toEye), 0.0, 1.0);
  if (skin == 1) {
    float a = (0.13 * veil + 0.6 * pow(edge, 1.9)) * skinned.x * alpha;
    vec3 c = lit(mix(flesh, strand, pow(edge, 3.0) * 0.55), n, toEye, 1.0, 0.12);
    color = vec4(mix(strand, c, mix(1.0, veil, edge)), a);
    return;
  }
  float line = sin(skinned.y * 34.0 + sin(skinned.z * 5.0) * 1.3) * 0.5 + sin(skinned.y * 71.0 + skinned.z * 3.0) * 0.3;
  float tendon = smoothstep(0.1, 0.9, skinned.x);
  vec3 b = mix(mix(flesh, strand, 0.18 + 0.18 * line), pale * (0.97 + 0.025 * line), tendon);
  float a = mix(alpha, max(alpha, 0.95), tendon);
  a = smoothstep(0.0, 1.0, skinned.w) * (a + (1.0 - a) * edge * edge);
  color = vec4(lit(b, n, toEye, 1.0 - 0.28 * edge, 0.1), a);
}`;

// Stage and floor. The shadow is the sum of soft discs under a few points of the leg: cheap, and soft by nature.
/** Stage background and floor. */
export const FLAT_VERTEX = `#version 300 es
uniform mat4 camera; uniform int floorPlane; out vec2 at;
void main() {
  vec2 q = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
  at = floorPlane == 1 ? q * 62.0 : q;
  gl_Position = floorPlane == 1 ? camera * vec4(at.x, -0.02, at.y, 1.0) : vec4(q, 0.999, 1.0);
}`;

/** Their colours. */
export const FLAT_FRAGMENT = `#version 300 es
precision highp float; precision highp int;
in vec2 at; out vec4 color;
uniform int floorPlane; uniform vec3 top, low, ground, dusk; uniform float depth; uniform vec4 under[8];
void main() {
  if (floorPlane == 0) { color = vec4(mix(low, top, smoothstep(-1.0, 0.9, at.y)), 1.0); return; }
  float fade = 1.0 - smoothstep(14.0, 60.0, length(at));
  float dark = 0.0;
  for (int i = 0; i < 8; i++) {
    vec2 d = (at - under[i].xy) / under[i].z;
    dark = max(dark, under[i].w * exp(-dot(d, d)));
  }
  float a = fade * 0.55;
  color = vec4(mix(ground, dusk, dark * depth * 1.6), max(a, dark * depth));
}`;
