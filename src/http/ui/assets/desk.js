// Life and keys for the pages. Everything works without this file.

const times = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(document.documentElement.lang, { month: "short", day: "numeric" });
const whole = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeStyle: "medium" });

// Times in the reader's zone: the hour for today, the day for the rest.
function showTimes(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const inThread = time.closest(".message, .mailbox") !== null;
    const day = at.toDateString() === today ? "" : days.format(at);
    const hour = day === "" || inThread ? times.format(at) : "";
    time.textContent = [day, hour].filter(Boolean).join(" ");
    time.title = whole.format(at);
  }
}

// Copying needs a script, so its buttons come with it.
function showCopying(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// The page as the server shows it now, taken over part by part; what is open stays
// open, what has the focus keeps it, and nobody's typing is touched.
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
  if (answer.redirected || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
    showTimes(next);
    showCopying(next);
    if (next.innerHTML === part.dataset.shown) continue;
    const shown = next.innerHTML;
    for (const open of part.querySelectorAll("details[open][id]")) {
      const same = next.querySelector("#" + CSS.escape(open.id));
      if (same) same.replaceWith(document.adoptNode(open));
    }
    const focused = document.activeElement?.closest("li[id]")?.id;
    const seen = new Set([...part.querySelectorAll("li[id]")].map((row) => row.id));
    part.replaceChildren(...document.adoptNode(next).childNodes);
    part.dataset.shown = shown;
    for (const row of part.querySelectorAll("li[id]")) {
      if (seen.size > 0 && !seen.has(row.id)) row.classList.add("fresh");
    }
    if (focused) focusRow(document.getElementById(focused));
  }
}

let waiting;
function soon() {
  // Many changes in a moment are one look.
  waiting ??= setTimeout(() => { waiting = undefined; refresh().catch(() => {}); }, 150);
}

function follow() {
  const life = document.getElementById("life");
  if (!life) return;
  const stream = new EventSource("/live");
  const on = life.title;
  let lost = false;
  stream.addEventListener("hello", () => {
    life.dataset.on = "";
    life.title = on;
    if (lost) soon();
    lost = false;
  });
  stream.onerror = () => {
    delete life.dataset.on;
    life.title = life.dataset.lost;
    lost = true;
  };
  const names = ["message.received", "mail.imported", "conversation.routed", "conversation.changed", "outgoing.changed", "mailbox.changed", "scripts.changed"];
  for (const name of names) stream.addEventListener(name, soon);
  // A page that is left may be kept by the browser, and its stream with it; six of
  // them use up all connections that a browser opens to one host.
  addEventListener("pagehide", () => stream.close(), { once: true });
}

// The steps of a trial, as they end.
const trial = document.querySelector("[data-follow]");
if (trial) {
  const stream = new EventSource(trial.dataset.follow);
  stream.addEventListener("step", soon);
  // The server ends the stream with the trial; coming back would only tell the end again.
  stream.onerror = () => { stream.close(); soon(); };
  addEventListener("pagehide", () => stream.close(), { once: true });
}

// A kept page that is shown again has missed what happened meanwhile.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  follow();
  soon();
});

function focusRow(row) {
  const target = row?.querySelector(":scope > a") ?? row;
  target?.focus({ preventScroll: true });
  target?.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const rows = [...document.querySelectorAll(".rows > li, .messages > li")];
  if (rows.length === 0) return;
  const now = rows.indexOf(document.activeElement?.closest("li[id]"));
  const start = step > 0 ? -1 : rows.length;
  focusRow(rows[Math.min(rows.length - 1, Math.max(0, (now === -1 ? start : now) + step))]);
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  r: () => document.getElementById("reply-text")?.focus(),
  u: () => document.querySelector("[data-key=u]")?.click(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (typing && event.key === "Escape") typing.blur();
  if (typing && event.key === "Enter" && (event.ctrlKey || event.metaKey)) typing.form?.requestSubmit();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

// How long a reply can still be taken back; afterwards the button would come too late.
function showUndo() {
  for (const form of document.querySelectorAll("[data-undo]")) {
    const left = Math.ceil((new Date(form.dataset.undo) - Date.now()) / 1000);
    form.hidden = left <= 0;
    form.querySelector(".seconds").textContent = left + " s";
  }
}
setInterval(showUndo, 500);

// Servers take their time; one press is enough, and it shows. The value of the button
// that was pressed is sent all the same, so it is disabled only after that.
document.addEventListener("submit", (event) => {
  const words = event.target.dataset.trial;
  if (!words || !event.submitter) return;
  const button = event.submitter;
  setTimeout(() => { button.disabled = true; button.textContent = words; });
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Without TLS a browser lends no clipboard: what is selected is one key away.
    getSelection().selectAllChildren(text);
    return;
  }
  const words = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = words; }, 2000);
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-submit-on-change]");
  if (form) { event.target.blur(); form.requestSubmit(); }
});

// A reply half written survives a reload; it is forgotten once it is sent.
const reply = document.querySelector("form[data-draft]");
if (reply) {
  const name = "draft:" + reply.dataset.draft;
  const field = reply.elements.text;
  field.value ||= sessionStorage.getItem(name) ?? "";
  // One that was refused comes back with the page.
  if (field.value) sessionStorage.setItem(name, field.value);
  field.addEventListener("input", () => sessionStorage.setItem(name, field.value));
  reply.addEventListener("submit", () => sessionStorage.removeItem(name));
}

// A page that answers a form has the place of what it shows, so that reloading it asks
// for that, and what others do meanwhile appears.
const place = document.querySelector("[data-place]")?.dataset.place;
if (place) history.replaceState(null, "", place + location.hash);

showTimes(document);
showCopying(document);
// On a wide page there is one thing to type; on a narrow one it would hide what stands above.
if (matchMedia("(min-width: 761px)").matches) document.querySelector("[data-first]")?.focus();
for (const part of document.querySelectorAll("[data-live]")) part.dataset.shown = part.innerHTML;
follow();
