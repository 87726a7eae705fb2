"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);

/* Tables are sorted by a button in each column's head; cells without a number stay last. */
function sortable(table) {
  const heads = all("thead th", table);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const other = now === "ascending" ? "descending" : "ascending";
      const order = now === "none" ? head.dataset.first : other;
      heads.forEach((each) => each.setAttribute("aria-sort", each === head ? order : "none"));
      sortRows(table.tBodies[0], column, order === "ascending" ? 1 : -1);
    });
  });
}

function sortRows(body, column, sign) {
  const value = (row) => (column === 0 ? row.dataset.model : row.cells[column]?.dataset.value);
  const compare = column === 0 ? (a, b) => a.localeCompare(b) : (a, b) => Number(a) - Number(b);
  const rows = [...body.rows];
  const known = rows.filter((row) => value(row) !== undefined);
  known.sort((a, b) => sign * compare(value(a), value(b)));
  body.append(...known, ...rows.filter((row) => value(row) === undefined));
}

/* The leaderboard shows one metric at a time, and the models whose names hold a text. */
function leaderboard() {
  const metric = byId("metric");
  const filter = byId("filter");
  if (!metric) return;
  const boards = all(".board");
  const show = () => {
    const text = filter.value.trim().toLowerCase();
    boards.forEach((board) => { board.hidden = board.dataset.metric !== metric.value; });
    all(".board tbody tr").forEach((row) => { row.hidden = !row.dataset.model.toLowerCase().includes(text); });
    const rows = all("tbody tr", boards.find((board) => !board.hidden));
    byId("count").value = text ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} models` : "";
  };
  metric.addEventListener("change", show);
  filter.addEventListener("input", show);
  show();
}

/* Problems are shown one at a time; the arrow keys turn the pages while they are in view. */
function problems() {
  const articles = all(".problem");
  if (!articles.length) return;
  const task = byId("problem-task");
  let place = 0;
  const show = (index) => {
    place = Math.min(Math.max(index, 0), articles.length - 1);
    articles.forEach((article, each) => { article.hidden = each !== place; });
    const name = articles[place].dataset.task;
    task.selectedIndex = [...task.options].findIndex((option) => option.text === name);
    byId("place").value = `Problem ${place + 1} of ${articles.length}`;
    byId("previous").disabled = place === 0;
    byId("next").disabled = place === articles.length - 1;
  };
  const inView = () => {
    const { top, bottom } = byId("problems").getBoundingClientRect();
    return top < window.innerHeight && bottom > 0;
  };
  byId("previous").addEventListener("click", () => show(place - 1));
  byId("next").addEventListener("click", () => show(place + 1));
  task.addEventListener("change", () => show(articles.findIndex((article) => article.id === task.value)));
  document.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const busy = event.target.closest("input, select, .scroll") || event.altKey || event.ctrlKey || event.metaKey;
    if (step && !busy && inView()) show(place + step);
  });
  show(Math.max(articles.findIndex((article) => `#${article.id}` === location.hash), 0));
}

all("table.sortable").forEach(sortable);
leaderboard();
problems();
all(".tools").forEach((tools) => {
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());
});
