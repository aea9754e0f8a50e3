// A Worker that protects its own routes: it asks Latchkey's permission check through a service binding, which goes from
// Worker to Worker without leaving Cloudflare.

/** What each route of this Worker needs. */
const NEEDED = new Map([
  ["GET", "products:read"],
  ["PUT", "products:update"],
  ["DELETE", "products:delete"],
]);

/** The headers that say who asks, and from which page. */
const FORWARDED = [
  "authorization",
  "cookie",
  "origin",
  "referer",
  "sec-fetch-site",
  "sec-fetch-mode",
  "cf-connecting-ip",
  "user-agent",
];

export default {
  async fetch(request, env) {
    const permission = NEEDED.get(request.method);
    if (!permission) {
      return new Response("this method is not taken\n", { status: 405, headers: { Allow: [...NEEDED.keys()].join(", ") } });
    }
    const user = await authorize(request, env, permission);
    if (user instanceof Response) return user;
    return Response.json({ done: permission, by: user.id, roles: user.roles });
  },
};

/** Who the caller is, or the answer that refuses them. What is changed is asked for as of now, what is read within 60 s. */
async function authorize(request, env, permission) {
  const question = new URL("https://latchkey/v1/authorize");
  question.searchParams.set("permission", permission);
  if (request.method !== "GET") question.searchParams.set("fresh", "true");
  const headers = new Headers();
  for (const name of FORWARDED) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  // The question is a GET: without the method of this request a forged change by cookie would pass.
  headers.set("x-forwarded-method", request.method);
  const answer = await env.LATCHKEY.fetch(question, { headers });
  // 401, 403 or 503, with its reason: the caller gets it as it is.
  if (answer.status !== 204) return answer;
  return {
    id: answer.headers.get("x-latchkey-user"),
    roles: answer.headers.get("x-latchkey-roles").split(",").filter(Boolean),
  };
}
