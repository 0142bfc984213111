// Tabs after the ARIA pattern: arrow keys move between them, a link into a panel opens it.
const tabs = [...document.querySelectorAll("[role=tab]")];
const open = (tab, focus) => {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", chosen);
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  for (const audio of document.querySelectorAll("audio")) audio.pause();
  if (focus) tab.focus();
};
tabs.forEach((tab, place) => {
  tab.addEventListener("click", () => open(tab, false));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    open(tabs[(place + step + tabs.length) % tabs.length], true);
  });
});
