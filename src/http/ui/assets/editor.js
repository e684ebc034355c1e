// The editor beside a mail: what the scripts would decide follows what is typed.
// Without this file there is a button for it.

const form = document.getElementById("console");
const text = form.elements.text;
const gutter = document.getElementById("gutter");
const PAUSE = 250;
const BLANKS = "    ";

let lines = 0;
function number() {
  const now = text.value.split("\n").length;
  if (now === lines) return;
  lines = now;
  gutter.textContent = Array.from({ length: now }, (_, index) => index + 1).join("\n");
  gutter.scrollTop = text.scrollTop;
}

// One question at a time; what is typed meanwhile is asked when the answer is there.
let waiting, asking = false, again = false;
function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(ask, PAUSE);
}

async function ask() {
  if (asking) { again = true; return; }
  asking = true;
  const came = document.getElementById("came");
  came.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch("/scripts/try", { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin" });
    if (answer.redirected || !answer.headers.get("content-type")?.startsWith("text/html")) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("came");
    if (!fresh) return;
    const open = document.getElementById("script-trace")?.open ?? true;
    came.replaceChildren(...document.adoptNode(fresh).childNodes);
    const trace = document.getElementById("script-trace");
    if (trace) trace.open = open;
  } catch {
    // The connection is lost; the next letter tries again.
  } finally {
    came.removeAttribute("aria-busy");
    asking = false;
    if (again) { again = false; soon(); }
  }
}

// Undoing works only for what is put in as if typed.
function put(words) {
  if (!document.execCommand("insertText", false, words)) {
    text.setRangeText(words, text.selectionStart, text.selectionEnd, "end");
    text.dispatchEvent(new Event("input"));
  }
}

function jump(line) {
  const before = text.value.split("\n");
  const start = before.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(start, start + (before[line - 1] ?? "").length);
  const height = text.scrollHeight / Math.max(before.length, 1);
  text.scrollTop = Math.max(0, height * (line - 1) - text.clientHeight / 2);
  text.scrollIntoView({ block: "nearest" });
}

text.addEventListener("input", () => { number(); soon(); });
text.addEventListener("scroll", () => { gutter.scrollTop = text.scrollTop; });
form.elements.mail.addEventListener("change", soon);

text.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Tab" && !event.shiftKey) {
    event.preventDefault();
    put(BLANKS);
  } else if (event.key === "Enter") {
    // A new line begins where the one before it did.
    const line = text.value.slice(0, text.selectionStart).split("\n").pop();
    event.preventDefault();
    put("\n" + /^[ \t]*/.exec(line)[0]);
  }
});

document.addEventListener("keydown", (event) => {
  const save = document.getElementById("save");
  if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || !save) return;
  event.preventDefault();
  form.requestSubmit(save);
});

form.addEventListener("click", (event) => {
  const place = event.target.closest("a[data-line]");
  if (!place || place.dataset.file !== form.dataset.file) return;
  event.preventDefault();
  jump(Number(place.dataset.line));
});

gutter.hidden = false;
number();
if (location.hash.startsWith("#L")) jump(Number(location.hash.slice(2)));

// What was typed and not saved is not left by mistake.
const begun = text.defaultValue;
let sending = false;
form.addEventListener("submit", () => { sending = true; });
addEventListener("pageshow", () => { sending = false; });
addEventListener("beforeunload", (event) => {
  if (!sending && text.value !== begun) event.preventDefault();
});
