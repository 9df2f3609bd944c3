// The panel of what the network moved, painted and blended.

const byId = (id) => document.getElementById(id);
const SHOWN = [
  ["arrows", "motion of the skin"],
  ["flow", "flow: where it goes"],
  ["aligned", "aligned: the photo, warped"],
  ["attention", "attention: white keeps the warp"],
  ["texture", "texture: what is painted"],
  ["result", "result: both, blended"],
];
const REST = 250;

export class Inside {
  #wanted = null;
  #shown = "";
  #timer = 0;
  #running = false;

  constructor(engine, fail) {
    this.engine = engine;
    this.fail = fail;
    this.pictures = new Map();
    const figures = SHOWN.map(([name, caption]) => {
      const image = Object.assign(document.createElement("img"), { alt: caption, hidden: true });
      const figure = document.createElement("figure");
      figure.append(image, Object.assign(document.createElement("figcaption"), { textContent: caption }));
      this.pictures.set(name, image);
      return figure;
    });
    byId("maps").replaceChildren(...figures);
    byId("inside").addEventListener("toggle", () => this.#later());
  }

  show(photo, face, request) {
    this.#wanted = { photo, face, request };
    this.#later();
  }

  #later() {
    clearTimeout(this.#timer);
    if (byId("inside").open && this.#wanted) this.#timer = setTimeout(() => this.#run(), REST);
  }

  async #run() {
    const { photo, face, request } = this.#wanted;
    const key = JSON.stringify([photo.id, face, request]);
    if (this.#running || key === this.#shown || photo.faces[face].trouble) return;
    this.#running = true;
    try {
      const { motion, size, pictures } = await this.engine.maps(photo, face, request);
      this.#shown = key;
      for (const [name, image] of this.pictures) {
        image.src = pictures[name];
        image.hidden = false;
      }
      byId("motion").textContent = `largest motion ${motion.toFixed(1)} of ${size} pixels`;
    } catch (error) {
      this.#shown = key;
      this.fail(error);
    } finally {
      this.#running = false;
    }
    this.#later();
  }
}
