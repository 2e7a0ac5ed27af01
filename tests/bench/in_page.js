// What the benchmark has each page do: note when each token is shown and how long the page stood still.
// It runs before the page's own scripts. `ask()` fills in the form, as a person would, and waits for the end.
(() => {
  // The most that a timer of 4 ms was late, as a list of [when it rang, how late], in ms.
  let last = performance.now();
  const late = [];
  const tick = () => {
    const now = performance.now();
    late.push([now, now - last - 4]);
    last = now;
  };
  setInterval(tick, 4);
  const longestFreeze = (from, to = Infinity) =>
    Math.max(0, ...late.filter(([rang, how]) => rang - how > from && rang - how <= to).map(([, how]) => how));

  const shown = [];
  const append = Text.prototype.appendData;
  Text.prototype.appendData = function (text) {
    append.call(this, text);
    shown.push([performance.now(), text]);
  };

  const until = (condition) =>
    new Promise((resolve) => {
      const look = () => (condition() ? resolve() : setTimeout(look, 4));
      look();
    });

  window.ask = async (url, model) => {
    const status = document.getElementById("status");
    const send = document.getElementById("send");
    await until(() => document.readyState === "complete" && !send.disabled);
    const ready = performance.now();
    const form = document.forms.server;
    [form.url.value, form.key.value, form.model.value] = [url, "sk-mine", model];
    document.getElementById("question").value = "Hi";
    shown.length = 0;
    document.getElementById("ask").requestSubmit();
    await until(() => !send.hidden && !send.disabled);
    tick();
    if (status.classList.contains("wrong")) throw new Error(document.body.textContent);
    const marked = performance.getEntriesByName("pyodide").at(-1).startTime;
    return {
      ready,
      first: shown[0][0],
      // When each token was shown and when it was sent, both in ms since 1970.
      shown: shown.map(([when]) => performance.timeOrigin + when),
      sent: shown.map(([, text]) => Number(text)),
      freezeOfPyodide: longestFreeze(0, marked),
      freezeOfLibrary: longestFreeze(marked, ready),
      freezeOfStream: longestFreeze(ready),
    };
  };

  window.idle = async (seconds) => {
    const from = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    return longestFreeze(from);
  };

  window.empty = async () => {
    await until(() => window.isLoaded);
    tick();
    return { ready: window.isLoaded, freezeOfPyodide: longestFreeze(0) };
  };
})();
