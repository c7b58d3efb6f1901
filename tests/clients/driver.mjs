// Does what the tests order with the official TypeScript client, 1.x or 2.x: JSON lines in, JSON lines out.
//
//   > {"do": "connect"}                                  < {"result": {"open": "http://.../oauth/authorize?..."}}
//   > {"do": "finish", "with": ["code=...&state=..."]}   < {"result": null}
//   > {"do": "callTool", "with": [{"name": "whoami"}]}   < {"result": {"content": [...]}}
//
// What is no order of ours is a method of the library's Client, called with the arguments given.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const given = JSON.parse(process.argv[2]); // packages, edition, mode, url, redirectUri, answers, capabilities
const require = createRequire(given.packages); // they are not in a folder above this file, where import would look

const { Client, StreamableHTTPClientTransport, UnauthorizedError, named } = given.edition === "1.x" ? first() : second();

function second() {
  return { ...require("@modelcontextprotocol/client"), named: (method) => method };
}

function first() {
  const of = (path) => require(`@modelcontextprotocol/sdk/${path}.js`);
  const schemas = Object.values(of("types")).filter((one) => one?.shape?.method);
  return {
    ...of("client/index"),
    ...of("client/streamableHttp"),
    ...of("client/auth"),
    named: (method) => schemas.find((schema) => schema.shape.method.value === method),
  };
}

const seen = []; // "POST /mcp 401"
const exchanged = []; // the same in full: {"headers": ..., "asked": ..., "status": ..., "type": ..., "said": ...}
const heard = []; // what the server told, and what it asked: {"method": ..., "params": ...}
const memory = {};

const provider = {
  redirectUrl: given.redirectUri,
  clientMetadata: {
    client_name: `The official TypeScript client ${given.edition}`,
    redirect_uris: [given.redirectUri],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "none",
  },
  state: () => (memory.state = crypto.randomUUID()),
  clientInformation: () => memory.client,
  saveClientInformation: (client) => void (memory.client = client),
  tokens: () => memory.tokens,
  saveTokens: (tokens) => void (memory.tokens = tokens),
  codeVerifier: () => memory.verifier,
  saveCodeVerifier: (verifier) => void (memory.verifier = verifier),
  redirectToAuthorization: (url) => void (memory.open = url.href),
  invalidateCredentials: (what) => void (what === "tokens" || what === "all" ? delete memory.tokens : null),
};

let client, transport;

const orders = {
  async connect() {
    const answers = given.answers ?? {};
    const capabilities = given.capabilities ?? {};
    const options = given.edition === "1.x" ? {} : { versionNegotiation: { mode: given.mode } };
    client = new Client({ name: "tests", version: "1" }, { capabilities, ...options });
    for (const [method, answer] of Object.entries(answers)) {
      client.setRequestHandler(named(method), ({ params }) => (heard.push({ method, params }), answer));
    }
    for (const event of ["message", "resources/updated", "tools/list_changed", "prompts/list_changed"]) {
      const method = `notifications/${event}`;
      client.setNotificationHandler(named(method), ({ params }) => void heard.push({ method, params }));
    }
    transport = new StreamableHTTPClientTransport(new URL(given.url), {
      authProvider: given.redirectUri ? provider : undefined,
      fetch: noted,
    });
    try {
      await client.connect(transport);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      return { open: memory.open };
    }
    return { open: null };
  },

  async finish(query) {
    const answer = new URLSearchParams(query);
    if (answer.get("state") !== memory.state) throw new Error("the answer has another state");
    await (given.edition === "1.x" ? transport.finishAuth(answer.get("code")) : transport.finishAuth(answer));
  },

  async callWithProgress(params, extra) {
    const onprogress = (told) => heard.push({ method: "notifications/progress", params: told });
    const call = [params, ...(given.edition === "1.x" ? [undefined] : []), { onprogress, ...extra }];
    return client.callTool(...call);
  },

  // Give up a call as soon as it tells of its progress.
  async abandon(params) {
    const controller = new AbortController();
    const onprogress = () => controller.abort("enough");
    const options = { onprogress, signal: controller.signal };
    await client.callTool(...[params, ...(given.edition === "1.x" ? [undefined] : []), options]);
  },

  async listen(filter) {
    const subscription = await client.listen(filter);
    return subscription.honoredFilter;
  },

  version: () => given.edition === "1.x" ? transport.protocolVersion : client.getNegotiatedProtocolVersion(),
  sessionId: () => transport.sessionId,
  terminate: () => transport.terminateSession(),
  memory: () => memory,
  seen: () => seen.splice(0),
  exchanged: () => exchanged,
  heard: () => heard.splice(0),
  close: () => client.close(),
};

async function noted(url, init) {
  const response = await fetch(url, init);
  const { pathname } = new URL(url);
  seen.push(`${init?.method ?? "GET"} ${pathname} ${response.status}`);
  return response.body && pathname === new URL(given.url).pathname ? readAlong(response, init) : response;
}

// The same response, of which we keep what the client reads.
function readAlong(response, init) {
  const headers = Object.fromEntries(new Headers(init?.headers));
  const type = response.headers.get("content-type") ?? "";
  const exchange = { headers, asked: String(init?.body ?? ""), status: response.status, type, said: "" };
  exchanged.push(exchange);
  const text = new TextDecoder();
  const kept = new TransformStream({
    transform(chunk, onwards) {
      exchange.said += text.decode(chunk, { stream: true });
      onwards.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(kept), response);
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  let answer;
  try {
    const arguments_ = order.with ?? [];
    const result = order.do in orders ? orders[order.do](...arguments_) : client[order.do](...arguments_);
    answer = { result: (await result) ?? null };
  } catch (error) {
    answer = { error: { name: error.constructor.name, code: error.code ?? null, message: error.message } };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
