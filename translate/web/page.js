() => {
  const give = (place, files, frames) => {
    const input = place.querySelector("input[type=file]");
    if (input) {
      input.files = files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    } else if (frames) {
      requestAnimationFrame(() => give(place, files, frames - 1));
    }
  };
  document.addEventListener("paste", (event) => {
    const place = [...document.querySelectorAll("#picture, #pictures")].find((one) => one.offsetParent);
    const kept = new DataTransfer(); // what was pasted is gone when this function ends
    for (const file of event.clipboardData.files) kept.items.add(file);
    if (!place || !kept.files.length) return;
    // Where one picture is shown, there is nothing to give another to until it is cleared.
    if (!place.querySelector("input[type=file]")) {
      [...place.querySelectorAll(".icon-button-wrapper button")].at(-1)?.click();
    }
    give(place, kept.files, 60);
  });
};
