// The timeline: robots side by side, drawn from the JSON in this page. Text of strangers goes into text nodes alone.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("timeline-data").textContent);
  const picture = document.getElementById("timeline-picture");
  const status = document.getElementById("timeline-status");
  const events = document.getElementById("timeline-events");
  const controls = document.getElementById("timeline-controls");
  if (!data.lanes.length) { status.textContent = "No robot was recorded."; return; }

  const SVG = "http://www.w3.org/2000/svg";
  const ROUTE = 0, DRILL = 1, RECOVERY = 2, REFUSAL = 3, STOP = 4, LATE = 5, SILENT = 6;
  const KINDS = [
    { mark: ROUTE, name: "ROUTE", one: "route in time", many: "routes in time" },
    { mark: STOP, name: "SAFE_MOVE", one: "halt", many: "halts" },
    { mark: RECOVERY, name: "RECOVERY", one: "recovery", many: "recoveries" },
    { mark: REFUSAL, name: "REFUSAL", one: "refusal", many: "refusals" },
    { mark: LATE, name: "LATE", one: "late decision", many: "late decisions" },
    { mark: SILENT, name: "UNANSWERED", one: "guard silent", many: "times the guard was silent" },
    { mark: DRILL, name: "DRILL", one: "drill", many: "drills" },
  ];
  const kind = mark => KINDS.find(each => each.mark === mark);
  const shown = new Set(KINDS.map(each => each.mark));
  const SPAN_MIN = Math.min(50, data.length), LANE = 62, HEAD = 26, COLUMN = 12, LISTED = 50;
  let from = 0, span = data.length, width = 800, cursor = null, waiting = 0;

  const all = [];
  data.lanes.forEach((lane, number) => lane.events.forEach(event => all.push({
    lane: number, at: event[0], lasted: event[1], mark: event[2], mode: data.modes[event[3]], request: event[4], open: event[5] === 1 })));
  all.sort((a, b) => a.at - b.at);

  const make = (name, attributes, parent) => {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(made);
    return made;
  };
  const titled = (element, text) => { make("title", {}, element).textContent = text; return element; };
  const two = number => String(number).padStart(2, "0");
  const clock = (ms, fine) => {
    const at = new Date(data.begin + ms);
    const text = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
    return fine ? `${text}.${String(at.getUTCMilliseconds()).padStart(3, "0")}` : text;
  };
  const day = ms => { const at = new Date(data.begin + ms); return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`; };
  const long = ms => ms < 1000 ? `${ms} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : ms < 3600000
    ? `${Math.floor(ms / 60000)} min ${Math.round(ms % 60000 / 1000)} s` : `${Math.floor(ms / 3600000)} h ${Math.round(ms % 3600000 / 60000)} min`;
  const several = (number, mark) => `${number.toLocaleString("en")} ${number === 1 ? kind(mark).one : kind(mark).many}`;

  // Shapes: each kind has its own, so that no colour is needed to tell them apart.
  function glyph(mark, x, y, parent) {
    const group = make("g", { transform: `translate(${x.toFixed(1)} ${y})` }, parent);
    if (mark === REFUSAL) make("path", { class: "t-refusal", d: "M-4-4L4 4M-4 4L4-4" }, group);
    else if (mark === RECOVERY) make("path", { class: "t-recovery", d: "M0-5L5 4H-5Z" }, group);
    else if (mark === DRILL) { make("path", { class: "t-drill", d: "M0-7L7 0L0 7L-7 0Z" }, group); letter("D", group); }
    else if (mark === LATE) { make("circle", { class: "t-late", r: 6.5 }, group); letter("!", group); }
    else if (mark === SILENT) { make("rect", { class: "t-watchdog", x: -6.5, y: -6.5, width: 13, height: 13, rx: 2 }, group); letter("W", group); }
    else if (mark === STOP) { make("rect", { class: "t-halt", x: -7, y: -5, width: 14, height: 10 }, group); make("path", { class: "hatch", d: "M-5 5L1-5M0 5L6-5" }, group); }
    else make("path", { class: "t-route", d: "M-6 5V0H-3V5ZM-1 5V-5H2V5ZM4 5V-2H7V5Z" }, group);
    return group;
  }
  function letter(text, group) { make("text", { class: "t-letter", "text-anchor": "middle", y: 3.6 }, group).textContent = text; }

  function ticks() {
    const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5];
    const step = steps.find(each => span / each <= Math.max(2, width / 120)) || 6048e5;
    const first = Math.ceil((data.begin + from) / step) * step - data.begin, found = [];
    for (let at = first; at <= from + span; at += step) found.push(at);
    return { found, fine: step < 1000, days: step >= 864e5 };
  }

  function draw() {
    waiting = 0;
    width = Math.max(280, picture.clientWidth);
    const label = width < 560 ? 0 : 132, plot = width - label - 8, scale = plot / span;
    const x = ms => label + (ms - from) * scale;
    const lane = label ? LANE : LANE + 16, height = HEAD + lane * data.lanes.length + 4;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
    const defs = make("defs", {}, svg);
    const pattern = make("pattern", { id: "hatched", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, defs);
    make("rect", { class: "t-halt", width: 7, height: 7 }, pattern);
    make("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 7 }, pattern);
    const clip = make("clipPath", { id: "plot" }, defs);
    make("rect", { x: label, y: 0, width: plot + 8, height }, clip);

    const marks = ticks();
    marks.found.forEach(at => {
      make("line", { class: "grid", x1: x(at), x2: x(at), y1: HEAD - 4, y2: height }, svg);
      const said = make("text", { class: "tick", x: Math.min(Math.max(x(at), label + 24), width - 30), y: HEAD - 9, "text-anchor": "middle" }, svg);
      said.textContent = marks.days ? day(at).slice(5) : clock(at, marks.fine);
    });
    const counts = new Map(KINDS.map(each => [each.mark, 0]));
    data.lanes.forEach((robot, number) => {
      const top = HEAD + number * lane + (label ? 0 : 16);
      const name = make("text", { class: "lane-name", x: label ? label - 10 : 4, y: label ? top + 34 : top - 3, "text-anchor": label ? "end" : "start" }, svg);
      name.textContent = robot.name.length > 18 && label ? robot.name.slice(0, 17) + "…" : robot.name;
      titled(name, robot.name);
      make("rect", { class: "lane", x: label, y: top + 2, width: plot + 8, height: LANE - 6 }, svg);
      const group = make("g", { "clip-path": "url(#plot)" }, svg);
      if (shown.has(ROUTE)) density(robot, group, top + LANE - 6, x, counts);
      bands(number, group, top + 24, x, counts);
      singles(number, group, top + 12, x, counts);
    });
    if (cursor && cursor.at >= from && cursor.at <= from + span) {
      make("line", { class: "t-cursor", x1: x(cursor.at), x2: x(cursor.at), y1: HEAD - 4, y2: height }, svg);
    }
    picture.replaceChildren(svg);
    tell(counts);
  }

  // Routes in time are many: bars of counts, from the bins, as wide as can be told apart.
  function density(robot, group, bottom, x, counts) {
    const bins = robot.bins.ROUTE || [], columns = new Map();
    for (let i = 0; i < bins.length; i += 2) {
      const begin = bins[i] * data.bin, end = begin + data.bin;
      if (end < from || begin > from + span) continue;
      counts.set(ROUTE, counts.get(ROUTE) + bins[i + 1]);
      const px = Math.max(3, (x(end) - x(begin))), column = Math.floor(x(begin) / px);
      const known = columns.get(column) || { begin, end, count: 0 };
      known.end = end; known.count += bins[i + 1];
      columns.set(column, known);
    }
    let most = 1;
    columns.forEach(each => { most = Math.max(most, each.count); });
    columns.forEach(each => {
      const tall = Math.max(2, 17 * Math.sqrt(each.count / most));
      titled(make("rect", { class: "t-route", x: x(each.begin), y: bottom - tall, width: Math.max(1, x(each.end) - x(each.begin) - .4), height: tall }, group),
        `${several(each.count, ROUTE)}, ${clock(each.begin)} to ${clock(each.end)}`);
    });
  }

  // Halts and drills last: those that would be drawn on one another are drawn as one.
  function bands(number, group, top, x, counts) {
    const halted = shown.has(STOP) ? data.lanes[number].halted : [];
    for (let i = 0; i < halted.length; i += 2) {
      const begin = halted[i] * data.bin;
      if (begin + data.bin < from || begin > from + span) continue;
      titled(make("rect", { class: "t-halted", x: x(begin), y: top, width: Math.max(1, data.bin * (x(1) - x(0))), height: 13 }, group), `halted for ${long(halted[i + 1])} from ${clock(begin)} on`);
    }
    let last = null;
    const flush = () => {
      if (!last) return;
      const text = last.count > 1 ? several(last.count, last.mark)
        : `${kind(last.mark).one}, ${last.first.mode || "no failure mode"}, ${last.first.request}, ${long(last.first.lasted)}${last.first.open ? ", not over" : ""}`;
      titled(make("rect", { class: last.mark === DRILL ? "t-drill" : "", fill: last.mark === DRILL ? "" : "url(#hatched)", x: last.left, y: top, width: Math.max(3, last.right - last.left), height: 13 }, group), text);
      last = null;
    };
    data.lanes[number].events.forEach(event => {
      const [at, lasted, mark, mode, request, open] = event;
      if (mark !== STOP && mark !== DRILL) return;
      if (at + lasted < from || at > from + span || !shown.has(mark)) return;
      counts.set(mark, counts.get(mark) + 1);
      const left = x(at), right = Math.max(left + 3, x(at + lasted));
      if (last && last.mark === mark && left <= last.right + 1) { last.right = Math.max(last.right, right); last.count += 1; return; }
      flush();
      last = { left, right, mark, count: 1, first: { lasted, mode: data.modes[mode], request, open } };
    });
    flush();
  }

  // What has a moment: one shape for each, or for all of a kind that share a column, with their number.
  function singles(number, group, y, x, counts) {
    const columns = new Map();
    data.lanes[number].events.forEach(event => {
      const [at, lasted, mark, mode, request] = event;
      if (mark === STOP || mark === ROUTE || at < from || at > from + span || !shown.has(mark)) return;
      if (mark !== DRILL) counts.set(mark, counts.get(mark) + 1);
      const column = Math.floor(x(at) / COLUMN), known = columns.get(column);
      if (!known) columns.set(column, { at, mark, count: 1, mode: data.modes[mode], request });
      else { known.count += 1; if (mark > known.mark) { known.mark = mark; known.mode = data.modes[mode]; known.request = request; known.at = at; } }
    });
    columns.forEach(each => {
      const made = glyph(each.mark, x(each.at), y, group);
      titled(made, each.count > 1 ? `${each.count} events, the gravest: ${kind(each.mark).one}, ${each.mode}` : `${kind(each.mark).one}, ${each.mode || "no failure mode"}, ${each.request}`);
    });
  }

  function tell(counts) {
    const told = KINDS.filter(each => counts.get(each.mark)).map(each => several(counts.get(each.mark), each.mark));
    const where = day(from) === day(from + span) ? `${day(from)} ${clock(from, span < 5000)} to ${clock(from + span, span < 5000)}`
      : `${day(from)} ${clock(from)} to ${day(from + span)} ${clock(from + span)}`;
    const at = cursor ? ` At ${clock(cursor.at, true)}: ${data.lanes[cursor.lane].name}, ${kind(cursor.mark).one}${cursor.mode ? ", " + cursor.mode : ""}, request ${cursor.request}.` : "";
    status.textContent = `${where} UTC, ${long(Math.round(span))}: ${told.length ? told.join(", ") : "nothing"}.${at}`;
    list();
  }

  function list() {
    const inside = all.filter(each => shown.has(each.mark) && each.at <= from + span && each.at + each.lasted >= from);
    const place = cursor ? Math.max(0, inside.indexOf(cursor) - LISTED / 2) : 0;
    const rows = inside.slice(place, place + LISTED).map(each => {
      const row = document.createElement("tr");
      if (each === cursor) { row.className = "now"; row.setAttribute("aria-current", "true"); }
      const cells = [clock(each.at, true), data.lanes[each.lane].name, kind(each.mark).one, each.request, each.mode || "–", each.lasted ? long(each.lasted) + (each.open ? ", not over" : "") : "–"];
      cells.forEach((text, index) => {
        const cell = document.createElement(index ? "td" : "th");
        if (!index) cell.scope = "row"; else if (index < 5) cell.className = "text";
        cell.textContent = text;
        row.appendChild(cell);
      });
      return row;
    });
    events.hidden = !inside.length;
    events.caption.textContent = inside.length > LISTED
      ? `Events in view: ${(place + 1).toLocaleString("en")} to ${(place + rows.length).toLocaleString("en")} of ${inside.length.toLocaleString("en")}; zoom in to see others` : `Events in view: ${inside.length}`;
    events.tBodies[0].replaceChildren(...rows);
  }

  function look(newFrom, newSpan) {
    span = Math.min(data.length, Math.max(SPAN_MIN, newSpan));
    from = Math.min(data.length - span, Math.max(0, newFrom));
    if (!waiting) waiting = requestAnimationFrame(draw);
  }
  const zoom = (factor, at) => { const centre = at === undefined ? (cursor && cursor.at >= from && cursor.at <= from + span ? cursor.at : from + span / 2) : at; look(centre - (centre - from) * factor, span * factor); };
  function step(forward) {
    const seen = all.filter(each => shown.has(each.mark) && each.mark !== RECOVERY);
    if (!seen.length) return;
    const now = cursor ? seen.indexOf(cursor) : -1;
    let next;
    if (now >= 0) next = seen[now + (forward ? 1 : -1)];
    else next = forward ? seen.find(each => each.at >= from) : seen.filter(each => each.at <= from + span).pop();
    if (!next) return;
    cursor = next;
    const wide = Math.min(span, Math.max(SPAN_MIN, 30000, next.lasted * 4));
    look(next.at - wide / 2, wide);
  }
  const DO = {
    left: () => look(from - span / 4, span), right: () => look(from + span / 4, span), in: () => zoom(.5), out: () => zoom(2),
    all: () => { cursor = null; look(0, data.length); }, next: () => step(true), previous: () => step(false),
  };
  const KEYS = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", "−": "out", Home: "all", 0: "all", n: "next", p: "previous" };

  picture.addEventListener("keydown", event => {
    const name = KEYS[event.key];
    if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    DO[name]();
  });
  controls.addEventListener("click", event => { const name = event.target.dataset && event.target.dataset.do; if (name) DO[name](); });
  const under = event => { const box = picture.getBoundingClientRect(), label = width < 560 ? 0 : 132; return from + (event.clientX - box.left - label) / (width - label - 8) * span; };
  picture.addEventListener("wheel", event => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : .8, under(event)); } }, { passive: false });
  picture.addEventListener("dblclick", event => zoom(.5, under(event)));
  let held = null;
  picture.addEventListener("pointerdown", event => { held = { x: event.clientX, from }; picture.classList.add("dragging"); });
  addEventListener("pointermove", event => { if (held) look(held.from - (event.clientX - held.x) / (width - 140) * span, span); });
  addEventListener("pointerup", () => { held = null; picture.classList.remove("dragging"); });
  addEventListener("resize", () => look(from, span));
  addEventListener("beforeprint", draw);

  const legend = document.getElementById("timeline-legend");
  KINDS.forEach(each => {
    if (each.mark === ROUTE ? !data.lanes.some(lane => lane.bins.ROUTE) : !all.some(one => one.mark === each.mark)) return;
    const label = document.createElement("label"), box = document.createElement("input"), sign = make("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" });
    box.type = "checkbox"; box.checked = true;
    box.addEventListener("change", () => { if (box.checked) shown.add(each.mark); else shown.delete(each.mark); look(from, span); });
    glyph(each.mark, 0, 0, sign);
    label.append(box, sign, document.createTextNode(each.many));
    legend.appendChild(label);
  });
  picture.hidden = controls.hidden = false;
  draw();
})();
