// A photo from the camera.

const byId = (id) => document.getElementById(id);

/** Asks for the camera and shows it; the photo as a JPEG blob, or null if it is cancelled. */
export async function takePhoto() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error("this browser gives no camera to this page: open it at localhost or over HTTPS");
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, height: { ideal: 1080 }, facingMode: "user" } });
  } catch (error) {
    const why = { NotAllowedError: "it is not allowed", NotFoundError: "there is none", NotReadableError: "another program uses it" };
    throw new Error(`the camera cannot be used: ${why[error.name] ?? error.message}`);
  }
  const dialog = byId("camera-dialog");
  const video = byId("video");
  video.srcObject = stream;
  dialog.showModal();
  try {
    const taken = await new Promise((done) => {
      byId("shoot").onclick = () => done(true);
      byId("cancel-camera").onclick = () => done(false);
      dialog.oncancel = () => done(false);
    });
    if (!taken || !video.videoWidth) return null;
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    dialog.close();
  }
}
