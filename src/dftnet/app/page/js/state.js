// What is asked of each face, and its history. No page and no server here.

/** A face of which nothing is asked. `like` is {name, units} of another photo's face. */
export const nothing = () => ({ au: {}, neutral: false, emotion: null, like: null, strength: 1 });

export const hasBase = (request) => request.neutral || request.emotion !== null || request.like !== null;

export const isEmpty = (request) => !hasBase(request) && Object.keys(request.au).length === 0;

/** The units that a request aims at, for a face whose own are `own`; the same sum as dftnet's `target`. No expression lowers `held`. */
export function target(own, request, emotions, held = []) {
  const goal = { ...own };
  const towards = [];
  if (request.neutral) towards.push({});
  if (request.emotion !== null) towards.push(emotions[request.emotion]);
  if (request.like !== null) towards.push(request.like.units);
  for (const wanted of towards)
    for (const name of Object.keys(goal)) goal[name] += request.strength * ((wanted[name] ?? 0) - goal[name]);
  for (const name of held) goal[name] = Math.max(goal[name], own[name]);
  Object.assign(goal, request.au);
  for (const name of Object.keys(goal)) goal[name] = Math.min(1, Math.max(0, goal[name]));
  return goal;
}

/** As the server takes it. */
export function asJson(request) {
  const { au, neutral, emotion, like, strength } = request;
  return { au, neutral, emotion, like: like && like.units, strength };
}

/** The requests of all faces of a photo, the chosen face, undo and redo. */
export class Edits extends EventTarget {
  #past = [];
  #future = [];
  #now = { faces: {}, chosen: 0 };
  #touched = { what: null, when: 0 };

  start(chosen) {
    this.#past = [];
    this.#future = [];
    this.#now = { faces: {}, chosen };
    this.#touched = { what: null, when: 0 };
    this.#tell();
  }

  get chosen() {
    return this.#now.chosen;
  }

  of(face) {
    return this.#now.faces[face] ?? nothing();
  }

  get current() {
    return this.of(this.chosen);
  }

  /** {number of a face: request} of those of which something is asked. */
  get all() {
    return Object.fromEntries(Object.entries(this.#now.faces).filter(([, request]) => !isEmpty(request)));
  }

  choose(face) {
    this.#now = { ...this.#now, chosen: face };
    this.#touched = { what: null, when: 0 };
    this.#tell();
  }

  /** Changes the chosen face's request. Moves of the same thing within a second are one step of the history. */
  change(what, make) {
    const when = performance.now();
    if (what !== this.#touched.what || when - this.#touched.when > 1000) {
      this.#past.push(this.#now);
      if (this.#past.length > 200) this.#past.shift();
    }
    this.#touched = { what, when };
    this.#future = [];
    const request = make(structuredClone(this.current));
    this.#now = { ...this.#now, faces: { ...this.#now.faces, [this.chosen]: request } };
    this.#tell();
  }

  /** The next move begins a step of its own. */
  finish() {
    this.#touched = { what: null, when: 0 };
  }

  reset() {
    this.#past.push(this.#now);
    this.#future = [];
    this.#now = { faces: {}, chosen: this.chosen };
    this.finish();
    this.#tell();
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  undo() {
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.#step(this.#future, this.#past);
  }

  #step(from, to) {
    if (!from.length) return;
    to.push(this.#now);
    this.#now = from.pop();
    this.finish();
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
