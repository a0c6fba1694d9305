// Measures the slide that is shown: what stands outside of it, and what is cut off or scrolls.
// Returns texts, none if all is well. Used by slides_check.py.
() => {
  const slide = Reveal.getCurrentSlide();
  const [left, top] = [0, 0];
  const [right, bottom] = [1280, 720];
  const faults = [];
  const name = (e) =>
    e.tagName.toLowerCase() + " “" + (e.alt || e.textContent).trim().replace(/\s+/g, " ").slice(0, 40) + "”";
  let worst = null;
  const look = (rect, element) => {
    if (!rect.width || !rect.height) return;
    const over = {
      bottom: rect.bottom - bottom, right: rect.right - right,
      top: top - rect.top, left: left - rect.left,
    };
    for (const [side, px] of Object.entries(over)) {
      if (px > 0.5 && (!worst || px > worst.px)) worst = { side, px, element };
    }
  };
  const walker = document.createTreeWalker(slide, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    if (element.closest("aside.notes, mjx-assistive-mml, script, style")) continue;
    if (node.nodeType === Node.TEXT_NODE) {
      if (!node.data.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const rect of range.getClientRects()) look(rect, element);
      continue;
    }
    if (element.matches("img, svg, table, pre, details, input, .highlight")) {
      look(element.getBoundingClientRect(), element);
    }
    if (element instanceof SVGElement) continue;
    const style = getComputedStyle(element);
    const cut = ["auto", "scroll", "hidden", "clip"];
    const wide = element.scrollWidth - element.clientWidth;
    const high = element.scrollHeight - element.clientHeight;
    if (cut.includes(style.overflowX) && wide > 1 && element.clientWidth) {
      faults.push(`${name(element)} is ${wide} px wider than its box`);
    }
    if (cut.includes(style.overflowY) && high > 1 && element.clientHeight) {
      faults.push(`${name(element)} is ${high} px higher than its box`);
    }
  }
  if (worst) {
    faults.unshift(`${Math.ceil(worst.px)} px outside (${worst.side}): ${name(worst.element)}`);
  }
  for (const img of slide.querySelectorAll("img")) {
    if (!img.complete || !img.naturalWidth) faults.push(`${name(img)} is not drawn`);
  }
  if (slide.querySelector("[data-mml-node='merror'], mjx-merror")) faults.push("a formula is wrong");
  return faults;
}
