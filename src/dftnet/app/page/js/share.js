// The edit as a command and as Python, for the clipboard.

import { hasBase } from "./state.js";

const short = (value) => String(Math.round(value * 100) / 100);
const quoted = (text) => (/^[\w./+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

function edited(name, suffix) {
  return `${name.replace(/\.[^.]*$/, "") || "photo"}-edited${suffix}`;
}

/**
 * `dftnet edit …` for requests {number of a face: request}; `goals` has the units that each aims at. Expressions of several
 * faces are written out as units, since the options for them are one for all faces.
 */
export function asCommand(photo, requests, goals) {
  const numbers = Object.keys(requests);
  const several = numbers.length > 1;
  const au = [], rest = [];
  for (const number of numbers) {
    const request = requests[number];
    const units = several && hasBase(request) ? goals[number] : request.au;
    for (const [name, value] of Object.entries(units)) au.push(`${several ? `${number}:` : ""}${name}=${short(value)}`);
    if (several) continue;
    if (request.neutral) rest.push("--neutral");
    if (request.emotion !== null) rest.push(`--emotion ${request.emotion}`);
    if (request.like !== null) rest.push(`--like ${quoted(request.like.name)}`);
    if (hasBase(request) && request.strength !== 1) rest.push(`--strength ${short(request.strength)}`);
    if (photo.faces.length > 1) rest.push(`--face ${number}`);
  }
  const words = ["dftnet edit", quoted(photo.name)];
  if (au.length) words.push(`--au ${au.join(" ")}`);
  return [...words, ...rest, `-o ${quoted(edited(photo.name, photo.suffix))}`].join(" ");
}

const literal = (value) => (typeof value === "string" ? JSON.stringify(value) : value === true ? "True" : short(value));
const mapping = (units) => `{${Object.entries(units).map(([name, value]) => `"${name}": ${short(value)}`).join(", ")}}`;

/** The same as a script. */
export function asPython(photo, requests) {
  const lines = ["import dftnet", "", "editor = dftnet.Editor.from_pretrained()"];
  lines.push(`image = dftnet.read_image(${JSON.stringify(photo.name)})`, "faces = editor.faces(image)", "picture = image");
  for (const [number, { au, neutral, emotion, like, strength }] of Object.entries(requests)) {
    const parts = [];
    if (Object.keys(au).length) parts.push(`set=${mapping(au)}`);
    if (neutral) parts.push("neutral=True");
    if (emotion !== null) parts.push(`emotion=${literal(emotion)}`);
    if (like !== null) {
      lines.push(`other = editor.read(dftnet.read_image(${JSON.stringify(like.name)}))`);
      parts.push("like=other.aus");
    }
    if ((neutral || emotion !== null || like !== null) && strength !== 1) parts.push(`strength=${short(strength)}`);
    lines.push(`picture = editor.render(faces[${number}], dftnet.Request(${parts.join(", ")}), onto=picture)`);
  }
  lines.push(`dftnet.write_image(${JSON.stringify(edited(photo.name, photo.suffix))}, picture)`);
  return lines.join("\n") + "\n";
}
