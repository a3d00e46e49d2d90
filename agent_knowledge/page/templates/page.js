"use strict";
// Everything works without this: it answers in place, piece by piece, and spares a few clicks.
const one = (selector, within = document) => within.querySelector(selector);
const form = one("#ask"), log = one("#log"), pending = one("#pending"), told = one("#status");

const fold = (chip, open) => {
  const story = document.getElementById(chip.getAttribute("aria-controls"));
  chip.setAttribute("aria-expanded", String(open));
  if (story) story.hidden = !open;
};
const foldAllBut = (turn) => {
  for (const chip of document.querySelectorAll(".chip")) fold(chip, turn.contains(chip));
};

const failed = (why) => {
  const box = document.createElement("div");
  box.className = "notice stop";
  box.setAttribute("role", "alert");
  box.textContent = why;
  log.append(box);
};

const show = (row) => {
  const made = document.createElement("template");
  made.innerHTML = row.html; // every text in it was escaped where it was made
  const turn = made.content.firstElementChild;
  log.append(turn);
  foldAllBut(turn);
  form.elements.talk.value = row.talk;
  history.replaceState(null, "", row.at);
  for (const tab of document.querySelectorAll("[data-tab]"))
    tab.href = tab.dataset.tab + row.at.slice(row.at.indexOf("?"));
  pending.hidden = true;
  turn.focus({ preventScroll: true });
  turn.scrollIntoView({ block: "start" });
  told.textContent = "Answered.";
};

async function* lines(body) {
  let held = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    held += value;
    const whole = held.split("\n");
    held = whole.pop();
    for (const line of whole) if (line) yield JSON.parse(line);
  }
}

const ask = async (task) => {
  const said = one("#pending-text"), send = one(".send");
  const fields = new URLSearchParams(new FormData(form));
  fields.set("task", task);
  one(".hello")?.remove();
  one("#pending-task").textContent = task;
  said.textContent = "";
  pending.hidden = false;
  foldAllBut(pending);
  pending.scrollIntoView({ block: "nearest" });
  told.textContent = "Looking it up…";
  send.disabled = true;
  form.elements.task.value = "";
  try {
    const came = await fetch("/ask", { method: "POST", body: fields, headers: { accept: "application/x-ndjson" } });
    if (!came.ok) throw new Error(await came.text());
    let ended = false;
    for await (const row of lines(came.body)) {
      if (row.html) { show(row); ended = true; } else said.textContent += row.piece;
    }
    if (!ended) throw new Error("The answer broke off.");
  } catch (error) {
    pending.hidden = true;
    told.textContent = "";
    failed(error instanceof TypeError ? "The page's server cannot be reached." : error.message);
    form.elements.task.value = task;
  } finally {
    send.disabled = false;
  }
};

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const task = form.elements.task.value;
  if (task.trim() && !one(".send").disabled) ask(task);
});
form?.elements.task.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
document.addEventListener("keydown", (event) => { // whoever types on means the next question
  const plain = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (form && plain && document.activeElement.matches("body, .turn")) form.elements.task.focus();
});
one(".suggestions")?.addEventListener("submit", (event) => {
  event.preventDefault();
  ask(event.submitter.value);
});

log?.addEventListener("click", (event) => {
  const chip = event.target.closest(".chip");
  if (chip) fold(chip, chip.getAttribute("aria-expanded") !== "true");
  const mark = event.target.closest(".ak-mark");
  if (mark) { // the passage itself, in place of the line that names it
    const source = document.getElementById(mark.hash.slice(1));
    const passage = source && one("details", source);
    if (passage) {
      event.preventDefault();
      passage.open = true;
      mark.closest(".ak-cite").dataset.closed = "";
      one("summary", passage).focus({ preventScroll: true });
      source.scrollIntoView({ block: "nearest" });
    }
  }
});
log?.addEventListener("focusin", (event) => {
  const cite = event.target.closest(".ak-mark")?.closest(".ak-cite");
  if (cite) one(".ak-card", cite).scrollIntoView({ block: "nearest" });
});
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    for (const cite of document.querySelectorAll(".ak-cite[data-closed]"))
      if (!cite.contains(event.target)) delete cite.dataset.closed;
  });
}

log?.addEventListener("submit", async (event) => {
  const said = event.target.closest(".feedback");
  if (!said) return;
  event.preventDefault();
  const kept = one(".kept", said), button = event.submitter;
  const fields = new URLSearchParams(new FormData(said));
  fields.set("expected", button.value);
  try {
    const came = await fetch("/feedback", { method: "POST", body: fields, headers: { accept: "application/json" } });
    const row = await came.json();
    kept.textContent = row.kept ?? row.error;
    for (const other of said.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button && came.ok));
  } catch {
    kept.textContent = "The page's server cannot be reached.";
  }
});

const picker = one(".picker");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const cite = document.activeElement?.closest(".ak-cite") ?? one(".ak-cite:hover");
  if (cite) cite.dataset.closed = "";
  if (picker?.open) {
    picker.open = false;
    one("summary", picker).focus();
  }
});
document.addEventListener("click", (event) => {
  if (picker?.open && !picker.contains(event.target)) picker.open = false;
});

if (log) {
  const turns = log.querySelectorAll(".turn");
  const last = (location.hash && document.getElementById(location.hash.slice(1))) || turns[turns.length - 1];
  if (last) foldAllBut(last);
  else form.elements.task.focus({ preventScroll: true });
}
