// The engine behind dftnet's HTTP API.

import { EngineError } from "./engine.js";
import { asJson } from "./state.js";

const PATIENCE = 60000;
const warningsOf = (answer) => JSON.parse(answer.headers.get("Dftnet-Warnings") ?? "[]");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const blobOf = async (uri) => {
  const [head, data] = uri.split(",", 2);
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
};

export class Server {
  #sent = new WeakMap();
  #limits = null;

  /** `onTrouble(text or "")` is told while the server does not answer. */
  constructor(onTrouble = () => {}) {
    this.onTrouble = onTrouble;
  }

  async model() {
    const model = await (await this.#ask("v1/model")).json();
    this.#limits = model;
    return model;
  }

  async read(blob, name) {
    const most = this.#limits?.max_bytes ?? Infinity;
    if (blob.size + 2000 > most)
      throw new EngineError(`${name} has ${(blob.size / 1e6).toFixed(0)} MB; this server takes ${(most / 1e6).toFixed(0)} MB: scale it down first`);
    const answer = await (await this.#ask("v1/read", this.#form(blob, name))).json();
    const bitmap = await createImageBitmap(await blobOf(answer.preview.image));
    const photo = {
      id: answer.photo, name, suffix: answer.suffix, width: answer.width, height: answer.height, faces: answer.faces,
      preview: { width: answer.preview.width, height: answer.preview.height, boxes: answer.preview.boxes, bitmap },
    };
    this.#sent.set(photo, blob);
    return photo;
  }

  async render(photo, face, requests, how) {
    const faces = Object.fromEntries(Object.entries(requests).map(([number, request]) => [number, asJson(request)]));
    const answer = await this.#known(photo, "v1/patch", {
      photo: photo.id, face, faces, draft: how === "draft", measure: how === "measure",
    });
    const [[x, y, width, height], part] = ["Box", "Part"].map((name) => answer.headers.get(`Dftnet-${name}`).split(",").map(Number));
    const measured = answer.headers.get("Dftnet-Measured");
    const bitmap = await createImageBitmap(await answer.blob());
    return { x, y, width, height, part, bitmap, measured: measured && JSON.parse(measured), warnings: warningsOf(answer) };
  }

  async maps(photo, face, request) {
    const answer = await this.#known(photo, "v1/maps", { photo: photo.id, request: { face, ...asJson(request) } });
    return answer.json();
  }

  async save(photo, requests) {
    const faces = Object.fromEntries(Object.entries(requests).map(([number, request]) => [number, asJson(request)]));
    const answer = await this.#known(photo, "v1/edit", { photo: photo.id, request: { faces } });
    const stem = photo.name.replace(/\.[^.]*$/, "") || "photo";
    return { blob: await answer.blob(), name: `${stem}-edited${photo.suffix}`, warnings: warningsOf(answer) };
  }

  #form(blob, name) {
    const form = new FormData();
    form.append("image", blob, name);
    return { method: "POST", body: form };
  }

  /** A question about a photo that the server has read; one that it has forgotten is sent again. */
  async #known(photo, path, body) {
    const question = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    try {
      return await this.#ask(path, question);
    } catch (error) {
      if (error.code !== "UnknownPhotoError") throw error;
      await this.#ask("v1/read", this.#form(this.#sent.get(photo), photo.name));
      return this.#ask(path, question);
    }
  }

  /** Waits while the server is busy or away. */
  async #ask(path, options) {
    const start = performance.now();
    for (let pause = 250; ; pause = Math.min(2000, pause * 1.5)) {
      let answer = null;
      try {
        answer = await fetch(path, options);
      } catch {
        if (performance.now() - start > PATIENCE) throw new EngineError("the server does not answer: is dftnet app still running?");
        this.onTrouble("The server does not answer. Trying again …");
      }
      if (answer && answer.ok) {
        this.onTrouble("");
        return answer;
      }
      if (answer && answer.status !== 503) {
        this.onTrouble("");
        const told = await answer.json().catch(() => ({}));
        throw new EngineError(told.detail ?? `the server answered ${answer.status}`, told.code);
      }
      if (answer && performance.now() - start > PATIENCE) throw new EngineError("the server is busy: try again in a while");
      await sleep(answer ? 300 : pause);
    }
  }
}
