// One sound at a time; the picture shows the place and takes a click or an arrow key to move it.
const sounds = [...document.querySelectorAll("audio")];
for (const audio of sounds) {
  const picture = audio.parentElement.querySelector(".picture");
  const mark = picture.querySelector("i");
  const show = () => {
    if (!audio.duration) return;
    mark.style.left = `${(100 * audio.currentTime) / audio.duration}%`;
    mark.style.opacity = audio.currentTime > 0 ? 0.9 : 0;
  };
  audio.addEventListener("play", () => {
    for (const other of sounds) if (other !== audio) other.pause();
    const follow = () => { show(); if (!audio.paused) requestAnimationFrame(follow); };
    follow();
  });
  audio.addEventListener("timeupdate", show);
  const seek = (share) => {
    const go = () => { audio.currentTime = Math.min(Math.max(share, 0), 1) * audio.duration; };
    if (audio.duration) go();
    else { audio.addEventListener("loadedmetadata", go, { once: true }); audio.load(); }
    audio.play();
  };
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    seek((event.clientX - box.left) / box.width);
  });
}
