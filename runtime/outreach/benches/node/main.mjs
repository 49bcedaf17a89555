// The comparison for `benches/functions`: webhook and one-click as a plain Node handler, with the SDK as npm has it,
// polling the Runtime API as Lambda's own runtime does.

import http from "node:http";

const handlers = {
  webhook: () => import("./webhook.mjs"),
  "outreach-unsubscribe": () => import("./unsubscribe.mjs"),
};

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { hostname, port, method, path: `/2018-06-01/runtime/${path}`, agent },
      (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(parts).toString() }));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

const version = "1.0.0";
const failure = (error) => ({ success: false, error, timestamp: new Date().toISOString(), version });

// As every handler of ours: a line in the log, and one of metrics.
function told(event, status, begun) {
  const name = process.env._HANDLER;
  const ms = performance.now() - begun;
  console.log(JSON.stringify({ level: "INFO", message: "answered", function: name, request: event.requestContext.requestId, status, ms: Math.floor(ms) }));
  console.log(JSON.stringify({
    _aws: { CloudWatchMetrics: [{ Dimensions: [["function"]], Metrics: [{ Name: "responseTime", Unit: "Milliseconds" }, { Name: "requests", Unit: "Count" }], Namespace: "DistroNation" }], Timestamp: Date.now() },
    function: name, requests: 1, responseTime: ms,
  }));
}

const { handle } = await handlers[process.env._HANDLER]();
for (;;) {
  const { headers, body } = await ask("GET", "invocation/next");
  const event = JSON.parse(body);
  const begun = performance.now();
  let status = 200;
  let answer;
  try {
    answer = await handle(event);
  } catch (error) {
    status = error.status ?? 500;
    answer = failure(error.status ? error.message : "Internal server error");
  }
  told(event, status, begun);
  const reply = {
    statusCode: status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify(status === 200 ? { success: true, ...answer, timestamp: new Date().toISOString(), version } : answer),
  };
  await ask("POST", `invocation/${headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(reply));
}
