// JavaScript functions for convert.rs. Headers cross as lines, a name and a value in turn; neither can
// contain a line break.

export function lines(headers) {
  let text = "";
  for (const [name, value] of headers) text += `${name}\n${value}\n`;
  return text;
}

export function head(request) {
  return `${request.method}\n${request.url}\n${lines(request.headers)}`;
}

export function shortBody(request, limit, then) {
  return request.arrayBuffer().then(
    (body) => then(new Uint8Array(body, 0, Math.min(body.byteLength, limit))),
    () => then(undefined),
  );
}

// Each header is appended, so several cookies stay separate.
export function headers(lines) {
  const headers = new Headers();
  const texts = lines.split("\n");
  for (let at = 1; at < texts.length; at += 2) headers.append(texts[at - 1], texts[at]);
  return headers;
}

// The body is copied, because it is a view of the memory of wasm.
export function response(status, lines, body) {
  return new Response(body.length > 0 ? body.slice() : null, { status, headers: headers(lines) });
}
