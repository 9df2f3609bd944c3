// Keeps the picture at what is asked: one request in flight, and the newest value next. Where exact patches take too long to
// follow a hand, drafts of half the size are shown while it moves, and the exact one as soon as it rests.

import { nothing } from "./state.js";

const REST = 300;
const PAUSE = 120;
const PROMPT = 70;

export class Follower {
  #photo = null;
  #shown = {};
  #running = false;
  #rest = 0;
  #measured = "";
  #rough = new Set();
  #exactTime = 0;

  /** draw(patch), warned(face, sentences), measured(face, units), failed(error) and busy(on) are told. */
  constructor(engine, edits, told) {
    this.engine = engine;
    this.edits = edits;
    this.told = told;
    edits.addEventListener("change", () => this.wake());
  }

  start(photo) {
    this.#photo = photo;
    this.#shown = {};
    this.#measured = "";
    this.#rough.clear();
  }

  wake() {
    clearTimeout(this.#rest);
    if (this.#photo && !this.#running) this.#work(() => this.#follow());
  }

  /** One thing at a time; afterwards, what is left to do. */
  async #work(job) {
    this.#running = true;
    try {
      await job();
    } catch (error) {
      this.told.failed(error);
    } finally {
      this.#running = false;
      this.told.busy(false);
    }
    if (this.#next() !== null) this.wake();
    else if (this.#rough.size) this.#rest = setTimeout(() => this.#work(() => this.#settle()), PAUSE);
    else if (this.edits.chosen in this.edits.all && this.#measured !== this.#key())
      this.#rest = setTimeout(() => this.#work(() => this.#measure()), REST);
  }

  /** The hand moves: the newest value, again and again. */
  async #follow() {
    for (let face; (face = this.#next()) !== null; ) await this.#render(face, this.#exactTime > PROMPT ? "draft" : "exact");
  }

  /** The hand pauses: exact patches in place of drafts. */
  async #settle() {
    for (const face of this.#rough) {
      await this.#render(face, "exact");
      if (this.#next() !== null) return;
    }
  }

  /** The hand rests: read the units in what is shown. */
  async #measure() {
    await this.#render(this.edits.chosen, "measure");
  }

  async #render(face, how) {
    const began = performance.now();
    const photo = this.#photo;
    const wanted = JSON.stringify(this.edits.of(face));
    const slow = setTimeout(() => this.told.busy(true), 400);
    try {
      const patch = await this.engine.render(photo, face, this.edits.all, how);
      if (photo !== this.#photo) return patch.bitmap.close();
      this.#shown[face] = wanted;
      if (how === "draft") this.#rough.add(face);
      else this.#rough.delete(face);
      if (how === "exact") this.#exactTime = performance.now() - began;
      this.told.draw(patch, face);
      this.told.warned(face, patch.warnings);
      if (how === "measure") {
        this.#measured = this.#key();
        this.told.measured(face, patch.measured);
      }
    } catch (error) {
      if (photo === this.#photo) {
        this.#shown[face] = wanted; // not again until it changes
        this.#rough.delete(face);
        this.#measured = this.#key();
      }
      throw error;
    } finally {
      clearTimeout(slow);
    }
  }

  /** A face that is not shown as asked, the chosen one first; null where all are. */
  #next() {
    const numbers = new Set([this.edits.chosen, ...Object.keys(this.edits.all).map(Number), ...Object.keys(this.#shown).map(Number)]);
    const unseen = JSON.stringify(nothing());
    for (const face of numbers) if ((this.#shown[face] ?? unseen) !== JSON.stringify(this.edits.of(face))) return face;
    return null;
  }

  #key() {
    return JSON.stringify([this.edits.chosen, this.edits.all]);
  }
}
