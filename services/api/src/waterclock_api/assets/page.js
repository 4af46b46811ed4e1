"use strict";
// The API reference: Swagger UI over our OpenAPI document. Every reference is relative, because a gateway may put a prefix in front of our paths.

const STREAM_SECONDS = 5;

// Swagger UI writes HTML as text, after DOMPurify has been over it. No other text becomes a script: of those kinds there is no policy.
globalThis.trustedTypes?.createPolicy("default", { createHTML: (text) => text });

// What Swagger UI shows: no HEAD, summaries without back-ticks (it takes them as plain text), and a dry run where an operation has one.
const prepared = (api) => {
  const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);
  for (const operations of Object.values(api.paths)) {
    delete operations.head;
    for (const operation of Object.values(operations)) {
      operation.summary = operation.summary?.replaceAll("`", "");
      const body = operation.requestBody?.content["application/json"];
      if (body && "dryRun" in (resolve(body.schema)?.properties ?? {})) body.example = { ...body.example, dryRun: true };
    }
  }
  return api;
};

// JSON with one member per line. Numbers keep their text: JSON.parse would round integers above 2^53.
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

// Swagger UI formats JSON with JSON.parse. An answer with a long number is shown as text instead.
const exact = (props) =>
  /json/.test(props.contentType) && typeof props.content === "string" && /\d{16}/.test(props.content)
    ? { ...props, content: indented(props.content), contentType: "text/plain" }
    : props;

// Swagger UI waits for the end of an answer. A stream has none: show what arrives within a few seconds, then close it.
const bounded = async (url, request) => {
  const closing = new AbortController();
  const response = await fetch(url, { ...request, signal: closing.signal });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
  const timer = setTimeout(() => closing.abort(), STREAM_SECONDS * 1000);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  } catch (error) {
    if (!closing.signal.aborted) throw error;
    text += `: closed by this page after ${STREAM_SECONDS} seconds\n`;
  } finally {
    clearTimeout(timer);
  }
  return new Response(text, { status: response.status, statusText: response.statusText, headers: response.headers });
};

const plugin = ({ React }) => ({
  wrapComponents: { responseBody: (Original) => (props) => React.createElement(Original, exact(props)) },
});

async function draw() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  const answer = await fetch("schema/openapi.json");
  if (!answer.ok) throw new Error(`schema/openapi.json: ${answer.status} ${answer.statusText}`);
  SwaggerUIBundle({
    spec: prepared(await answer.json()),
    dom_id: "#api",
    deepLinking: true,
    filter: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    plugins: [plugin],
    requestInterceptor: (request) => Object.assign(request, { userFetch: bounded }),
  });
}

draw().catch((error) => {
  document.getElementById("api").textContent = `The API reference cannot be shown: ${error.message}`;
});
