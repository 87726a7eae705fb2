// What scrolls can be reached with the keyboard, and the titles of the side bar have a level.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
  for (const title of document.querySelectorAll('[role="heading"]:not([aria-level])')) title.ariaLevel = "2";
});
