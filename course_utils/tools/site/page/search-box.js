// The search box of notebook 4 without a kernel: a question's vector is compared with the vectors of
// the whole bank. tests/test_site_encoder.py compares the hits with those of Python (search.Index).

const SearchBox = (() => {
  // All vectors (n × size) as numbers: they were stored as whole numbers around their mean.
  function bankVectors({ mean, around }, size) {
    const middle = Encoder.halves(mean);
    const vectors = Encoder.weights(around);
    for (let i = 0; i < vectors.length; i++) vectors[i] += middle[i % size];
    return vectors;
  }

  // The topK rows closest to `query` by cosine, best first, ties by row: [{id, score}].
  function nearest(query, bank, topK, threshold) {
    const size = query.length;
    const hits = [];
    for (let id = 0; id < bank.length / size; id++) {
      let cosine = 0;
      for (let k = 0, at = id * size; k < size; k++, at++) cosine += query[k] * bank[at];
      const score = Math.round(cosine * 1e6) / 1e6;
      if (score >= threshold) hits.push({ id, score });
    }
    return hits.sort((a, b) => b.score - a.score || a.id - b.id).slice(0, topK);
  }

  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
  const escape = (text) => text.replace(/[&<>"']/g, (c) => ENTITIES[c]);

  // As hits_html of widgets/search.py.
  function hitsHtml(hits, color) {
    if (!hits.length) return "<p>No match: nothing in the bank reaches the threshold.</p>";
    const rows = hits.map(({ text, score }) => {
      const number = score.toFixed(2);
      return (
        `<tr><td style="padding:1px 10px 1px 0">${number}</td><td style="width:130px">` +
        `<div role="img" aria-label="cosine ${number}" style="forced-color-adjust:none;height:12px;` +
        `min-width:2px;background:${color};outline:1px solid #8A8A8A;width:${(100 * Math.max(score, 0)).toFixed(2)}%"></div>` +
        `</td><td style="padding-left:10px">${escape(text)}</td></tr>`
      );
    });
    return `<table style="font-size:14px;line-height:1.5">${rows.join("")}</table>`;
  }

  // What question-bank.js holds becomes a function: search(text, topK, threshold) -> hits.
  function open(data) {
    const encoder = Encoder.open(data);
    const bank = bankVectors(data.bank, data.settings.size);
    const search = (text, topK = 5, threshold = -1) =>
      nearest(encoder.encode(text), bank, topK, threshold).map((hit) => ({ ...hit, text: data.texts[hit.id] }));
    return { ...encoder, search };
  }

  // The controls, and what they show, inside `place`.
  function mount(place, data, question) {
    const { search } = open(data);
    const box = document.createElement("div");
    box.className = "search-box";
    box.innerHTML =
      '<label>question <input type="text" autocomplete="off" placeholder="Type a question …"></label>' +
      '<label>top-k <input type="range" min="1" max="20" step="1" value="5"><output></output></label>' +
      '<label>threshold <input type="range" min="0" max="1" step="0.01" value="0"><output></output></label>' +
      '<div class="hits" role="status" aria-live="polite"></div>';
    const [text, count, limit] = box.querySelectorAll("input");
    const [counted, limited] = box.querySelectorAll("output");
    text.value = question;
    const show = () => {
      counted.textContent = count.value;
      limited.textContent = Number(limit.value).toFixed(2);
      box.lastChild.innerHTML = text.value.trim()
        ? hitsHtml(search(text.value, Number(count.value), Number(limit.value)), data.color)
        : "<p>Type a question above.</p>";
    };
    for (const control of [text, count, limit]) control.addEventListener("input", show);
    place.append(box);
    show();
  }

  return { open, mount, hitsHtml };
})();
