// Two comforts that pages do without: copying a snippet, and the preview within the page.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Without leave to use the clipboard, the text is marked so that a key copies it.
      getSelection().selectAllChildren(code);
      return;
    }
    const label = button.firstChild;
    label.data = "Copied";
    setTimeout(() => (label.data = "Copy"), 2000);
  });
}

const preview = document.getElementById("preview");
if (preview) {
  const link = preview.innerHTML;
  preview.textContent = "Reading the first shard …";
  fetch(preview.dataset.preview)
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
    .then((html) => (preview.innerHTML = html))
    .catch(() => (preview.innerHTML = link));
}
