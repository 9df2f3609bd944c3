// What the page needs of an engine. `server.js` has one behind the HTTP API; one that runs in the browser can take its place.
//
//   model()                                → {units, regions, emotions, landed, max_bytes, max_pixels, …}
//   read(blob, name)                       → Photo
//   render(photo, face, requests, how)     → Patch      requests: {number of a face: request}; how: "draft", "exact", "measure"
//   maps(photo, face, request)             → Maps
//   save(photo, requests)                  → {blob, name, warnings}  full size, the photo's own format, with its mark
//
//   Photo   {id, name, suffix, width, height, faces, preview: {width, height, bitmap, boxes}}
//   face    {index, box, units, units_from, trouble, note, held}        held: units that no expression lowers
//   Patch   {x, y, width, height, part, bitmap, measured, warnings}    where the bitmap belongs in the preview; the part [x, y,
//           width, height] in which it is drawn; the units read in it, or null; sentences about what is asked
//   Maps    {motion, size, pictures}       pictures: {name: URL}

/** An error in words for the user. */
export class EngineError extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}
