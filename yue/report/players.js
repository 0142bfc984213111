// One sound at a time; the picture shows the place in it, and a click there moves it.
const players = [...document.querySelectorAll(".player")];
const pauseOthers = (audio) => {
  for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
};
document.addEventListener("play", (event) => pauseOthers(event.target), true);
for (const player of players) {
  const audio = player.querySelector("audio");
  const picture = player.querySelector(".picture");
  const mark = picture.querySelector("i");
  const show = () => {
    if (!audio.duration) return;
    mark.style.left = `${(100 * audio.currentTime) / audio.duration}%`;
    mark.style.opacity = audio.currentTime > 0 ? 0.9 : 0;
  };
  const follow = () => { show(); if (!audio.paused) requestAnimationFrame(follow); };
  audio.addEventListener("play", follow);
  audio.addEventListener("timeupdate", show);
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    const go = () => { audio.currentTime = share * audio.duration; };
    if (audio.duration) go();
    else audio.addEventListener("loadedmetadata", go, { once: true });
    audio.play();
  });
}
