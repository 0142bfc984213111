// The blind test: pairs in an order and on sides that the seed alone decides, levels matched.
const blind = JSON.parse(document.getElementById("blind-data").textContent);
const at = (id) => document.getElementById(`blind-${id}`);

const randomFrom = (seed) => () => { // mulberry32
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

const draw = (pairs, seed) => {
  const random = randomFrom(seed);
  const order = pairs.map((pair) => ({ pair, key: random(), flip: random() < 0.5 }));
  order.sort((a, b) => a.key - b.key);
  return order.map(({ pair, flip }) => {
    const models = Object.keys(pair.sounds);
    return { pair, A: models[flip ? 1 : 0], B: models[flip ? 0 : 1] };
  });
};

const element = (name, values = {}, ...children) => {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
};

// The louder of two is preferred for that alone: it is turned down to the other.
const volume = (trial, model) => {
  const levels = Object.values(trial.pair.sounds).map((sound) => sound.level);
  const own = trial.pair.sounds[model].level;
  if (levels.includes(null)) return 1;
  return 10 ** ((Math.min(...levels) - own) / 20);
};

const trialView = (trial, number) => {
  const sides = ["A", "B"].map((side) => {
    const audio = element("audio", { controls: true, preload: "none" });
    audio.src = document.getElementById(trial.pair.sounds[trial[side]].id).src;
    audio.volume = volume(trial, trial[side]);
    audio.setAttribute("aria-label", `${number}, ${side}`);
    return element("div", {}, element("b", { textContent: side }), audio);
  });
  const choices = [["A", "A"], ["B", "B"], ["none", "no difference"]].map(([value, text]) =>
    element("label", {}, element("input", { type: "radio", name: `trial-${number}`, value }), ` ${text}`));
  return element("li", {}, element("fieldset", {},
    element("legend", { textContent: `${trial.pair.song}, ${trial.pair.track}` }),
    element("div", { className: "sides" }, ...sides),
    element("p", { className: "choices" }, "Better: ", ...choices),
    element("p", { className: "answer" })));
};

// Probability that fair coins give a split as uneven as this, or more.
const chance = (wins, losses) => {
  const n = wins + losses;
  let sum = 0;
  let ways = 1;
  for (let k = 0; k <= Math.min(wins, losses); k += 1) {
    sum += ways;
    ways = (ways * (n - k)) / (k + 1);
  }
  return Math.min(1, (2 * sum) / 2 ** n);
};

let trials = [];
const seed = () => Math.trunc(Math.abs(Number(at("seed").value))) || 0;

const start = () => {
  trials = draw(blind.pairs, seed());
  at("trials").replaceChildren(...trials.map((trial, place) => trialView(trial, place + 1)));
  at("result").textContent = "";
  at("download").hidden = true;
};

const answers = () => trials.map((trial, place) => {
  const choice = document.querySelector(`[name=trial-${place + 1}]:checked`)?.value ?? null;
  return {
    song: trial.pair.song, track: trial.pair.track, A: trial.A, B: trial.B, choice,
    preferred: choice === null ? null : trial[choice] ?? "none",
  };
});

const reveal = () => {
  const given = answers();
  const count = (name) => given.filter((answer) => answer.preferred === name).length;
  const totals = { tuned: count("tuned"), base: count("base"), none: count("none") };
  document.querySelectorAll("#blind-trials .answer").forEach((line, place) => {
    line.textContent = `A: ${trials[place].A}, B: ${trials[place].B}`;
  });
  for (const input of document.querySelectorAll("#blind-trials input")) input.disabled = true;
  at("result").textContent = `Tuned preferred ${totals.tuned} times, base ${totals.base}, no difference `
    + `${totals.none}, not answered ${given.length - totals.tuned - totals.base - totals.none}. Chance alone `
    + `would be as one-sided with probability ${chance(totals.tuned, totals.base).toFixed(3)}.`;
  const { report, recipe_digest } = blind;
  const record = { report, recipe_digest, seed: seed(), listener: at("listener").value, totals, answers: given };
  const link = at("download");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([JSON.stringify(record, null, 2)], { type: "application/json" }));
  link.download = `answers-${record.seed}.json`;
  link.hidden = false;
};

if (blind.pairs.length) {
  at("start").addEventListener("click", start);
  at("seed").addEventListener("change", start);
  at("reveal").addEventListener("click", reveal);
  at("form").addEventListener("submit", (event) => event.preventDefault());
  start();
}
