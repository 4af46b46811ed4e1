"use strict";
// Draws the routes from the OpenAPI document, and lets each be tried. Every reference is relative: a gateway may put a prefix before.

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// What stands between back-ticks is code.
const prose = (text) =>
  text.split("`").map((part, at) => (at % 2 ? make("code", { textContent: part }) : part));

const resolve = (api, schema) => {
  while (schema?.$ref) schema = api.components.schemas[schema.$ref.split("/").pop()];
  return schema ?? {};
};

const kindOf = (api, schema) => {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map((one) => kindOf(api, one)).join(" | ");
  if (schema.type === "array") return kindOf(api, schema.items ?? {}).replace(/^.* \| .*$/, "($&)") + "[]";
  return [schema.type ?? "any", schema.format].filter(Boolean).join(" ");
};

const fieldsTable = (api, schema) => {
  const found = resolve(api, schema);
  const required = new Set(found.required ?? []);
  return make("table", {}, ...Object.entries(found.properties ?? {}).map(([name, each]) =>
    make("tr", {},
      make("td", {}, make("code", { textContent: name }), required.has(name) ? " (required)" : ""),
      make("td", { textContent: kindOf(api, each) }),
      make("td", { textContent: each.default === undefined ? "" : JSON.stringify(each.default) }))));
};

// JSON with a member a line. Each value keeps its text: JSON.parse would round numbers above 2^53.
const indented = (text) => {
  const parts = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  const opens = (part) => part === "{" || part === "[";
  const closes = (part) => part === "}" || part === "]";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return parts.map((part, place) => {
    if (opens(part) && !closes(parts[place + 1])) return ++depth, part + line();
    if (closes(part) && !opens(parts[place - 1])) return --depth, line() + part;
    return part === "," ? part + line() : part === ":" ? ": " : part;
  }).join("");
};

async function show(response, output) {
  output.textContent = `${response.status} ${response.statusText}\n`;
  for (const name of ["location", "etag", "retry-after", "idempotency-replayed"]) {
    if (response.headers.has(name)) output.textContent += `${name}: ${response.headers.get(name)}\n`;
  }
  output.textContent += "\n";
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    if (!response.headers.get("content-type")?.includes("json")) output.textContent += part.value;
  }
  if (response.headers.get("content-type")?.includes("json")) output.textContent += indented(text);
}

// What can be tried without doing it is.
const sample = (api, { schema, example }) => {
  const dry = "dryRun" in (resolve(api, schema).properties ?? {}) ? { dryRun: true } : {};
  return JSON.stringify({ ...example, ...dry }, null, 2);
};

const tryIt = (api, path, method, operation) => {
  const inputs = operation.parameters.map((parameter) =>
    [parameter, make("input", { ariaLabel: parameter.name, required: parameter.in === "path" })]);
  const content = operation.requestBody?.content["application/json"];
  const body = content && make("textarea", { spellcheck: false, value: sample(api, content), ariaLabel: "Body" });
  const output = make("pre", { hidden: true, tabIndex: 0, ariaLive: "polite" });
  const stop = make("button", { type: "button", textContent: "Stop", disabled: true, onclick: () => running.abort() });
  let running;
  const send = async (event) => {
    event.preventDefault();
    running?.abort();
    const ours = running = new AbortController();
    const url = new URL(path.slice(1), document.baseURI);
    const headers = {};
    for (const [parameter, input] of inputs) {
      if (!input.value) continue;
      if (parameter.in === "path") url.pathname = url.pathname.replace("%7Bid%7D", encodeURIComponent(input.value));
      else if (parameter.in === "query") url.searchParams.append(parameter.name, input.value);
      else headers[parameter.name] = input.value;
    }
    const key = document.getElementById("key").value.trim();
    if (key) headers.Authorization = `Bearer ${key}`;
    if (body?.value) headers["Content-Type"] = "application/json";
    output.hidden = false;
    output.textContent = "…";
    stop.disabled = false;
    try {
      await show(await fetch(url, { method, headers, body: body?.value || undefined, signal: ours.signal }), output);
    } catch (error) {
      if (ours === running) output.textContent += error.name === "AbortError" ? "\nstopped" : `\n${error}`;
    } finally {
      if (ours === running) stop.disabled = true;
    }
  };
  const rows = inputs.map(([parameter, input]) => make("tr", {},
    make("td", {}, make("code", { textContent: parameter.name }), ` ${parameter.in}`),
    make("td", {}, input),
    make("td", {}, ...prose(parameter.description ?? kindOf(api, parameter.schema)))));
  return make("form", { onsubmit: send },
    make("table", {}, ...rows),
    ...(body ? [fieldsTable(api, content.schema), body] : []),
    make("button", { type: "submit", textContent: "Send" }),
    stop,
    output);
};

const route = (api, path, method, operation) => {
  const details = make("details", { className: "route" },
    make("summary", {},
      make("span", { className: `method ${method}`, textContent: method }),
      make("span", { className: "path", textContent: path }),
      make("span", { className: "what" }, ...prose(operation.summary ?? ""))));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector(".body")) return;
    const answers = Object.entries(operation.responses).map(([status, each]) =>
      make("tr", {}, make("td", { textContent: status }), make("td", {}, ...prose(each.description))));
    const more = make("p", { hidden: !operation.description }, ...prose(operation.description ?? ""));
    details.append(make("div", { className: "body" }, more, tryIt(api, path, method, operation), make("table", {}, ...answers)));
  });
  return details;
};

async function draw() {
  const answer = await fetch("schema/openapi.json");
  if (!answer.ok) throw new Error(`schema/openapi.json is answered ${answer.status} ${answer.statusText}`);
  const api = await answer.json();
  const groups = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (method === "head") continue;
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(route(api, path, method.toUpperCase(), operation));
    }
  }
  const sections = [...groups].map(([tag, routes]) => make("section", {}, make("h2", { textContent: tag }), ...routes));
  document.getElementById("routes").replaceChildren(...sections);
  document.getElementById("filter").addEventListener("input", ({ target }) => {
    for (const element of document.querySelectorAll(".route")) {
      element.hidden = !element.firstChild.textContent.toLowerCase().includes(target.value.toLowerCase());
    }
    for (const section of sections) section.hidden = !section.querySelector(".route:not([hidden])");
  });
}

draw().catch((error) => {
  document.getElementById("routes").textContent = `The routes cannot be shown: ${error.message}`;
});
