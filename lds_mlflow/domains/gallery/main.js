// The gallery: the settings, what is asked of the server by them, and where the answers go.

import {about} from "./about.js";
import {at, make, picture, show, withArrows} from "./elements.js";
import {largeView} from "./large.js";

const STEPS = 8, PAUSE = 120;

const number = (id) => Math.min(about.largest_seed, Math.max(0, Math.floor(Number(at(id).value) || 0)));

function settings() {
  return {
    truncation: Number(at("truncation").value),
    min_density: Number(at("min_density").value),
    sampler: at("sampler").value,
    label: at("label").value,
    balance: at("balance").value,
    format: about.picture,
  };
}

function post(path, rows, more, signal) {
  return fetch(path, {
    method: "POST", headers: {"Content-Type": "application/json"}, signal,
    body: JSON.stringify({dataframe_records: rows, params: {...settings(), ...more}}),
  });
}

async function ask(rows, more = {}, signal = undefined) {
  const answer = await post("invocations", rows, more, signal), found = await answer.json();
  if (!answer.ok) throw new Error(found.message.split("Error: ").pop());
  return found.predictions;
}

const seeds = () => {
  const first = number("seed"), count = Math.min(Number(at("count").value), about.largest_seed - first + 1);
  return Array.from({length: count}, (_, i) => ({seed: first + i}));
};

const between = () => Array.from({length: STEPS}, (_, i) =>
  ({seed: number("from"), seed_to: number("to"), at: i / (STEPS - 1)}));

const open = largeView(ask, (end, seed) => {
  at(end).value = seed;
  drawBetween();
  at("between-title").scrollIntoView({block: "center"});
});

// Returns what draws rows into a list after a pause; a newer drawing takes the place of one that waits for its answer.
function drawing(list, problem, rows, done) {
  let waiting, asked;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      asked?.abort();
      asked = new AbortController();
      list.setAttribute("aria-busy", "true");
      try {
        const found = await ask(rows(), {}, asked.signal);
        show(list, found, (chosen) => open(found, chosen, list));
        problem.textContent = "";
        done(found);
      } catch (error) {
        if (error.name === "AbortError") return;
        problem.textContent = error.message;
      }
      list.setAttribute("aria-busy", "false");
    }, PAUSE);
  };
}

const drawSamples = drawing(at("images"), at("problem"), seeds, (found) => {
  const missed = found.filter((row) => !row.reached).length;
  at("status").textContent = `Seeds ${found[0].seed} to ${found.at(-1).seed}.` + (missed
    ? ` ${missed} of them gave no sample as dense as asked for in fifty draws: their densest is shown, faded.` : "");
});
const drawBetween = drawing(at("between"), at("between-problem"), between, () => {});

function sayAndDraw() {
  const least = Number(at("min_density").value), sampler = about.samplers.find((one) => one.name === at("sampler").value);
  at("truncation-said").value = Number(at("truncation").value).toFixed(1);
  at("min_density-said").value = least ? `denser than ${Math.round(100 * least)} %` : "any";
  for (const [id, able, unset] of [["label", sampler.classes, ""], ["balance", sampler.balance, "data"]]) {
    at(id).disabled = !able || (id === "balance" && at("label").value !== "");
    if (at(id).disabled) at(id).value = unset;
  }
  at("classes-note").hidden = sampler.classes || about.classes.length === 0;
  at("previous").disabled = number("seed") === 0;
  at("next").disabled = number("seed") + Number(at("count").value) > about.largest_seed;
  drawSamples();
  drawBetween();
}

function turn(direction) {
  at("seed").value = Math.max(0, number("seed") + direction * Number(at("count").value));
  sayAndDraw();
}

async function download() {
  const rows = seeds(), answer = await post("archive", rows, {});
  if (!answer.ok) {
    at("problem").textContent = (await answer.json()).message ?? "The server sent no file.";
    return;
  }
  const link = make("a", {
    href: URL.createObjectURL(await answer.blob()),
    download: `${about.facts.name}-${about.facts.version ?? ""}-seeds-${rows[0].seed}-${rows.at(-1).seed}.zip`,
  });
  link.click();
  URL.revokeObjectURL(link.href);
}

function introduce() {
  const {name, version, champion, data, sampler} = about.facts;
  at("name").textContent = name;
  document.title = `${name}, a gallery`;
  const badge = (text, kind = "") => make("span", {className: `badge ${kind}`}, text);
  if (version) {
    at("badges").append(badge(`version ${version}`), champion === version ? badge("champion", "champion")
      : badge(champion ? `not the champion: version ${champion} is` : "no version is the champion"));
  }
  at("data").textContent = data ? `Trained on ${data}. Samples are drawn from ${sampler}.` : "";
  at("reality").hidden = about.real.length === 0;
  at("real").append(...about.real.map((encoded, i) => picture(encoded, about.labels[i] ? `real: ${about.labels[i]}` : `real ${about.noun}`)));
  at("sampler").append(...about.samplers.map((one) => make("option", {value: one.name, title: one.says},
    one.name === "chosen" ? "as registered" : one.name)));
  at("label").append(...about.classes.map((one) => make("option", {value: one}, one)));
  for (const row of document.querySelectorAll(".classes")) row.hidden = about.classes.length === 0;
  for (const id of ["seed", "from", "to"]) at(id).max = about.largest_seed;
}

const able = about.samplers.filter((one) => one.classes).map((one) => one.name === "chosen" ? "as registered" : one.name);
at("classes-note").textContent = `To draw some of the classes, let samples be drawn from: ${able.join(", ")}.`;

introduce();
withArrows(at("images"));
withArrows(at("between"));
at("settings").addEventListener("input", sayAndDraw);
at("ends").addEventListener("input", drawBetween);
for (const id of ["settings", "ends"]) at(id).addEventListener("submit", (event) => event.preventDefault());
at("previous").addEventListener("click", () => turn(-1));
at("next").addEventListener("click", () => turn(1));
at("archive").addEventListener("click", download);
sayAndDraw();
