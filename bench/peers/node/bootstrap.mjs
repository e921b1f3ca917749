// What Lambda's own runtime does around a handler, and less: the loop over
// invocations, without extensions, tracing and logs.
import http from "node:http";
import { handler } from "./index.mjs";

const agent = new http.Agent({ keepAlive: true });
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const base = "/2018-06-01/runtime/invocation/";

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path, agent }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function main() {
  for (;;) {
    const { headers, body } = await call("GET", `${base}next`);
    const response = await handler(JSON.parse(body));
    const id = headers["lambda-runtime-aws-request-id"];
    await call("POST", `${base}${id}/response`, JSON.stringify(response));
  }
}

main();
