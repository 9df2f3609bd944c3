// Keeps the picture at what is asked: one request in flight, and the newest value next.

import { nothing } from "./state.js";

const REST = 300;

export class Follower {
  #photo = null;
  #shown = {};
  #running = false;
  #rest = 0;
  #measured = "";

  /** draw(patch), measured(face, units), failed(error) and idle(busy) are told. */
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
  }

  wake() {
    clearTimeout(this.#rest);
    if (this.#photo && !this.#running) this.#run();
  }

  async #run() {
    this.#running = true;
    try {
      for (let face; (face = this.#next()) !== null; ) await this.#render(face, false);
      this.#rest = setTimeout(() => this.#measure(), REST);
    } catch (error) {
      this.told.failed(error);
    } finally {
      this.#running = false;
      this.told.busy(false);
    }
  }

  async #render(face, measure) {
    const photo = this.#photo;
    const wanted = JSON.stringify(this.edits.of(face));
    const slow = setTimeout(() => this.told.busy(true), 400);
    try {
      const patch = await this.engine.render(photo, face, this.edits.all, measure);
      if (photo !== this.#photo) return patch.bitmap.close();
      this.#shown[face] = wanted;
      this.told.draw(patch, face);
      if (measure) {
        this.#measured = this.#key();
        this.told.measured(face, patch.measured);
      }
    } catch (error) {
      if (photo === this.#photo) this.#shown[face] = wanted; // not again until it changes
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

  /** The hand rests: read the units in what is shown. */
  async #measure() {
    const face = this.edits.chosen;
    if (this.#running || !this.#photo || !(face in this.edits.all) || this.#measured === this.#key()) return;
    this.#running = true;
    try {
      await this.#render(face, true);
    } catch (error) {
      this.told.failed(error);
    } finally {
      this.#running = false;
      this.told.busy(false);
    }
    if (this.#next() !== null) this.wake();
  }
}
