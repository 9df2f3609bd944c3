// The sliders: made from the model's units, grouped by the part of the face, left and right beside each other.

const byId = (id) => document.getElementById(id);
const SLOW_SWEEP = [0, 0.25, 0.5, 0.75, 1];
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) key in made ? (made[key] = value) : made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** How far a unit landed, in a word; empty where it did (it is read `within` of what was asked), or where nothing was asked. */
export function landing(own, asked, read, within) {
  if (Math.abs(asked - own) < 0.1 || Math.abs(read - asked) <= within) return "";
  const done = (read - own) / (asked - own);
  if (done < 0.15) return "did not move";
  return done < 1 ? "fell short" : "went too far";
}

export class Sliders {
  #rows = new Map();
  #sweeping = null;

  /** `onMove(units, what)` sets units {name: value or null, which is as in the photo}; `onDone()` ends a move. */
  constructor(model, onMove, onDone) {
    this.model = model;
    this.onMove = onMove;
    this.onDone = onDone;
    const groups = model.regions.map((region) => {
      const units = model.units.filter((unit) => unit.region === region);
      if (!units.length) return "";
      const blocks = [...new Set(units.map((unit) => unit.plain))].map((plain) => this.#block(units.filter((unit) => unit.plain === plain)));
      const title = element("h3", { id: `region-${region.replaceAll(" ", "-")}` }, region);
      return element("section", { className: "group", role: "group", "aria-labelledby": title.id }, title, ...blocks);
    });
    byId("groups").replaceChildren(...groups);
  }

  /** One unit, or its two sides. */
  #block(units) {
    if (units.length === 1) return this.#row(units[0], () => [units[0].name]);
    const link = element("button", { type: "button", className: "link", "aria-pressed": "true" }, icon("link"), "both sides");
    link.addEventListener("click", () => link.setAttribute("aria-pressed", String(link.getAttribute("aria-pressed") !== "true")));
    const both = units.map((unit) => unit.name);
    const rows = units.map((unit) => this.#row(unit, () => (link.getAttribute("aria-pressed") === "true" ? both : [unit.name])));
    return element("div", { className: "pair" }, element("p", { className: "pair-name" }, element("span", {}, units[0].plain), link), ...rows);
  }

  #row(unit, moved) {
    const id = `unit-${unit.name}`;
    const plain = unit.side ? `${unit.plain}, ${unit.side}` : unit.plain;
    const input = element("input", { type: "range", id, min: 0, max: 1, step: 0.01, title: `${unit.name}: ${unit.description}` });
    const output = element("output", { htmlFor: id, className: "asked" });
    const number = element("span", { className: "number" });
    const label = element("label", { htmlFor: id }, element("span", {}, unit.side || plain), element("small", {}, unit.name));
    if (unit.side) label.firstChild.prepend(element("span", { className: "sr" }, `${unit.plain}, `));
    const play = element("button", { type: "button", className: "icon small play", "aria-label": `Sweep ${plain}`, title: "Play from 0 to 1" }, icon("play"));
    const reset = element("button", { type: "button", className: "icon small undo", "aria-label": `Reset ${plain}`, title: "As in the photo" }, icon("reset"));
    const own = element("i", { className: "mark own" });
    const read = element("i", { className: "mark read", hidden: true });
    const word = element("p", { className: "word", id: `${id}-word` });
    input.setAttribute("aria-describedby", word.id);
    const track = element("div", { className: "track" }, input, own, read);
    const row = element("div", { className: "unit" }, label, track, output, number, play, reset, word);
    row.dataset.unit = unit.name;

    const set = (value) => this.onMove(Object.fromEntries(moved().map((name) => [name, value])), unit.name);
    input.addEventListener("input", () => set(Number(input.value)));
    input.addEventListener("change", () => this.onDone());
    const back = () => {
      set(null);
      this.onDone();
    };
    input.addEventListener("dblclick", back);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Delete" || event.key === "Backspace") back();
      if (event.key === "PageUp" || event.key === "PageDown") {
        event.preventDefault();
        set(Math.min(1, Math.max(0, Number(input.value) + (event.key === "PageUp" ? 0.1 : -0.1))));
      }
    });
    reset.addEventListener("click", () => {
      back();
      input.focus();
    });
    play.addEventListener("click", () => this.#sweep(unit.name, play, moved()));
    this.#rows.set(unit.name, { row, input, output, number, own, read, word, reset, play });
    return row;
  }

  /**
   * Shows own units, those aimed at, which of them are set, and those read in the edit: null where they are not known; `stale`
   * where the edit has moved on since.
   */
  show({ own, goal, set, read, stale, disabled }) {
    for (const [name, part] of this.#rows) {
      const value = goal[name] ?? 0;
      const before = own[name] ?? 0;
      const { row, input } = part;
      const told = [value, before, name in set, read?.[name], stale, disabled].join();
      if (part.told === told) continue;
      part.told = told;
      input.disabled = part.play.disabled = disabled;
      if (Number(input.value) !== value) input.value = value; // not while it is dragged there
      part.output.textContent = value.toFixed(2);
      row.style.setProperty("--value", value);
      row.style.setProperty("--own", before);
      row.dataset.moved = Math.abs(value - before) > 0.005 ? "yes" : "no";
      part.reset.disabled = disabled || !(name in set);
      part.own.title = `in the photo ${before.toFixed(2)}`;
      row.dataset.stale = stale ? "yes" : "no";
      part.read.hidden = read === null;
      part.number.textContent = read === null ? "" : (read[name] ?? 0).toFixed(2);
      if (read !== null) row.style.setProperty("--read", read[name] ?? 0);
      if (!stale) part.word.textContent = read === null ? "" : landing(before, value, read[name] ?? 0, this.model.landed);
      row.dataset.landed = part.word.textContent ? "no" : "yes";
    }
  }

  get sweeping() {
    return this.#sweeping !== null;
  }

  stop() {
    this.#sweeping?.();
  }

  /** Plays one unit: from 0 to 1 and back to where it was; again: stop. */
  #sweep(name, play, names) {
    const mine = this.#sweeping?.button === play;
    this.stop();
    if (mine) return;
    const before = Object.fromEntries(names.map((one) => [one, this.#rows.get(one).reset.disabled ? null : Number(this.#rows.get(one).input.value)]));
    let timer = 0;
    const started = performance.now();
    const end = () => {
      clearTimeout(timer);
      cancelAnimationFrame(timer);
      this.#sweeping = null;
      play.replaceChildren(icon("play"));
      play.classList.remove("on");
      this.onMove(before, `sweep ${name}`);
      this.onDone();
    };
    end.button = play;
    const set = (value) => this.onMove(Object.fromEntries(names.map((one) => [one, value])), `sweep ${name}`);
    const step = (place) => {
      if (place >= SLOW_SWEEP.length) return end();
      set(SLOW_SWEEP[place]);
      timer = setTimeout(() => step(place + 1), 700);
    };
    const frame = (now) => {
      const t = (now - started) / 3000;
      if (t >= 1) return end();
      set(Math.round(100 * (0.5 - 0.5 * Math.cos(2 * Math.PI * t))) / 100);
      timer = requestAnimationFrame(frame);
    };
    this.#sweeping = end;
    play.replaceChildren(icon("stop"));
    play.classList.add("on");
    still() ? step(0) : (timer = requestAnimationFrame(frame));
  }
}
