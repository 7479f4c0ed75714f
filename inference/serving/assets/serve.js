"use strict";

// Films are scored one by one, a few at a time: a table fills while it is
// waited for, and no request is too large. What is chosen stays in this page.

const AT_A_TIME = 4;
const TRIES = 8;

const element = (id) => document.getElementById(id);
const facts = JSON.parse(element("films").dataset.facts);
const isBinary = facts.classNames.length === 2;
const films = [];
let shown = null;

class Refusal extends Error {}

function make(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function say(text) {
  element("status").textContent = text;
}

function percent(probability) {
  if (probability > 0 && probability < 0.001) return "< 0.1 %";
  if (probability < 1 && probability > 0.999) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

// Of two classes the second is what is looked for; of more, what is decided on.
function subject(answer) {
  return isBinary ? facts.classNames[1] : answer.decision;
}

// ---- asking the service

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function ask(file, explain) {
  if (file.size > facts.maxBytes) {
    return { error: `more than ${facts.maxBytes / 1e6} MB`, flags: [] };
  }
  for (let attempt = 1; ; attempt++) {
    const form = new FormData();
    form.append("image_bytes", file, file.name);
    const response = await fetch(`v1/predict?explain=${explain}`, {
      method: "POST",
      body: form,
    });
    if ([429, 503].includes(response.status) && attempt < TRIES) {
      await pause(250 * 2 ** attempt * (0.5 + Math.random()));
      continue;
    }
    const content = await response.json();
    if (content.predictions) return content.predictions[0];
    throw new Refusal(content.error);
  }
}

async function score(film, explain) {
  try {
    film.answer = await ask(film.file, explain);
  } catch (error) {
    const reason = error instanceof Refusal
      ? error.message
      : "The service cannot be reached, or the file cannot be read.";
    film.answer = { error: reason, flags: [] };
  }
}

// ---- one film

function drawBars(answer) {
  const names = isBinary ? [facts.classNames[1]] : facts.classNames;
  element("bars").replaceChildren(...names.map((name) => {
    const probability = answer.probabilities[name];
    const item = make("li");
    const line = make("div");
    line.append(make("span", `Probability of ${name}`));
    line.append(make("b", percent(probability)));
    const track = make("span", undefined, "track");
    track.setAttribute("aria-hidden", "true");
    const bar = make("i");
    bar.style.width = `${100 * probability}%`;
    track.append(bar);
    if (isBinary) {
      const mark = make("u");
      mark.style.left = `${100 * facts.threshold}%`;
      track.append(mark);
    }
    item.append(line, track);
    return item;
  }));
}

function meaningOf(answer) {
  const name = subject(answer);
  if (answer.flags.length) {
    return "What the figure means is known for films like those of the " +
      "training alone.";
  }
  if (!facts.isCalibrated) {
    return `Not calibrated: this ranks films, and is not the chance of ${name}.`;
  }
  const calibrated = answer.calibrated[name];
  const rounded = Math.round(100 * calibrated);
  const share = { 0: "hardly any", 100: "nearly all" }[rounded] ??
    `about ${rounded}`;
  return `Calibrated: ${percent(calibrated)}. Of 100 films with this figure, ` +
    `${share} are of ${name}, where it is as frequent as among the ` +
    "validation images.";
}

function ruleOf() {
  if (!isBinary) return "The class with the highest probability is decided on.";
  return `The mark is the threshold, ${facts.threshold.toPrecision(3)}: from ` +
    `it on, ${facts.classNames[1]} is decided on.`;
}

function drawFlags(flags) {
  const box = element("flags");
  box.replaceChildren();
  if (!flags.length) return;
  const note = make("div", undefined, "cautions");
  const list = make("ul");
  list.append(...flags.map((flag) => make("li", facts.flags[flag] ?? flag)));
  note.append(make("h4", "Is this a film like those it was trained on?"), list);
  box.append(note);
}

function placeMap() {
  const film = element("film");
  const map = element("map");
  if (!film.naturalWidth) return;
  // The film is contained in its box: its own edges are not the box's.
  const ratio = Math.min(
    film.clientWidth / film.naturalWidth,
    film.clientHeight / film.naturalHeight,
  );
  map.style.width = `${film.naturalWidth * ratio}px`;
  map.style.height = `${film.naturalHeight * ratio}px`;
  map.style.top = `${(film.clientHeight - film.naturalHeight * ratio) / 2}px`;
}

function drawPictures(film) {
  const { image, map, decision } = film.answer;
  element("film").hidden = !image;
  element("map").hidden = element("explanation").hidden = !map;
  if (image) {
    element("film").src = image;
    element("film").alt = `Film ${film.file.name}`;
  }
  if (map) {
    element("map").src = map;
    element("map").alt = `Map of what speaks for ${decision}`;
  }
}

async function show(film) {
  shown = film;
  if (!film.answer.error && film.answer.image === undefined) {
    say(`Drawing the map of ${film.file.name} …`);
    const scored = film.answer;
    await score(film, true);
    const failure = film.answer.error;
    // What was said of a film stays, whatever becomes of its map.
    if (failure) film.answer = scored;
    if (shown !== film) return;
    say(failure ? `No map of ${film.file.name}: ${failure}` : "");
  }
  const { error, flags, decision } = film.answer;
  element("result").hidden = false;
  element("result-name").textContent = film.file.name;
  element("decision").textContent = error ? `Not scored: ${error}` : decision;
  element("decision").classList.toggle("bad", Boolean(error));
  for (const id of ["bars", "meaning", "rule"]) element(id).hidden = error;
  document.querySelector(".result figure").hidden = error;
  drawFlags(flags);
  for (const each of films) {
    each.row?.classList.toggle("shown", each === film);
  }
  if (error) return;
  drawBars(film.answer);
  element("meaning").textContent = meaningOf(film.answer);
  element("rule").textContent = ruleOf();
  drawPictures(film);
}

// ---- all films

function fill(film) {
  const { error, flags, decision, probabilities, calibrated } = film.answer;
  const head = make("th");
  head.scope = "row";
  const button = make("button", film.file.name);
  button.type = "button";
  button.addEventListener("click", async () => {
    await show(film);
    element("result").scrollIntoView({ block: "start" });
    element("result").focus({ preventScroll: true });
  });
  head.append(button);
  const what = error ? "not scored" : decision;
  const cells = [head, make("td", what, error ? "bad" : "")];
  const name = error ? "" : subject(film.answer);
  cells.push(make("td", error ? "" : percent(probabilities[name]), "n"));
  if (facts.isCalibrated) {
    cells.push(make("td", error ? "" : percent(calibrated[name]), "n"));
  }
  cells.push(make("td", error ?? flags.join("; "), error ? "bad" : "doubt"));
  film.row.replaceChildren(...cells);
}

function list() {
  element("all").hidden = films.length < 2;
  for (const film of films) {
    if (film.row) continue;
    film.row = make("tr");
    const waiting = make("td", `${film.file.name} …`, "quiet");
    waiting.colSpan = facts.isCalibrated ? 5 : 4;
    film.row.append(waiting);
    element("rows").append(film.row);
  }
}

function summary() {
  const done = films.filter((film) => film.answer);
  const bad = done.filter((film) => film.answer.error).length;
  if (done.length < films.length) {
    return `${done.length} of ${films.length} films done …`;
  }
  if (films.length === 1) {
    const { error, decision } = films[0].answer;
    return error
      ? `${films[0].file.name} was not scored: ${error}`
      : `${films[0].file.name}: ${decision}.`;
  }
  const scored = `${done.length - bad} of ${films.length} films scored`;
  return bad ? `${scored}, ${bad} could not be.` : `${scored}.`;
}

async function add(files) {
  const added = [...files].map((file) => ({ file }));
  if (!added.length) return;
  films.push(...added);
  list();
  say(summary());
  element("download").disabled = true;
  const waiting = [...added];
  const work = async () => {
    for (let film; (film = waiting.shift()); ) {
      await score(film, film === added[0]);
      if (!films.includes(film)) continue;
      fill(film);
      say(summary());
      if (film === added[0]) await show(film);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  element("download").disabled = films.some((film) => !film.answer);
  say(summary());
}

// As `disk.cells` has it: a spreadsheet takes no text for a formula.
function cell(value) {
  let text = String(value ?? "");
  if (typeof value !== "number" && /^'*[=+\-@\t]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function toCsv() {
  const names = facts.classNames;
  const header = [
    "filename",
    "decision",
    ...names.map((name) => `probability_${name}`),
    ...names.map((name) => `calibrated_${name}`),
    "flags",
    "error",
  ];
  const rows = films.map(({ file, answer }) => [
    file.name,
    answer.decision,
    ...names.map((name) => answer.probabilities?.[name]),
    ...names.map((name) => answer.calibrated?.[name]),
    answer.flags.join("; "),
    answer.error,
  ]);
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function download() {
  const url = URL.createObjectURL(new Blob([toCsv()], { type: "text/csv" }));
  const link = make("a");
  link.href = url;
  link.download = "scores.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function clear() {
  films.length = 0;
  shown = null;
  element("rows").replaceChildren();
  element("all").hidden = element("result").hidden = true;
  say("");
  element("files").focus();
}

// ---- what the user does

element("files").addEventListener("change", (event) => {
  add(event.target.files);
  // The same file may be chosen again.
  event.target.value = "";
});

const drop = element("drop");
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", type === "dragenter" || type === "dragover");
    if (type === "drop") add(event.dataTransfer.files);
  });
}
// Else a film that misses the box takes the place of this page.
for (const type of ["dragover", "drop"]) {
  window.addEventListener(type, (event) => event.preventDefault());
}

element("opacity").addEventListener("input", (event) => {
  element("map").style.opacity = event.target.value / 100;
  element("opacity-value").textContent = `${event.target.value} %`;
});
element("film").addEventListener("load", placeMap);
window.addEventListener("resize", placeMap);
element("download").addEventListener("click", download);
element("clear").addEventListener("click", clear);
for (const each of document.querySelectorAll("[data-origin]")) {
  each.textContent = new URL(".", location.href).href;
}
