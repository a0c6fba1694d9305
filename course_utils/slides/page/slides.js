// What the exported slides do besides turning pages: formulas and sizes that fit.

const DENSITIES = [0, 1, 2];
const [WIDTH, HEIGHT] = [1280, 720];

function leaves() {
  return [...document.querySelectorAll(".slides > section > section")];
}

// The size of a picture is that of the notebook times the slide's density. Set in pixels, as a
// picture's own size must not depend on when it is decoded.
function scalePictures(section) {
  const scale = parseFloat(getComputedStyle(section).getPropertyValue("--figure"));
  for (const img of section.querySelectorAll("img")) {
    const width = Number(img.getAttribute("width")) || img.naturalWidth;
    const height = Number(img.getAttribute("height")) || (width * img.naturalHeight) / img.naturalWidth;
    const drawn = Math.min(width * scale, img.parentElement.clientWidth || WIDTH);
    img.style.width = drawn + "px";
    img.style.height = (drawn * height) / width + "px";
  }
}

// The largest of the three densities at which the slide, all answers open, fits.
function fit(section) {
  const details = [...section.querySelectorAll("details:not([open])")];
  details.forEach((d) => (d.open = true));
  for (const density of DENSITIES) {
    section.dataset.density = density;
    scalePictures(section);
    if (section.offsetHeight <= HEIGHT) break;
  }
  details.forEach((d) => (d.open = false));
}

async function start() {
  document.querySelectorAll(".explorer").forEach(Explorers.mount);
  await document.fonts.ready;
  await Promise.all([...document.images].map((img) => img.decode().catch(() => {})));
  await MathJax.startup.promise;
  await MathJax.typesetPromise([...document.querySelectorAll(".jp-RenderedMarkdown")]);
  leaves().forEach(fit);
  await Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0, center: false, hash: true, controls: true,
    progress: true, slideNumber: "c/t", transition: "none", navigationMode: "linear", pdfSeparateFragments: false,
    pdfMaxPagesPerSlide: 1, scrollActivationWidth: null,
    // Keys that a control on the slide needs for itself do not turn the page.
    keyboardCondition: (event) =>
      !(document.activeElement.matches("summary, button") && [" ", "Enter"].includes(event.key)) &&
      !document.activeElement.matches("select"),
    plugins: [RevealNotes],
  });
  // After the mouse has moved a slider, a clicker's keys turn pages again.
  document.addEventListener("pointerup", (event) => {
    if (event.target.matches("input[type=range], summary, button")) event.target.blur();
  });
  document.documentElement.dataset.ready = "yes";
}

start();
