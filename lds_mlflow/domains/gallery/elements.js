// Elements of the page: how a sample is shown, and how one goes from one to the next by the keyboard.

import {about} from "./about.js";

export const at = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const png = (encoded) => `data:image/png;base64,${encoded}`;
export const picture = (encoded, alt) => make("img", {src: png(encoded), alt});

// An example in a format that is no picture, by its media type: sound to be played, or a text.
export const shown = (value, media) => media.startsWith("audio/")
  ? make("audio", {controls: true, src: `data:${media};base64,${value}`}) : make("p", {className: "text"}, value);

// What is below one in a hundred has a decimal: most samples lie less densely than almost all training examples.
export const percent = (share) => `${share > 0 && share < 0.01 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;

export function bar(share, kind) {
  const filled = make("span");
  filled.style.width = `${100 * share}%`;
  return make("span", {className: `bar ${kind}`}, filled);
}

export const nameOf = (row) =>
  row.at === undefined ? `Seed ${row.seed}` : `${percent(row.at)} of the way from seed ${row.seed} to ${row.seed_to}`;

const sentence = (row) =>
  `${nameOf(row)}: denser than ${percent(row.denser_than_samples)} of the model's samples and ` +
  `${percent(row.denser_than)} of the training ${about.noun}s` + (row.reached ? "" : "; less dense than asked for");

// Shows samples in a list. `open` is called with the number of the one that is chosen.
export function show(list, rows, open) {
  list.replaceChildren(...rows.map((row, number) => {
    const button = make("button", {type: "button", className: row.reached ? "thumb" : "thumb missed", title: sentence(row)},
      picture(row[about.column], ""), bar(row.denser_than_samples, "samples"), bar(row.denser_than, "training"),
      make("span", {className: "caption"}, row.at === undefined ? `seed ${row.seed}` : percent(row.at)));
    button.setAttribute("aria-label", sentence(row));
    button.addEventListener("click", () => open(number));
    return make("li", {}, button);
  }));
}

// Lets the arrow keys, Home and End go from button to button of a list.
export function withArrows(list) {
  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")], now = buttons.indexOf(document.activeElement);
    const columns = buttons.filter((one) => one.offsetTop === buttons[0].offsetTop).length;
    const steps = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -now,
      End: buttons.length - 1 - now};
    const next = buttons[now + steps[event.key]];
    if (now >= 0 && next) {
      event.preventDefault();
      next.focus();
    }
  });
}
