// What a page does by itself: formulas, explorers, search, the question bank, answers opened for print.

window.MathJax = {
  // No menu and no reading aloud: their parts would be fetched from a network.
  options: {
    enableMenu: false,
    menuOptions: { settings: { assistiveMml: false } },
    ignoreHtmlClass: "site",
    processHtmlClass: "jp-RenderedMarkdown",
  },
  loader: { load: [] },
  tex: {
    inlineMath: [["$", "$"], ["\\(", "\\)"]],
    processEscapes: true,
    packages: { "[-]": ["autoload", "require"] },
  },
  svg: { fontCache: "local" },
  startup: {
    // A formula that is wider than the screen scrolls, by keyboard too.
    pageReady: () =>
      MathJax.startup.defaultPageReady().then(() => {
        for (const formula of document.querySelectorAll("mjx-container[display=true]")) {
          if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
        }
        // For a screen reader a formula is its TeX.
        for (const { math, typesetRoot } of MathJax.startup.document.math) {
          typesetRoot.querySelector("svg").setAttribute("aria-label", math);
        }
        document.documentElement.dataset.formulas = "ready";
      }),
  },
};

// A script of the site, loaded once. (A page opened from disk may load scripts, but fetch no data.)
const loading = new Map();
function load(name) {
  if (!loading.has(name)) {
    loading.set(name, new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = name;
      script.addEventListener("load", done);
      script.addEventListener("error", () => failed(new Error(`${name} cannot be read`)));
      document.head.append(script);
    }));
  }
  return loading.get(name);
}

// ---- Search: every word of the query must be in a section; titles count more ----

// The sections that fit, best first: [{page, anchor, title, text, score}].
function find(index, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const hits = [];
  for (const [page, anchor, title, text] of index) {
    const [head, rest] = [title.toLowerCase(), text.toLowerCase()];
    if (!words.every((word) => head.includes(word) || rest.includes(word))) continue;
    let score = 0;
    for (const word of words) {
      score += (head.includes(word) ? 20 : 0) + Math.min(10, rest.split(word).length - 1);
    }
    hits.push({ page, anchor, title, text, score });
  }
  return hits.sort((a, b) => b.score - a.score);
}

// A piece of the text around the first word that was looked for.
function around(text, query) {
  const word = query.toLowerCase().split(/\s+/).find((w) => w && text.toLowerCase().includes(w));
  const at = word ? text.toLowerCase().indexOf(word) : 0;
  const start = Math.max(0, at - 50);
  return (start ? "…" : "") + text.slice(start, at + 90) + "…";
}

function show(place, query) {
  const hits = find(searchIndex, query);
  place.replaceChildren();
  if (!query.trim()) return;
  const count = document.createElement("p");
  count.textContent = hits.length ? `${hits.length} sections` : "Nothing found.";
  const list = document.createElement("ol");
  for (const hit of hits.slice(0, 12)) {
    const row = document.createElement("li");
    const link = document.createElement("a");
    link.href = hit.page + (hit.anchor ? "#" + encodeURIComponent(hit.anchor) : "");
    link.textContent = hit.title;
    const said = document.createElement("span");
    said.textContent = around(hit.text, query);
    row.append(link, said);
    list.append(row);
  }
  place.append(count, list);
}

function startSearch() {
  const [field, place] = [document.getElementById("query"), document.getElementById("found")];
  const search = () => show(place, field.value);
  // The index is loaded when it is needed.
  field.addEventListener("focus", () => load("search-index.js").then(search));
  field.addEventListener("input", () => window.searchIndex && search());
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  // a hit on this same page closes the list
  place.addEventListener("click", (event) => event.target.closest("a") && place.replaceChildren());
}

// ---- The question bank: large, so it is loaded when a reader opens its box ----

async function openBank(place) {
  const wait = document.createElement("p");
  wait.textContent = "Loading …";
  place.append(wait);
  try {
    for (const name of ["encoder.js", "search-box.js", "question-bank.js"]) await load(name);
    SearchBox.mount(place, questionBank, place.dataset.question);
    wait.remove();
  } catch (error) {
    wait.textContent = `The box does not work: ${error.message}.`;
  }
}

// ---- The rest ----

function start() {
  if (window.searchIndex === undefined) window.searchIndex = null;
  document.querySelectorAll(".explorer").forEach((place) => Explorers.mount(place));
  if (matchMedia("(min-width: 1100px)").matches) {
    document.querySelector(".contents details").open = true;
  }
  startSearch();
  for (const place of document.querySelectorAll("details.bank")) {
    place.addEventListener("toggle", () => openBank(place), { once: true });
  }
  // On paper all answers are open; afterwards they are as they were.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("main details:not(.code, .bank, [open])")];
    closed.forEach((answer) => (answer.open = true));
  });
  addEventListener("afterprint", () => closed.forEach((answer) => (answer.open = false)));
  document.documentElement.dataset.ready = "yes";
}

start();
