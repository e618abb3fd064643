// Says whether the page is the browser's own copy. Without it, the strip says what the server knew.
"use strict";
(() => {
  const host = document.querySelector("wsgicache-strip");
  const root = host && host.shadowRoot;
  if (!root) return;
  // A frame got the browser's copy of a page that stood alone.
  if (window !== window.top) { host.remove(); return; }
  const part = (name) => root.getElementById(name);
  const { at, age } = part("strip").dataset;
  // Out of the body: the page may have rules for its last child, or move all that it holds.
  document.documentElement.append(host);
  part("close").hidden = false;
  part("close").onclick = () => host.remove();

  const own = (sentence) => {
    if (part("came").hidden) {
      part("before").textContent = `${part("label").textContent}. ${part("reason").textContent}`;
      part("came").hidden = false;
    }
    part("label").textContent = "BROWSER'S OWN COPY";
    part("label").className = "own";
    part("reason").textContent = sentence;
    part("cure").hidden = true;
    part("age").textContent = Math.max(0, Math.round(Number(age) + Date.now() / 1000 - Number(at)));
  };

  const show = (event) => {
    if (event && event.persisted) {
      own("Back or Forward showed the page as it was, from memory. Nobody was asked.");
      return;
    }
    const [timing] = performance.getEntriesByType("navigation");
    if (!timing) return;
    // deliveryType is "cache" of a copy that a 304 has confirmed, too.
    const { transferSize, encodedBodySize, deliveryType } = timing;
    if (deliveryType === "navigational-prefetch") {
      own("The browser had fetched the page ahead.");
    } else if (transferSize === 0 && (encodedBodySize > 0 || deliveryType === "cache")) {
      own("The browser has kept the page, and asked nobody.");
    } else if (transferSize === 300 && encodedBodySize > 0) {
      own("The browser asked, and the answer was a 304: its own copy is still good.");
    }
  };
  // Only then all sizes are known.
  addEventListener("pageshow", show);
})();
