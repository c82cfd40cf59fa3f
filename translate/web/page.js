() =>
  document.addEventListener("paste", (event) => {
    const input = document.querySelector("#picture input[type=file]");
    if (input && event.clipboardData.files.length) {
      input.files = event.clipboardData.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
