// What the page is told of its model.

export const about = JSON.parse(document.getElementById("about").textContent);

// The words of the page name images; other kinds of examples have their own.
for (const [name, word] of [["noun", about.noun], ["nouns", `${about.noun}s`]]) {
  for (const one of document.querySelectorAll(`.${name}`)) one.textContent = word;
}
