// The photo: canvases, faces to choose from, the divide between before and after, the close up.

const byId = (id) => document.getElementById(id);

export class Stage {
  #photo = null;
  #after = byId("after").getContext("2d", { alpha: true });
  #before = byId("before").getContext("2d", { alpha: true });
  #close = false;
  #chosen = null;

  /** `onChoose(face)` is called for a click on a face. */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.view = byId("view");
    this.sheet = byId("photo");
    new ResizeObserver(() => this.#place()).observe(this.view);
    byId("wipe").addEventListener("input", () => this.#divide());
  }

  start(photo) {
    this.#photo = photo;
    this.#close = false;
    this.#chosen = null;
    const { width, height, bitmap } = photo.preview;
    for (const context of [this.#after, this.#before]) {
      context.canvas.width = width;
      context.canvas.height = height;
      context.drawImage(bitmap, 0, 0);
    }
    this.view.hidden = false;
    this.#boxes();
    this.#place();
  }

  draw({ x, y, width, height, part, bitmap }) {
    this.#after.save();
    this.#after.beginPath();
    this.#after.rect(...part);
    this.#after.clip();
    this.#after.clearRect(...part);
    this.#after.drawImage(bitmap, x, y, width, height);
    this.#after.restore();
    bitmap.close();
  }

  choose(face) {
    if (this.#chosen === face) return;
    this.#chosen = face;
    for (const button of byId("faces").children) button.setAttribute("aria-pressed", String(Number(button.dataset.face) === face));
    if (this.#close) this.#place();
  }

  get comparing() {
    return this.sheet.dataset.compare === "on";
  }

  set comparing(on) {
    this.sheet.dataset.compare = on ? "on" : "off";
    byId("wipe").hidden = !on;
    this.#divide();
  }

  get close() {
    return this.#close;
  }

  set close(on) {
    this.#close = on;
    this.#place();
  }

  #divide() {
    this.sheet.style.setProperty("--divide", `${byId("wipe").value}%`);
  }

  #boxes() {
    const { preview, faces } = this.#photo;
    const share = (value, of) => `${(100 * value) / of}%`;
    const buttons = faces.map((face, place) => {
      const [x, y, width, height] = preview.boxes[place];
      const button = document.createElement("button");
      button.type = "button";
      button.className = "face";
      button.dataset.face = face.index;
      button.setAttribute("aria-label", `Face ${face.index + 1} of ${faces.length}${face.trouble ? `: ${face.trouble}` : ""}`);
      if (face.trouble) button.setAttribute("aria-disabled", "true");
      button.title = face.trouble || face.note || (faces.length > 1 ? `Face ${face.index + 1}` : "");
      const number = document.createElement("span");
      number.textContent = face.index + 1;
      button.append(number);
      button.style.left = share(x, preview.width);
      button.style.top = share(y, preview.height);
      button.style.width = share(width, preview.width);
      button.style.height = share(height, preview.height);
      button.addEventListener("click", () => this.onChoose(face.index));
      return button;
    });
    byId("faces").replaceChildren(...buttons);
    byId("faces").dataset.count = faces.length;
  }

  /** The whole photo in the middle, or the chosen face large. */
  #place() {
    if (!this.#photo || this.view.hidden) return;
    const { width, height, boxes } = this.#photo.preview;
    const room = this.view.getBoundingClientRect();
    if (!room.width || !room.height) return;
    let scale = Math.min(room.width / width, room.height / height);
    let left = (room.width - width * scale) / 2;
    let top = (room.height - height * scale) / 2;
    if (this.#close) {
      const chosen = [...byId("faces").children].findIndex((button) => button.getAttribute("aria-pressed") === "true");
      const [x, y, w, h] = boxes[Math.max(0, chosen)];
      scale = Math.max(scale, Math.min(room.width / (1.5 * w), room.height / (1.4 * h)));
      const inside = (wish, size, space) => (size <= space ? (space - size) / 2 : Math.min(0, Math.max(space - size, wish)));
      left = inside(room.width / 2 - (x + w / 2) * scale, width * scale, room.width);
      top = inside(room.height / 2 - (y + h / 2) * scale, height * scale, room.height);
    }
    Object.assign(this.sheet.style, { left: `${left}px`, top: `${top}px`, width: `${width * scale}px`, height: `${height * scale}px` });
  }
}
