// The large view of one sample, with the nearest training example beside it.

import {about} from "./about.js";
import {at, bar, make, nameOf, percent, png, shown} from "./elements.js";

// `ask` answers rows; `use` takes a seed as an end of an interpolation.
export function largeView(ask, use) {
  const dialog = at("large");
  let rows = [], number = 0, list = null;

  function entry(term, ...values) {
    return [make("dt", {}, term), make("dd", {}, ...values)];
  }

  function figures(row) {
    return [
      ...entry("Denser than", `${percent(row.denser_than_samples)} of the model’s own samples`,
        bar(row.denser_than_samples, "samples"), `${percent(row.denser_than)} of the training ${about.noun}s`,
        bar(row.denser_than, "training")),
      ...entry("log LDS", row.log_lds.toFixed(2)),
      ...(row.reached ? [] : entry("Not reached", "No draw was as dense as asked for; this is the densest.")),
      ...(row.nearest === undefined ? [] : entry("Distance", `${row.nearest_distance.toPrecision(3)} from the ` +
        `nearest training latent, whose own nearest neighbour is ${row.nearest_spacing.toPrecision(3)} from it`)),
    ];
  }

  async function look(wanted) {
    number = wanted;
    const row = rows[number];
    at("large-title").textContent = nameOf(row);
    at("large-image").src = png(row[about.column]);
    at("large-image").alt = `sample: ${nameOf(row)}`;
    at("nearest").removeAttribute("src");
    for (const id of ["large-besides", "nearest-besides"]) at(id).replaceChildren();
    at("figures").replaceChildren(...figures(row));
    at("large-previous").disabled = number === 0;
    at("large-next").disabled = number === rows.length - 1;
    at("start-here").hidden = at("end-here").hidden = row.at !== undefined;
    at("large-problem").textContent = "";
    try {
      const asked = row.at === undefined ? {seed: row.seed} : {seed: row.seed, seed_to: row.seed_to, at: row.at};
      const [found] = await ask([asked], {nearest: true});
      if (rows[number] !== row) return;
      at("nearest").src = png(found.nearest);
      at("nearest").alt = `reconstruction of the nearest training ${about.noun}`;
      at("figures").replaceChildren(...figures(found));
      for (const [format, media] of Object.entries(about.besides)) {
        const [other] = await ask([asked], {nearest: true, format});
        if (rows[number] !== row) return;
        at("large-besides").append(shown(other[about.column], media));
        at("nearest-besides").append(shown(other.nearest, media));
      }
    } catch (error) {
      at("large-problem").textContent = error.message;
    }
  }

  function go(step) {
    if (rows[number + step]) look(number + step);
  }

  function take(end) {
    dialog.close();
    use(end, rows[number].seed);
  }

  at("large-previous").addEventListener("click", () => go(-1));
  at("large-next").addEventListener("click", () => go(1));
  at("start-here").addEventListener("click", () => take("from"));
  at("end-here").addEventListener("click", () => take("to"));
  at("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => go({ArrowLeft: -1, ArrowRight: 1}[event.key] ?? 0));
  dialog.addEventListener("close", () => list.querySelectorAll("button")[number]?.focus());

  return (shown, which, from) => {
    [rows, list] = [shown, from];
    dialog.showModal();
    look(which);
  };
}
