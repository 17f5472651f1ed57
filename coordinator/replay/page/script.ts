// The page's own script, as text that goes into it: zoom and a cursor for plots, a filter for lists, the choice of a
// start. Everything can be read without it. It writes text by textContent alone and asks nobody for anything; its hash
// stands in the page's policy, so that no other script can run there.

import { TIME_STEPS } from "./axis.ts";

export const SCRIPT = `"use strict";
(() => {
  const HOUR = 3600000;
  const DAY = 24 * HOUR;
  const STEPS = ${JSON.stringify(TIME_STEPS)};
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const root = document.documentElement;
  root.classList.add("js");
  const two = (n) => String(n).padStart(2, "0");
  const dayText = (ms) => { const d = new Date(ms); return d.getUTCDate() + " " + MONTHS[d.getUTCMonth()]; };
  const clock = (ms) => { const d = new Date(ms); return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()); };
  const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));
  const all = (from, what) => Array.from(from.querySelectorAll(what));
  const number = (v) => (v < 1 ? Number(v.toPrecision(2)) : Math.round(v * 10) / 10).toLocaleString("en-US", { maximumFractionDigits: 4 });
  const usd = (v) => "$" + v.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

  function begin(section) {
    const data = JSON.parse(section.querySelector("script[type='application/json']").textContent);
    if (data.count === 0) return () => {};
    const areas = all(section, "[data-area]");
    const svgs = all(section, "svg[data-zoom]");
    const times = all(section, "[data-times]");
    const outputs = all(section, "[data-series]").map((at) => ({ at, rest: at.textContent, id: at.dataset.series }));
    const when = section.querySelector("[data-when]");
    const said = section.querySelector("[data-said]");
    const why = section.querySelector("[data-why]");
    const rows = all(section, "tr[data-t]").map((row) => ({
      row, t: Number(row.dataset.t), kind: row.dataset.k, text: row.textContent.toLowerCase(),
    }));
    const search = section.querySelector("[data-search]");
    const kinds = section.querySelector("[data-kind]");
    const shownRows = section.querySelector("[data-shown]");
    const whyAtRest = why ? why.textContent : "";
    const zooms = all(section, "[data-span]");
    const moves = all(section, "[data-move]");
    const lines = areas.map((area) => {
      const line = document.createElement("div");
      line.className = "cursor";
      line.hidden = true;
      area.append(line);
      return line;
    });
    const least = Math.min(data.count, Math.max(4, HOUR / data.widthMs));
    let view = { from: 0, to: data.count };
    let cursor = null;

    const msOf = (column) => data.startMs + column * data.widthMs;
    const whole = () => view.from === 0 && view.to === data.count;

    function look(from, to) {
      const width = clamp(to - from, least, data.count);
      const left = clamp(from, 0, data.count - width);
      view = { from: left, to: left + width };
      draw();
    }

    function draw() {
      const width = view.to - view.from;
      for (const svg of svgs) svg.setAttribute("viewBox", view.from + " 0 " + width + " 1000");
      const fit = areas[0] ? areas[0].clientWidth : 1000;
      for (const pattern of document.querySelectorAll("#hatches [data-turn]"))
        pattern.setAttribute("patternTransform", "scale(" + width / Math.max(1, fit) + " " + 1000 / 150 + ") rotate(" + pattern.dataset.turn + ")");
      const [from, to] = [msOf(view.from), msOf(view.to)];
      const room = clamp(Math.floor(fit / 90), 2, 10);
      const step = STEPS.find((size) => (to - from) / size <= room) || STEPS[STEPS.length - 1];
      const marks = [];
      const shift = step % (7 * DAY) === 0 ? 4 * DAY : 0;
      for (let at = Math.ceil((data.start + from - shift) / step) * step + shift; at <= data.start + to; at += step) marks.push(at);
      let upright = "";
      for (const at of marks) upright += "M" + ((at - data.start - data.startMs) / data.widthMs) + " 0V1000";
      for (const path of all(section, "[data-upright]")) path.setAttribute("d", upright);
      for (const line of times) {
        line.replaceChildren(...marks.map((at) => {
          const label = document.createElement("span");
          const place = ((at - data.start - from) / (to - from)) * 100;
          label.textContent = at % DAY === 0 ? dayText(at) : clock(at);
          label.className = place < 3 ? "first" : place > 96 ? "last" : "";
          label.style.left = place + "%";
          return label;
        }));
      }
      for (const button of zooms) {
        const span = Number(button.dataset.span);
        const columns = span === 0 ? data.count : span / data.widthMs;
        button.setAttribute("aria-pressed", String(Math.abs(width - Math.min(columns, data.count)) < 0.5 && (span === 0 || !whole())));
      }
      for (const button of moves) button.disabled = whole();
      list();
      show(cursor);
    }

    function list() {
      if (!search) return;
      const words = search.value.toLowerCase().split(/\\s+/).filter((word) => word !== "");
      const from = view.from === 0 ? -Infinity : msOf(view.from);
      const to = view.to === data.count ? Infinity : msOf(view.to);
      let count = 0;
      for (const { row, t, kind, text } of rows) {
        const fits = t >= from && t <= to && (kinds.value === "" || kinds.value.split(" ").includes(kind)) && words.every((word) => text.includes(word));
        row.hidden = !fits;
        if (fits) count += 1;
      }
      shownRows.textContent = count + " of " + rows.length + " rows" + (whole() ? "" : " (of the time that the plots show)");
    }

    function show(column) {
      cursor = column === null ? null : clamp(Math.floor(column), 0, data.count - 1);
      const inside = cursor !== null && cursor + 1 > view.from && cursor < view.to;
      for (const line of lines) {
        line.hidden = !inside;
        if (inside) line.style.left = ((cursor + 0.5 - view.from) / (view.to - view.from)) * 100 + "%";
      }
      for (const { at, rest, id } of outputs) {
        if (!inside) { at.textContent = rest; continue; }
        const values = data.series[id];
        const value = values ? values[cursor] : null;
        at.textContent = value === null || value === undefined ? "unknown" : data.money.includes(id) ? usd(value) : number(value);
      }
      if (!inside) {
        when.textContent = whole() ? "" : dayText(data.start + msOf(view.from)) + " " + clock(data.start + msOf(view.from)) + " to " + dayText(data.start + msOf(view.to)) + " " + clock(data.start + msOf(view.to)) + " UTC";
        if (why) why.textContent = whyAtRest;
        return;
      }
      const at = msOf(cursor);
      when.textContent = dayText(data.start + at) + " " + clock(data.start + at) + " UTC";
      if (why) because(at);
    }

    function because(at) {
      const reach = Math.max(0, ((view.to - view.from) / 200 - 1) * data.widthMs);
      const near = rows.filter(({ t }) => t >= at - reach / 2 && t < at + data.widthMs + reach / 2);
      why.textContent = near.length === 0 ? "Nothing happened at this moment." : near.slice(0, 2).map(({ row }) => spoken(row)).join(" · ") + (near.length > 2 ? " · and " + (near.length - 2) + " more" : "");
    }

    function spoken(row) {
      const [at, pool, what, because] = Array.from(row.cells, (cell) => cell.textContent);
      return at + ", " + pool + ": " + what + (because === "" ? "" : ", because " + because);
    }

    function goTo(t) {
      const half = Math.min(data.count, Math.max(least, DAY / data.widthMs)) / 2;
      const column = (t - data.startMs) / data.widthMs;
      cursor = column;
      look(column - half, column + half);
    }

    for (const area of areas) {
      const columnAt = (event) => {
        const box = area.getBoundingClientRect();
        return view.from + clamp((event.clientX - box.left) / box.width, 0, 1) * (view.to - view.from);
      };
      let from = null;
      let band = null;
      area.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || event.pointerType === "touch") { show(columnAt(event)); return; }
        from = columnAt(event);
        area.setPointerCapture(event.pointerId);
        band = document.createElement("div");
        band.className = "drag";
        area.append(band);
        event.preventDefault();
      });
      area.addEventListener("pointermove", (event) => {
        const here = columnAt(event);
        show(here);
        if (band === null) return;
        const share = (column) => ((column - view.from) / (view.to - view.from)) * 100;
        band.style.left = Math.min(share(from), share(here)) + "%";
        band.style.width = Math.abs(share(here) - share(from)) + "%";
      });
      const end = (event) => {
        if (band === null) return;
        band.remove();
        band = null;
        const here = columnAt(event);
        const share = Math.abs(here - from) / (view.to - view.from);
        if (event.type === "pointerup" && share > 0.01) look(Math.min(from, here), Math.max(from, here));
      };
      area.addEventListener("pointerup", end);
      area.addEventListener("pointercancel", end);
      area.addEventListener("pointerleave", () => { if (band === null) show(null); });
    }

    for (const button of zooms) button.addEventListener("click", () => {
      const span = Number(button.dataset.span);
      const columns = span === 0 ? data.count : span / data.widthMs;
      const middle = cursor === null ? (view.from + view.to) / 2 : cursor;
      look(middle - columns / 2, middle + columns / 2);
    });
    for (const button of zooms) button.hidden = Number(button.dataset.span) >= data.count * data.widthMs;
    for (const button of moves) button.addEventListener("click", () => {
      const by = (view.to - view.from) * Number(button.dataset.move);
      look(view.from + by, view.to + by);
    });

    const plots = section.querySelector("[data-plots]");
    plots.addEventListener("keydown", (event) => {
      const width = view.to - view.from;
      const middle = (view.from + view.to) / 2;
      const here = cursor === null ? Math.floor(middle) : cursor;
      const far = event.shiftKey ? 10 : 1;
      if (event.key === "ArrowLeft") show(here - far);
      else if (event.key === "ArrowRight") show(here + far);
      else if (event.key === "+" || event.key === "=") look(here - width / 4, here + width / 4);
      else if (event.key === "-") look(here - width, here + width);
      else if (event.key === "Escape") { cursor = null; look(0, data.count); }
      else return;
      if (cursor !== null && cursor < view.from) look(cursor, cursor + width);
      if (cursor !== null && cursor >= view.to) look(cursor - width + 1, cursor + 1);
      if (event.key.startsWith("Arrow"))
        said.textContent = [when.textContent, ...outputs.map(({ at }) => at.parentElement.textContent), why ? why.textContent : ""].join(", ");
      event.preventDefault();
    });

    for (const link of all(section, "a[data-go]")) link.addEventListener("click", (event) => {
      event.preventDefault();
      goTo(Number(link.dataset.go));
      plots.scrollIntoView({ block: "start" });
      plots.focus({ preventScroll: true });
    });
    if (search) {
      search.addEventListener("input", list);
      kinds.addEventListener("change", list);
    }
    draw();
    return { draw, goTo };
  }

  const sections = all(document, "[data-run]");
  const begun = new Map();
  const which = document.getElementById("which");
  function choose(index) {
    sections.forEach((section, at) => { section.hidden = at !== index; section.open = true; });
    const section = sections[index];
    if (!section) return null;
    if (!begun.has(section)) begun.set(section, begin(section));
    const made = begun.get(section);
    if (made.draw) made.draw();
    if (which) which.value = String(index);
    return made;
  }
  if (which) which.addEventListener("change", () => choose(Number(which.value)));
  for (const link of all(document, "a[data-start]")) link.addEventListener("click", (event) => {
    event.preventDefault();
    const made = choose(Number(link.dataset.start));
    if (made && made.goTo && link.dataset.moment !== undefined) made.goTo(Number(link.dataset.moment));
    document.getElementById("plots").scrollIntoView({ block: "start" });
  });
  choose(0);
  addEventListener("resize", () => { for (const made of begun.values()) if (made.draw) made.draw(); });
})();
`;
