// Times the job apart from Lambda: for each number on stdin, does it as often,
// and says how many microseconds of CPU time this process took.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { bind } from "./bind.mjs";

const text = readFileSync(process.argv[2], "utf8");
const boundary = "arn:aws:iam::111122223333:policy/dev-boundary";

function respond() {
  const event = JSON.parse(text);
  return JSON.stringify({
    requestId: event.requestId,
    status: "success",
    fragment: bind(event.fragment, boundary),
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const before = process.cpuUsage();
  let length = 0;
  for (let i = 0; i < Number(line); i++) {
    length += respond().length;
  }
  const { user, system } = process.cpuUsage(before);
  console.log(user + system, length);
}
