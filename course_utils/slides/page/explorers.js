// Two widgets of the course without a kernel: plain functions that do what the Python functions of
// the same name do (widgets/sampling.py, widgets/triplet.py), and a page part for each.
// tests/test_explorers_js.py compares every function with its Python original.

const Explorers = (() => {
  // ---- From logits to probabilities (sampling.py, widgets/sampling.py) ----

  function softmax(logits, temperature = 1) {
    let top = -Infinity;
    for (const z of logits) if (z > top) top = z;
    const out = new Float64Array(logits.length);
    let sum = 0;
    for (let i = 0; i < out.length; i++) sum += out[i] = Math.exp((logits[i] - top) / temperature);
    for (let i = 0; i < out.length; i++) out[i] /= sum;
    return out;
  }

  // Positions from the largest value to the smallest, ties by position.
  function ranking(values) {
    return Uint32Array.from(values.keys()).sort((i, j) => values[j] - values[i] || i - j);
  }

  // The order of logits is the same at every temperature: it is kept as long as they are.
  const orders = new WeakMap();
  function orderOf(logits) {
    if (!orders.has(logits)) orders.set(logits, ranking(logits));
    return orders.get(logits);
  }

  // What remains of the probabilities after top-k, top-p and min-p: the cut ones become 0.
  function cut(full, order, k, p, minP) {
    const out = new Float64Array(full.length);
    let kept = 0;
    for (let i = 0; i < k; i++) kept += full[order[i]];
    let before = 0;
    let mass = 0;
    const least = minP * full[order[0]];
    for (let i = 0; i < k && (p === 1 || before / kept < p) && full[order[i]] >= least; i++) {
      before += full[order[i]];
      mass += out[order[i]] = full[order[i]];
    }
    for (let i = 0; i < out.length; i++) out[i] /= mass;
    return { probabilities: out, mass };
  }

  function entropy(probabilities) {
    let bits = 0;
    for (const p of probabilities) if (p > 0) bits -= p * Math.log2(p);
    return bits;
  }

  function explore(logits, temperature, topK, topP, minP = 0, bars = 12) {
    const full = softmax(logits, temperature);
    const order = orderOf(logits);
    const { probabilities, mass } = cut(full, order, topK, topP, minP);
    return {
      probabilities, mass,
      shown: [...order.slice(0, bars)],
      kept: probabilities.reduce((n, p) => n + (p > 0), 0),
      entropy: entropy(probabilities),
    };
  }

  // Ids of n drawn words: the first whose cumulated probability exceeds a uniform number.
  function sample(probabilities, n, random = Math.random) {
    return Array.from({ length: n }, () => {
      let left = random();
      const at = probabilities.findIndex((p) => (left -= p) < 0);
      return at < 0 ? probabilities.findLastIndex((p) => p > 0) : at;
    });
  }

  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
  const escape = (text) => text.replace(/[&<>"']/g, (c) => ENTITIES[c]);
  const thousands = (n) => n.toLocaleString("en-US");

  // Colours that carry meaning stay in high contrast mode.
  const KEEP_COLORS = "forced-color-adjust:none";

  // A probability to two digits; a small one, but not 0, to two digits that say something.
  function written(p) {
    if (!(p > 0 && p < 0.005)) return p.toFixed(2);
    const digits = 1 - Math.floor(Math.log10(p));
    return digits <= 6 ? p.toFixed(digits) : "&lt; 0.000001";
  }

  function barsHtml(words, state, colors) {
    const rows = state.shown.map((i) => {
      const p = state.probabilities[i];
      const word = escape(words(i));
      return (
        `<tr><td style="text-align:right;padding:0 8px;white-space:nowrap">${word}</td>` +
        `<td style="width:340px"><div role="img" aria-label="${word}: ${escape(written(p))}" ` +
        `style="${KEEP_COLORS};height:17px;min-width:2px;background:` +
        `${p > 0 ? colors.kept : colors.removed};outline:1px solid #8A8A8A;` +
        `width:${(100 * p).toFixed(2)}%"></div></td>` +
        `<td style="padding:0 8px" class="probability">${written(p)}</td></tr>`
      );
    });
    return (
      `<table style="font-size:14px;line-height:1.4">${rows.join("")}</table>` +
      `<p role="status" aria-live="polite" style="font-size:14px;margin:6px 0">entropy <b>${state.entropy.toFixed(2)} bits</b> · ` +
      `kept <b>${thousands(state.kept)}</b> of ${thousands(state.probabilities.length)} · ` +
      `kept mass <b>${state.mass.toFixed(3)}</b></p>`
    );
  }

  // ---- The triplet loss in the plane (widgets/triplet.py) ----

  const [SCALE, WIDTH, HEIGHT, ARROW] = [62, 460, 440, 0.6];
  const STEPS = { positive: "pull", negative: "push", anchor: "anchor_step" };
  const FARTHER = [0, 26, 52];
  const SIDES = [[0, 1], [0, -1], [1, 0], [-1, 0], [1, 1], [-1, 1], [1, -1], [-1, -1]];

  function polar(distance, degrees) {
    const angle = (degrees * Math.PI) / 180;
    return [distance * Math.cos(angle), distance * Math.sin(angle)];
  }

  function tripletState(positive, negative, margin = 1, anchor = [0, 0]) {
    const d_ap = Math.hypot(positive[0] - anchor[0], positive[1] - anchor[1]);
    const d_an = Math.hypot(negative[0] - anchor[0], negative[1] - anchor[1]);
    const loss = Math.max(0, d_ap - d_an + margin);
    const unit = (from, to, length) =>
      loss > 0 && length > 0 ? [(to[0] - from[0]) / length, (to[1] - from[1]) / length] : [0, 0];
    const pull = unit(positive, anchor, d_ap);
    const push = unit(anchor, negative, d_an);
    return {
      anchor, positive, negative, margin, d_ap, d_an, loss, zero_from: d_ap + margin, pull, push,
      anchor_step: [0 - pull[0] - push[0], 0 - pull[1] - push[1]],
    };
  }

  function label(x, y, words) {
    return (
      `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="middle" font-size="18" ` +
      'fill="#222222" font-family="sans-serif" stroke="white" stroke-width="4" ' +
      `paint-order="stroke">${words}</text>`
    );
  }

  const pixel = ([x, y], anchor) => [
    WIDTH / 2 + SCALE * (x - anchor[0]),
    HEIGHT / 2 - SCALE * (y - anchor[1]),
  ];

  // Where each word is written: the place that covers fewest arrows, lines, points, earlier words.
  function wordPlaces(state) {
    const taken = [];
    const middle = pixel(state.anchor, state.anchor);
    for (const [name, step] of Object.entries(STEPS)) {
      const [[x, y], [dx, dy]] = [pixel(state[name], state.anchor), state[step]];
      const tip = [x + SCALE * dx * (ARROW + 0.2), y - SCALE * dy * (ARROW + 0.2)];
      taken.push(...between(middle, [x, y]), ...between([x, y], tip));
    }
    const places = {};
    for (const name of Object.keys(STEPS)) {
      const [x, y] = pixel(state[name], state.anchor);
      const half = 5 * name.length;
      const spots = FARTHER.flatMap((more) =>
        SIDES.map(([u, v]) => [x + u * (half + (v ? 0 : 14) + more), y + v * (26 + more)]),
      );
      places[name] = freest(name, spots, taken);
    }
    if (SCALE * state.margin > 24) {
      const ring = state.d_ap + state.margin / 2;
      const turns = Array.from({ length: 12 }, (_, i) => pixel(polar(ring, 90 + 30 * i), [0, 0]));
      places.margin = freest("margin", turns, taken);
    }
    return places;
  }

  // The base line of the legend: at the bottom, or at the top when the push would cross it.
  function legendY({ negative, anchor, push }) {
    const tip = pixel(negative, anchor)[1] - SCALE * ARROW * push[1];
    return tip > HEIGHT - 45 ? 24 : HEIGHT - 12;
  }

  function between([x1, y1], [x2, y2]) {
    return Array.from({ length: 13 }, (_, i) => [x1 + ((x2 - x1) * i) / 12, y1 + ((y2 - y1) * i) / 12]);
  }

  function freest(word, spots, taken) {
    const half = 5 * word.length;
    let [best, least] = [null, Infinity];
    for (const [x, y] of spots) {
      const inside = half <= x && x <= WIDTH - half && 33 <= y && y <= HEIGHT - 33;
      const covers = ([u, v]) => Math.abs(x - u) <= half + 2 && Math.abs(y - v) <= 13;
      const cost = taken.filter(covers).length + (inside ? 0 : 1000);
      if (cost < least) [best, least] = [[x, y], cost];
    }
    const [x, y] = best;
    for (const v of [y - 8, y, y + 8]) taken.push(...between([x - half, v], [x + half, v]));
    return best;
  }

  function line([x1, y1], [x2, y2], color, width) {
    return (
      `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" ` +
      `y2="${y2.toFixed(1)}" stroke="${color}" stroke-width="${width}"/>`
    );
  }

  function arrow(start, step, name, color) {
    const length = Math.hypot(...step);
    if (length < 1e-9) return "";
    const [ux, uy] = [step[0] / length, -step[1] / length];
    const [x, y] = [start[0] + SCALE * ARROW * step[0], start[1] - SCALE * ARROW * step[1]];
    const head = [[x + 12 * ux, y + 12 * uy], [x - 7 * uy, y + 7 * ux], [x + 7 * uy, y - 7 * ux]];
    const corners = head.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ");
    return (
      `<g class="${name}">${line(start, [x, y], color, 5)}` +
      `<polygon points="${corners}" fill="${color}"/></g>`
    );
  }

  function sentence(s) {
    return `d(a, p) = ${s.d_ap.toFixed(2)}, d(a, n) = ${s.d_an.toFixed(2)}, loss ${s.loss.toFixed(2)}`;
  }

  function tripletSvg(state, colors) {
    const middle = [WIDTH / 2, HEIGHT / 2];
    const center = `cx="${middle[0].toFixed(1)}" cy="${middle[1].toFixed(1)}"`;
    const [inner, outer] = [SCALE * state.d_ap, SCALE * state.zero_from];
    const parts = [
      `<rect width="${WIDTH}" height="${HEIGHT}" fill="#D5EFE4"/>`,
      `<circle ${center} r="${outer.toFixed(1)}" fill="white" stroke="${colors.positive}" ` +
        'stroke-width="2" stroke-dasharray="8 6"/>',
      `<circle ${center} r="${inner.toFixed(1)}" fill="none" stroke="#585858" stroke-dasharray="2 5"/>`,
      label(WIDTH / 2, legendY(state), "green: a negative here costs nothing"),
    ];
    const pixels = {};
    for (const name of Object.keys(STEPS)) pixels[name] = pixel(state[name], state.anchor);
    for (const name of ["positive", "negative"]) {
      parts.push(line(middle, pixels[name], colors[name], 2));
    }
    for (const [name, step] of Object.entries(STEPS)) {
      parts.push(arrow(pixels[name], state[step], step, colors.text));
    }
    for (const [name, [x, y]] of Object.entries(pixels)) {
      parts.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="10" fill="${colors[name]}"/>`);
    }
    for (const [word, [x, y]] of Object.entries(wordPlaces(state))) {
      parts.push(label(x, y + 6, word));
    }
    return (
      `<svg class="triplet" width="${WIDTH}" height="${HEIGHT}" role="img" ` +
      `viewBox="0 0 ${WIDTH} ${HEIGHT}" style="max-width:100%;height:auto;${KEEP_COLORS}">` +
      `<title>${sentence(state)}</title>${parts.join("")}</svg>`
    );
  }

  function tripletHtml({ d_ap, d_an, margin, loss, zero_from }) {
    const [ap, an, m, l, free] = [d_ap, d_an, margin, loss, zero_from].map((x) => x.toFixed(2));
    return (
      '<div role="status" aria-live="polite" style="font-size:19px;line-height:1.6">' +
      `d(a, p) = <b>${ap}</b><br>d(a, n) = <b>${an}</b>, free from ${free} on<br>` +
      `max(0, ${ap} − ${an} + ${m})<br>` +
      `loss = <b class="loss">${l}</b>: ${loss > 0 ? "pull and push" : "nothing moves"}</div>`
    );
  }

  // ---- The parts of the page. Each .explorer holds what it needs as JSON, see slides/live.py ----

  // A labelled slider; its number is next to it. `text(value)` writes the number.
  function slider(place, name, { min, max, step, value }, text, changed) {
    const row = document.createElement("label");
    row.className = "control";
    row.innerHTML = `<span>${escape(name)}</span><input type="range"><output></output>`;
    const input = row.querySelector("input");
    Object.assign(input, { min, max, step, value });
    input.setAttribute("aria-label", name);
    const show = () => (row.querySelector("output").textContent = text(Number(input.value)));
    input.addEventListener("input", () => (show(), changed()));
    place.append(row);
    show();
    return {
      get value() { return Number(input.value); },
      set(settings) { Object.assign(input, settings); show(); },
    };
  }

  function numbers(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  // All logits of a beginning of which the best are stored: the others from their counts.
  function withRest(best, { top, step, counts }) {
    const rest = counts.flatMap((n, i) => Array(n).fill(top - (i + 0.5) * step));
    return Float64Array.from([...best, ...rest]);
  }

  // Texts that the language model wrote, for a page that has no model.
  function textsHtml({ beginning, texts }) {
    if (!texts) return "";
    const lines = texts.map(
      ([settings, more]) =>
        `<p class="written-text"><small>${escape(settings)}</small> ${escape(beginning)}<b>${escape(more)}</b></p>`,
    );
    return (
      "<p>Names are stored for the 200 most probable tokens. In the notebook a button writes on " +
      `with your settings; here are three texts that it wrote:</p>${lines.join("")}`
    );
  }

  function button(place, text, clicked) {
    const made = document.createElement("button");
    made.textContent = text;
    made.addEventListener("click", clicked);
    place.append(made);
  }

  function sampling(place, { colors, choices }) {
    const [controls, results] = [document.createElement("div"), document.createElement("div")];
    place.append(controls, results);
    const row = document.createElement("label");
    row.className = "control";
    row.innerHTML = "<span>logits</span><select></select>";
    controls.append(row);
    const select = row.querySelector("select");
    for (const { name } of choices) select.add(new Option(name));
    const [picture, drawn] = [document.createElement("div"), document.createElement("p")];
    const texts = document.createElement("div");
    let words, logits, stops;
    const state = () =>
      explore(logits, temperature.value, stops[topK.value][1], topP.value, minP.value);
    const update = () => {
      picture.innerHTML = barsHtml(words, state(), colors);
      drawn.textContent = "";
    };
    const two = (x) => x.toFixed(2);
    const temperature = slider(controls, "temperature", { min: 0.05, max: 5, step: 0.05, value: 1 }, two, update);
    const topK = slider(controls, "top-k", { min: 0, max: 0, step: 1, value: 0 }, (i) => stops?.[i][0], update);
    const topP = slider(controls, "top-p", { min: 0.05, max: 1, step: 0.05, value: 1 }, two, update);
    const minP = slider(controls, "min-p", { min: 0, max: 1, step: 0.05, value: 0 }, two, update);
    const start = () => {
      const chosen = choices[select.selectedIndex];
      logits = numbers(chosen.logits);
      if (chosen.rest) logits = withRest(logits, chosen.rest);
      const unnamed = chosen.words ? () => "(a rarer token)" : (i) => `word ${thousands(i + 1)}`;
      words = (i) => chosen.words?.[i] ?? unnamed(i);
      texts.innerHTML = textsHtml(chosen);
      stops = chosen.stops;
      topK.set({ max: stops.length - 1, value: stops.length - 1 });
      temperature.set({ value: 1 });
      topP.set({ value: 1 });
      minP.set({ value: 0 });
      update();
    };
    button(controls, "Draw 20 words", () => {
      const ids = sample(state().probabilities, 20);
      drawn.textContent = ids.map(words).join(" · ");
    });
    button(controls, "Reset", start);
    results.append(picture);
    controls.append(drawn, texts);
    select.addEventListener("change", start);
    start();
  }

  function triplet(place, { colors, margin }) {
    const [drawing, side] = [document.createElement("div"), document.createElement("div")];
    place.append(drawing, side);
    const figures = document.createElement("div");
    const update = () => {
      const state = tripletState(
        polar(dp.value, ap.value), polar(dn.value, an.value), width.value,
      );
      drawing.innerHTML = tripletSvg(state, colors);
      figures.innerHTML = tripletHtml(state);
    };
    const distance = (name, value) =>
      slider(side, name, { min: 0, max: 3, step: 0.05, value }, (x) => x.toFixed(2), update);
    const angle = (name, value) =>
      slider(side, name, { min: -180, max: 180, step: 5, value }, String, update);
    const [dp, ap] = [distance("d(a, p)", 1), angle("angle of p", 140)];
    const [dn, an] = [distance("d(a, n)", 1.4), angle("angle of n", 20)];
    const width = slider(side, "margin", { min: 0, max: 2, step: 0.05, value: margin }, (x) => x.toFixed(2), update);
    side.append(figures);
    update();
  }

  function mount(place) {
    const data = JSON.parse(place.querySelector("script").textContent);
    ({ sampling, triplet })[place.dataset.kind](place, data);
  }

  return { softmax, explore, entropy, sample, withRest, barsHtml, polar, tripletState, tripletSvg, tripletHtml, mount };
})();
