// Showing the leg to somebody: the whole screen, large type, nothing that only the clinician needs.

/** Toggle presenting `root`; `onChange(isPresenting)` hears every change, also when Escape ended it. */
export function createPresenting(root, onChange) {
  let presenting = false;

  function set(next) {
    if (presenting === next) return;
    presenting = next;
    root.classList.toggle("presenting", next);
    onChange(next);
  }
  // Inside a shadow root the document names the host, the root itself names the element.
  const filling = () => root.getRootNode().fullscreenElement === root;
  const onFullscreen = () => !filling() && root.dataset.screen === "full" && end();
  const onKey = (event) => event.key === "Escape" && presenting && end();

  function end() {
    delete root.dataset.screen;
    if (filling()) document.exitFullscreen();
    set(false);
  }

  async function begin() {
    // Phones without full screen, and pages that forbid it, get a sheet over the page.
    root.dataset.screen = "over";
    set(true);
    try {
      await root.requestFullscreen();
      if (presenting) root.dataset.screen = "full";
    } catch (refusal) {
      root.querySelector("[data-act=present]")?.focus();
    }
  }

  document.addEventListener("fullscreenchange", onFullscreen);
  document.addEventListener("keydown", onKey);
  return {
    toggle: () => (presenting ? end() : begin()),
    active: () => presenting,
    destroy() {
      document.removeEventListener("fullscreenchange", onFullscreen);
      document.removeEventListener("keydown", onKey);
      if (filling()) document.exitFullscreen();
    },
  };
}
