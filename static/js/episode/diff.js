// What changed between two screenshots: the second one in grey, with every changed pixel in colour.
const CHANGED = 36; // of 3 × 255: less is the noise of a lossy picture
const PAINT = [213, 94, 0];

/** Draw the difference; answers the share of pixels that changed, or null when a picture cannot be read. */
export async function drawDiff(canvas, before, after) {
  let pictures;
  try {
    pictures = await Promise.all([before, after].map(load));
  } catch {
    return null;
  }
  const { naturalWidth: width, naturalHeight: height } = pictures[1];
  if (!width || !height) return null;
  const [one, other] = pictures.map((picture) => pixels(picture, width, height));
  const context = canvas.getContext("2d");
  canvas.width = width;
  canvas.height = height;
  const drawn = context.createImageData(width, height);
  let changed = 0;
  for (let place = 0; place < other.length; place += 4) {
    const distance =
      Math.abs(one[place] - other[place]) + Math.abs(one[place + 1] - other[place + 1]) + Math.abs(one[place + 2] - other[place + 2]);
    if (distance > CHANGED) {
      changed += 1;
      drawn.data.set(PAINT, place);
    } else {
      const grey = 128 + (0.3 * other[place] + 0.59 * other[place + 1] + 0.11 * other[place + 2]) / 3;
      drawn.data.fill(grey, place, place + 3);
    }
    drawn.data[place + 3] = 255;
  }
  context.putImageData(drawn, 0, 0);
  return changed / (width * height);
}

async function load(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}

function pixels(picture, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
