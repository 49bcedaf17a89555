// The health handler on the Lambda Runtime API, in plain Node: what `start.rs` compares with.
const http = require("node:http");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, path, method, agent }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ headers: response.headers, text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function handler(event) {
  const origin = event.headers && event.headers.Origin;
  const allowed = process.env.CORS_ALLOWED_ORIGINS.split(",").includes(origin);
  const body = {
    success: true,
    status: "ok",
    stage: process.env.STAGE,
    timestamp: new Date().toISOString(),
    version: process.env.VERSION,
  };
  const headers = { "Content-Type": "application/json", Vary: "Origin" };
  if (allowed) headers["Access-Control-Allow-Origin"] = origin;
  console.log(JSON.stringify({ status: 200, path: event.path }));
  return { statusCode: 200, headers, body: JSON.stringify(body) };
}

(async () => {
  for (;;) {
    const { headers, text } = await ask("GET", "/2018-06-01/runtime/invocation/next");
    const id = headers["lambda-runtime-aws-request-id"];
    const answer = JSON.stringify(await handler(JSON.parse(text)));
    await ask("POST", `/2018-06-01/runtime/invocation/${id}/response`, answer);
  }
})();
