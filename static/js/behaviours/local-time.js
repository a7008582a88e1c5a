/* A time is written in the reader's own zone, where that is not the one in which the server wrote it. */

export function connect(element) {
  const at = new Date(element.dateTime);
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(element.dateTime) ?? [];
  const theirs = hours === undefined ? 0 : Number(`${sign}1`) * (hours * 60 + Number(minutes));
  if (-at.getTimezoneOffset() === theirs) return;
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "long" });
  const parts = format.formatToParts(at);
  const zone = parts.find((part) => part.type === "timeZoneName").value;
  const time = parts.filter((part) => part.type === "hour" || part.type === "minute").map((part) => part.value).join(":");
  element.textContent = element.dataset.words.replace("{t}", time).replace("{z}", zone);
}
