/* Amounts in minor units, written and read as the server does (portal/rendering): `notation` is the dataset that a form has of its
   currency in the page's language. */

const MINUS = "\u2212";

export function write(amount, notation) {
  const { before, whole, part, after } = parts(amount, notation);
  return before + whole + part + after;
}

export function parts(amount, { before, after, group, groups, point, digits }) {
  const figures = String(Math.abs(amount)).padStart(Number(digits) + 1, "0");
  const [last, others] = groups.split(" ").map(Number);
  let whole = figures.slice(0, figures.length - digits);
  const pieces = [];
  for (let size = last; whole.length > size; size = others) {
    pieces.unshift(whole.slice(-size));
    whole = whole.slice(0, -size);
  }
  return {
    before: (amount < 0 ? MINUS : "") + before,
    whole: [whole, ...pieces].join(group),
    part: digits > 0 ? point + figures.slice(-digits) : "",
    unit: after.trim(),
    after,
  };
}

/* NaN for what is not an amount of the currency: nothing is rounded or guessed. */
export function read(text, { group, point, digits }) {
  const written = text.trim().replace(/\s/gu, "");
  const separators = group.trim() ? `(?:\\${group.trim()}\\d{3})+` : "(?!)";
  const own = new RegExp(`^(\\d{1,15}|\\d{1,3}${separators})(?:\\${point}(\\d+))?$`).exec(written);
  const [, whole, part = ""] = own ?? /^(\d{1,15})\.(\d{1,4})$/.exec(written) ?? [];
  return whole === undefined || part.length > digits ? NaN : Number(whole.replace(/\D/g, "") + part.padEnd(digits, "0"));
}
