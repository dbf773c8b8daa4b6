"use strict";
(() => {
  const svg = (tag, attributes, ...inner) => {
    const it = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
    it.append(...inner);
    return it;
  };
  const html = (tag, attributes, ...inner) => {
    const it = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) it.setAttribute(name, value);
    it.append(...inner);
    return it;
  };
  // As everywhere else in the reports.
  const size = (bytes) => {
    if (bytes < 1e3) return bytes + " B";
    if (bytes >= 1e9) return (bytes / 1e9).toFixed(2) + " GB";
    const [unit, name] = bytes < 1e6 ? [1e3, "kB"] : [1e6, "MB"];
    return (bytes / unit).toFixed(bytes / unit < 9.95 ? 1 : 0) + " " + name;
  };

  // Tables: sort by a heading, search in all of them.
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.querySelectorAll("thead th")];
    heads.forEach((head, column) => {
      const button = html("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = table.querySelector("tbody td.number") && table.querySelector(`tbody tr td:nth-child(${column + 1})`)?.dataset.sort !== undefined ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? (first === "ascending" ? "descending" : "ascending") : first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const key = (row) => { const cell = row.cells[column]; return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort); };
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => { const [x, y] = [key(a), key(b)]; return typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)); });
        if (order === "descending") rows.reverse();
        table.tBodies[0].append(...rows);
      });
    });
  }
  const tables = document.querySelectorAll("table");
  const nav = document.querySelector("nav");
  if (nav && tables.length) {
    const input = html("input", { type: "search", id: "find" });
    const found = html("span", { role: "status" });
    nav.after(html("p", { class: "find" }, html("label", { for: "find" }, "Find in all tables: "), input, " ", found));
    let waiting = 0;
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        const wanted = input.value.trim().toLowerCase();
        let count = 0;
        for (const row of document.querySelectorAll("tbody tr")) {
          const is = row.textContent.toLowerCase().includes(wanted);
          row.hidden = !is;
          if (is && wanted) { count++; for (let up = row.closest("details"); up; up = up.parentElement.closest("details")) up.open = true; }
        }
        found.textContent = wanted ? (count === 1 ? "1 row" : count + " rows") : "";
      }, 150);
    });
  }

  const element = document.getElementById("data");
  const data = element && JSON.parse(element.textContent);

  // Tick boxes for rules that wait: what each choice comes to was computed by a plan, and is only looked up here.
  const ways = document.getElementById("choices");
  if (ways && data && data.choices) {
    const { rules, totals, command } = data.choices;
    const total = html("p", { class: "lead", role: "status" });
    const code = html("code", {});
    const tell = () => {
      const chosen = boxes.flatMap((box, at) => (box.checked ? [at] : []));
      total.textContent = totals[chosen.join(" ")] || "Not computed for this choice: the command computes it.";
      code.textContent = command + chosen.map((at) => ` --accept ${rules[at]}`).join("");
    };
    const boxes = rules.map((_, at) => html("input", { type: "checkbox", id: `choice-${at}`, autocomplete: "off" }));
    boxes.forEach((box) => box.addEventListener("change", tell));
    const labels = rules.map((rule, at) => html("label", { for: `choice-${at}` }, boxes[at], " ", rule));
    ways.append(html("fieldset", {}, html("legend", {}, "Let the plan follow"), ...labels), total, html("pre", { tabindex: 0 }, code));
    tell();
  }

  // The map: the same squares as without a script, and a way into each.
  const place = document.getElementById("map-picture");
  if (!data || !place) return;
  const { map, verdicts } = data;
  const WIDTH = 1000, HEIGHT = 520;
  const sum = (list) => list.reduce((all, node) => all + node[1], 0);
  const squares = (nodes, x, y, width, height) => {
    const out = [];
    let rest = nodes.filter((node) => node[1] > 0), total = sum(rest);
    while (rest.length && total > 0 && width > 0 && height > 0) {
      const side = Math.min(width, height), scale = (width * height) / total;
      const worst = (count, bytes) => { const area = bytes * scale, first = rest[0][1] * scale, last = rest[count - 1][1] * scale; return Math.max((side * side * first) / (area * area), (area * area) / (side * side * last)); };
      let count = 1, bytes = rest[0][1];
      while (count < rest.length && worst(count + 1, bytes + rest[count][1]) <= worst(count, bytes)) bytes += rest[count++][1];
      const wide = width >= height, depth = (bytes * scale) / side;
      let at = wide ? y : x;
      for (const node of rest.slice(0, count)) {
        const length = (node[1] * scale) / depth;
        out.push(wide ? [node, x, at, depth, length] : [node, at, y, length, depth]);
        at += length;
      }
      if (wide) { x += depth; width -= depth; } else { y += depth; height -= depth; }
      total -= bytes;
      rest = rest.slice(count);
    }
    return out;
  };
  const crumbs = html("p", { class: "crumbs" });
  const say = html("p", { role: "status" });
  place.before(crumbs);
  place.after(say);
  const short = (name) => (name.length > 60 ? name.slice(0, 59) + "…" : name);
  const label = (node) => `${node[0]}, ${size(node[1])}, ${verdicts[node[2]]}`;
  const show = (path, focus) => {
    const node = path[path.length - 1];
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "map", role: "group", "aria-label": label(node) });
    const draw = (node, x, y, width, height, level) => {
      const open = node[3].length > 0;
      const rect = svg("rect", { x: x + 1, y: y + 1, width: Math.max(0, width - 2), height: Math.max(0, height - 2), fill: `url(#fill-${node[2]})`, stroke: "#16202b", "stroke-width": level === 1 ? 1.5 : .5 });
      const it = svg("g", level === 1 && open ? { tabindex: 0, role: "button", "aria-label": label(node) } : {}, rect, svg("title", {}, label(node)));
      if (width > 60 && height > 18) it.append(svg("text", { x: x + 5, y: y + 15, "font-size": 12, "font-family": "sans-serif", fill: "#101820" }, `${node[0]} ${size(node[1])}`.slice(0, Math.floor((width - 8) / 6.6))));
      if (level === 1 && open) {
        const into = () => show([...path, node], true);
        it.addEventListener("click", into);
        it.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); into(); } });
      }
      if (level === 1 && open && width > 40 && height > 40) for (const child of squares(node[3], x + 3, y + 20, width - 6, height - 23)) it.append(draw(...child, 2));
      return it;
    };
    for (const child of squares(node[3], 0, 0, WIDTH, HEIGHT)) picture.append(draw(...child, 1));
    place.replaceChildren(picture);
    crumbs.replaceChildren(...path.flatMap((step, at) => {
      const button = html("button", { type: "button" }, short(step[0]));
      if (at === path.length - 1) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => show(path.slice(0, at + 1), true));
      return at ? [" › ", button] : [button];
    }));
    say.textContent = `${short(node[0])}, ${size(node[1])}: ` + node[3].slice(0, 5).map((child) => `${short(child[0])} ${size(child[1])}`).join("; ");
    if (focus) crumbs.lastElementChild.focus();
  };
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && crumbs.children.length > 1) crumbs.children[crumbs.children.length - 2].click(); });
  show([map], false);
})();
