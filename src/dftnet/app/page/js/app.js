// The page: joins the engine, the edits, the stage and the sliders.

import { takePhoto } from "./camera.js";
import { Follower } from "./follow.js";
import { Inside } from "./inside.js";
import { Server } from "./server.js";
import { asCommand, asPython } from "./share.js";
import { Sliders, icon } from "./sliders.js";
import { Stage } from "./stage.js";
import { Edits, hasBase, target } from "./state.js";

const byId = (id) => document.getElementById(id);

const engine = new Server((trouble) => hint(trouble));
const edits = new Edits();
const stage = new Stage((face) => choose(face));
const inside = new Inside(engine, fail);
const follower = new Follower(engine, edits, {
  draw(patch, face) {
    stage.draw(patch);
    document.dispatchEvent(new CustomEvent("drawn", { detail: { face } }));
  },
  warned(face, sentences) {
    if (face !== edits.chosen) return;
    warning = sentences.join(". ");
    for (const sentence of sentences) told.add(sentence);
    hint("");
  },
  measured(face, units) {
    measured = { face, units, stale: false };
    refresh();
  },
  failed: fail,
  busy: (on) => (byId("busy").hidden = !on),
});
let model = null;
let sliders = null;
let photo = null;
let measured = null;
let shownBase = "";
let warning = "";
let told = new Set(); // sentences about this photo that were shown already

// What is said to the user

function fail(error) {
  if (!error.code && error.constructor === TypeError) console.error(error);
  const text = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  byId("message").querySelector("p").textContent = text;
  byId("message").hidden = false;
}

function tell(text) {
  byId("told").textContent = text;
  hint(text);
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => hint(""), 2500);
}

/** A passing word, or nothing: then what is worth knowing of the chosen face's edit, as long as it is so. */
function hint(text) {
  const shown = text || (warning && warning.charAt(0).toUpperCase() + warning.slice(1) + ".");
  byId("hint").textContent = shown;
  byId("hint").hidden = !shown;
}

byId("message").querySelector("button").addEventListener("click", () => (byId("message").hidden = true));

// Opening a photo

async function open(blob, name) {
  byId("message").hidden = true;
  byId("busy").hidden = false;
  try {
    await started;
    const read = await engine.read(blob, name || "photo");
    photo = read;
    measured = null;
    warning = "";
    told = new Set();
    const first = read.faces.find((face) => !face.trouble) ?? read.faces[0];
    byId("main").dataset.state = "photo";
    for (const id of ["tools", "out", "controls", "inside"]) byId(id).hidden = false;
    byId("empty").hidden = true;
    byId("file").textContent = byId("file").title = read.name;
    document.title = `${read.name} · dftnet`;
    stage.start(read);
    follower.start(read);
    toggle("compare", false);
    toggle("zoom", false);
    edits.start(first.index);
    const note = first.trouble || first.note || (first.units_from === "nowhere" ? "this face's own units are unknown and taken as 0" : "");
    if (note) fail(new Error(note));
    told.add(note);
    const count = read.faces.length;
    byId("told").textContent = count === 1 ? "One face found." : `${count} faces found; face ${first.index + 1} is chosen.`;
  } catch (error) {
    fail(error);
  } finally {
    byId("busy").hidden = true;
  }
}

byId("sample").addEventListener("click", async () => {
  try {
    const answer = await fetch("sample.jpg");
    await open(await answer.blob(), "astronaut.jpg");
  } catch (error) {
    fail(error);
  }
});

const openFile = (file) => file && open(file, file.name);

byId("choose").addEventListener("click", () => byId("chooser").click());
byId("another").addEventListener("click", () => byId("chooser").click());
byId("chooser").addEventListener("change", (event) => {
  openFile(event.target.files[0]);
  event.target.value = "";
});
byId("camera").addEventListener("click", async () => {
  try {
    const taken = await takePhoto();
    if (taken) await open(taken, "camera.jpg");
  } catch (error) {
    fail(error);
  }
});
for (const kind of ["dragenter", "dragover"])
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    byId("stage").classList.add("over");
  });
document.addEventListener("dragleave", (event) => event.relatedTarget ?? byId("stage").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  byId("stage").classList.remove("over");
  const file = event.dataTransfer.files[0];
  file ? openFile(file) : fail(new Error("drop a photo's file; addresses of the web are not fetched"));
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files][0];
  if (file) openFile(file);
});

// Faces

function choose(index) {
  const face = photo.faces[index];
  if (face.trouble) return fail(new Error(face.trouble));
  byId("message").hidden = true;
  measured = null;
  warning = "";
  edits.choose(index);
}

// The expression of the whole face

function baseChips() {
  const names = ["neutral", ...Object.keys(model.emotions).filter((name) => name !== "neutral")];
  const chips = names.map((name) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.dataset.base = name;
    chip.textContent = name.charAt(0).toUpperCase() + name.slice(1);
    chip.addEventListener("click", () => setBase(name));
    return chip;
  });
  const like = document.createElement("button");
  like.type = "button";
  like.className = "chip like";
  like.dataset.base = "like";
  like.append(icon("open"), Object.assign(document.createElement("span"), { textContent: "Like a photo …" }));
  like.addEventListener("click", () => (edits.current.like ? setBase("like") : byId("like-chooser").click()));
  byId("emotions").replaceChildren(...chips, like);
}

const baseOf = (request) => (request.neutral ? "neutral" : request.like ? "like" : request.emotion);

/** The same again takes it off. What single sliders were set to goes: an expression is a new start. */
function setBase(name, like = null) {
  sliders.stop();
  const off = baseOf(edits.current) === name && !like;
  edits.change(`base ${name}`, (request) => ({
    au: {}, neutral: !off && name === "neutral", emotion: off || name === "neutral" || name === "like" ? null : name,
    like: off ? null : like, strength: hasBase(request) && !off ? request.strength : 1,
  }));
  edits.finish();
}

byId("like-chooser").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  byId("busy").hidden = false;
  try {
    const other = await engine.read(file, file.name);
    const face = other.faces.find((one) => !one.trouble) ?? other.faces[0];
    if (face.trouble) throw new Error(face.trouble);
    other.preview.bitmap.close();
    setBase("like", { name: file.name, units: face.units });
  } catch (error) {
    fail(error);
  } finally {
    byId("busy").hidden = true;
  }
});

byId("strength").addEventListener("input", (event) => {
  edits.change("strength", (request) => ({ ...request, strength: Number(event.target.value) }));
});
byId("strength").addEventListener("change", () => edits.finish());

// Everything as it is now

function goalOf(index) {
  const { units, held } = photo.faces[index];
  return target(units, edits.of(index), model.emotions, held);
}

function showBase(face, request) {
  for (const chip of byId("emotions").children) {
    chip.setAttribute("aria-pressed", String(chip.dataset.base === baseOf(request)));
    chip.disabled = Boolean(face.trouble);
  }
  byId("emotions").querySelector(".like span").textContent = request.like ? `Like ${request.like.name}` : "Like a photo …";
  byId("strength-row").hidden = !hasBase(request);
  byId("strength").value = request.strength;
  byId("strength-value").textContent = `${Math.round(100 * request.strength)} %`;
  byId("strength-row").style.setProperty("--value", request.strength);
  byId("strength-row").style.setProperty("--own", 0);
}

function refresh() {
  if (!photo) return;
  const face = photo.faces[edits.chosen];
  const request = edits.current;
  stage.choose(edits.chosen);
  const read = measured?.face === edits.chosen && String(edits.chosen) in edits.all ? measured.units : null;
  sliders.show({
    own: face.units, goal: goalOf(edits.chosen), set: request.au, read, stale: measured?.stale, disabled: Boolean(face.trouble),
  });
  const base = JSON.stringify([face.index, face.trouble, baseOf(request), request.like?.name, request.strength]);
  if (base !== shownBase) showBase(face, request);
  shownBase = base;
  byId("undo").disabled = !edits.canUndo;
  byId("redo").disabled = !edits.canRedo;
  const changed = Object.keys(edits.all).length > 0;
  byId("reset").disabled = byId("download").disabled = !changed;
  inside.show(photo, edits.chosen, request);
}

edits.addEventListener("change", () => {
  if (measured) measured.stale = true;
  refresh();
});

// Tools

function toggle(id, on) {
  byId(id).setAttribute("aria-pressed", String(on));
  if (id === "compare") stage.comparing = on;
  else stage.close = on;
}
const flip = (id) => photo && toggle(id, byId(id).getAttribute("aria-pressed") !== "true");

byId("compare").addEventListener("click", () => flip("compare"));
byId("zoom").addEventListener("click", () => flip("zoom"));
const step = (way) => {
  sliders?.stop();
  edits[way]();
};
byId("undo").addEventListener("click", () => step("undo"));
byId("redo").addEventListener("click", () => step("redo"));
byId("reset").addEventListener("click", () => step("reset"));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    byId("message").hidden = true;
    byId("copy").open = false;
    sliders?.stop();
  }
  const typing = event.target.matches("input:not([type=range]), textarea");
  if (typing || event.altKey || !photo) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" || key === "y") {
      event.preventDefault();
      step(key === "y" || event.shiftKey ? "redo" : "undo");
    }
  } else if (key === "c") flip("compare");
  else if (key === "z") flip("zoom");
});

async function copy(text) {
  byId("copy").open = false;
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch {
    fail(new Error(`the browser does not let this page copy; here it is: ${text}`));
  }
}
byId("copy-command").addEventListener("click", () => {
  const goals = Object.fromEntries(Object.keys(edits.all).map((number) => [number, goalOf(number)]));
  copy(asCommand(photo, edits.all, goals));
});
byId("copy-python").addEventListener("click", () => copy(asPython(photo, edits.all)));
document.addEventListener("click", (event) => {
  if (!byId("copy").contains(event.target)) byId("copy").open = false;
});

byId("download").addEventListener("click", async () => {
  sliders.stop();
  byId("busy").hidden = false;
  byId("download").disabled = true;
  try {
    const { blob, name, warnings } = await engine.save(photo, edits.all);
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    tell(`Saved as ${name}.`);
    const news = warnings.filter((sentence) => !told.has(sentence));
    if (news.length) fail(new Error(`Saved as ${name}; ${news.join("; ")}`));
  } catch (error) {
    fail(error);
  } finally {
    byId("busy").hidden = true;
    byId("download").disabled = false;
  }
});

// Begin

const started = (async () => {
  model = await engine.model();
  sliders = new Sliders(
    model,
    (units, what) =>
      edits.change(what, (request) => {
        for (const [name, value] of Object.entries(units)) value === null ? delete request.au[name] : (request.au[name] = value);
        return request;
      }),
    () => edits.finish(),
  );
  baseChips();
})();
started.catch(fail);
