/* The sum of a checkout follows the choice: how much of which invoices, less credit, and what the button says. The server has written
   it for the choice that was loaded, and is asked again what may be chosen for other invoices (of a pay link there is one, of
   `data-total`). It prices what is sent, whatever is shown here. */

import { connectAll } from "../portal.js";
import { parts, read, write } from "../amounts.js";

const MOST_INVOICES = 50;

export function connect(form) {
  const chosen = (name) => form.querySelector(`[name="${name}"]:checked`);
  const isTopUp = Boolean(form.elements.top_up);
  let asked;

  function update() {
    const invoices = [...form.querySelectorAll('[name="invoice"]:is([type="hidden"], :checked)')];
    const total = Number(form.dataset.total ?? invoices.reduce((sum, invoice) => sum + Number(invoice.dataset.amount), 0));
    const now = isTopUp || total ? amountNow(total) : null;
    const charge = now === null ? null : chargeOf(now, Number(chosen("use_credit")?.dataset.amount ?? 0));
    const credit = charge === null ? 0 : now - charge;
    const rest = isTopUp || charge === null ? 0 : total - now;
    const isSplit = chosen("amount_choice")?.value === "split";
    const values = { count: invoices.length, total, now: charge === null ? null : now, credit: -credit, open: rest, follows: rest, charge, button: charge === null ? null : charge || now };
    const shown = { now: isTopUp || rest > 0, credit: credit > 0, open: rest > 0 && !isSplit, follows: rest > 0 && isSplit };
    for (const place of form.querySelectorAll("[data-sum]")) {
      const name = place.dataset.sum;
      if (name in shown) place.parentElement.hidden = !shown[name];
      if (name === "count") place.textContent = values.count;
      else put(place, values[name]);
    }
    // Where the button names what credit pays, since nothing is charged, it says so. (A theme's page of before has no such note.)
    form.querySelector("[data-sum-note]")?.toggleAttribute("hidden", !(credit > 0 && charge === 0));
  }

  /* What is paid now, in minor units; null while nobody can say. */
  function amountNow(total) {
    const choice = chosen("amount_choice");
    if (!choice) return isTopUp ? null : total;
    if (choice.value === "full") return total;
    if (choice.dataset.amount) return Number(choice.dataset.amount);
    const field = form.elements[choice.value === "split" ? "first_amount" : "amount"];
    const typed = read(field.value, form.dataset);
    if (!(typed >= Number(field.dataset.least) && typed <= Number(field.dataset.most))) return null;
    return typed === total || (canCharge(typed) && (isTopUp || canCharge(total - typed))) ? typed : null;
  }

  /* What credit leaves to be charged: it pays less where the rest would be one that the gateway does not charge. */
  function chargeOf(amount, available) {
    const rest = Math.max(0, amount - available);
    if (rest === 0 || canCharge(rest)) return rest;
    const step = Number(form.dataset.chargeStep);
    const raised = Math.ceil(Math.max(rest, Number(form.dataset.chargeLeast)) / step) * step;
    return raised <= amount ? raised : null;
  }

  function canCharge(amount) {
    return amount >= Number(form.dataset.chargeLeast) && amount % Number(form.dataset.chargeStep) === 0;
  }

  function put(place, amount) {
    const isInButton = place.classList.contains("amount");
    if (amount === null) place.replaceChildren(isInButton ? "" : "–");
    else if ("hero" in place.dataset) place.replaceChildren(hero(amount));
    else if (isInButton) place.textContent = write(amount, form.dataset);
    else place.replaceChildren(span("amount", write(amount, form.dataset)));
  }

  function hero(amount) {
    const { before, whole, part, unit } = parts(amount, form.dataset);
    const figure = span(write(amount, form.dataset).length > 11 ? "amount amount-hero amount-long" : "amount amount-hero", before + whole);
    if (part) figure.append(span("amount-part", part));
    if (unit) figure.append(" ", span("amount-unit", unit));
    return figure;
  }

  function span(name, text) {
    const made = document.createElement("span");
    made.className = name;
    if (name.split(" ")[0] === "amount") made.dir = "ltr";
    made.textContent = text;
    return made;
  }

  /* Other invoices have other limits, deposits and currencies. */
  function renew() {
    const invoices = new FormData(form).getAll("invoice");
    if (!invoices.length || invoices.length > MOST_INVOICES) return;
    const query = new URLSearchParams(invoices.map((id) => ["invoice", id]));
    query.append("currency", form.elements.currency.value);
    const request = (asked = new XMLHttpRequest());
    request.responseType = "document";
    request.onload = () => {
      const fresh = request.response?.querySelector("#amounts");
      if (request === asked && request.status === 200 && fresh) take(fresh);
    };
    request.open("GET", `${form.action}?${query}`);
    request.send();
  }

  function take(fresh) {
    const choice = chosen("amount_choice")?.value;
    const typed = ["amount", "first_amount"].map((name) => [name, form.elements[name]?.value]);
    const amounts = form.querySelector("#amounts");
    amounts.replaceChildren(...document.adoptNode(fresh).childNodes);
    connectAll(amounts);
    for (const [name, value] of typed) if (value && form.elements[name]) form.elements[name].value = value;
    const same = [...amounts.querySelectorAll('[name="amount_choice"]')].find((radio) => radio.value === choice);
    if (same) same.checked = true;
    update();
  }

  form.addEventListener("input", update);
  form.addEventListener("change", (event) => event.target.name === "invoice" && renew());
  addEventListener("pageshow", update);
  update();
}
