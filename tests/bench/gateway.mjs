// A load test of the local gateway beside serverless-offline, and a stress test. See
// tests/bench/run.

import { spawn } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync, mkdtempSync, cpSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const autocannon = createRequire(new URL("../../target/tools/load/package.json", import.meta.url))("autocannon");
const seconds = Number(process.argv[2]);
const connections = 50;
const rounds = 3;
// In milliseconds. A built server starts within 10 s.
const startLimit = 60_000;
// In milliseconds. After a load, connections close within a second or two.
const closeLimit = 30_000;
const children = [];

function start(command, args, options) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
  children.push(child);
  return child;
}

/** Returns a promise's value; rejects at the limit with an error that names it. */
async function within(limit, condition, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${limit} ms: ${condition}`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Starts `deployer dev` and returns its `ready` event. */
async function dev(folder, ...more) {
  const child = start("target/release/deployer", ["dev", folder, "--port", "0", "--output", "json", ...more]);
  const lines = createInterface({ input: child.stdout });
  const ready = JSON.parse(await within(startLimit, "deployer dev's first line", new Promise((resolve) => lines.once("line", resolve))));
  lines.on("line", () => {});
  return { ...ready, pid: child.pid };
}

/** Returns a copy of the petstore with another cache TTL. */
function petstore(ttl) {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  cpSync("infra/petstore", folder, { recursive: true });
  const file = join(folder, "portcullis.toml");
  writeFileSync(file, readFileSync(file, "utf8").replace('cache_ttl = "5m"', `cache_ttl = "${ttl}"`));
  return folder;
}

async function token(issuer, scope) {
  const body = new URLSearchParams({ grant_type: "client_credentials", scope });
  return (await (await fetch(`${issuer}/token`, { method: "POST", body })).json()).access_token;
}

async function offline(ttl, issuer) {
  const port = 20000 + Math.floor(Math.random() * 20000);
  const routes = [{ method: "get", path: "/pets/{petId}" }];
  const env = {
    ...process.env, ROUTES: JSON.stringify(routes), TTL: String(ttl), ISSUER: issuer,
    HTTP_PORT: String(port), LAMBDA_PORT: String(port + 1), SLS_NOTIFICATIONS_MODE: "off", SLS_TELEMETRY_DISABLED: "1",
  };
  const child = start("node", ["node_modules/serverless/bin/serverless.js", "offline"], { cwd: "target/tools/serverless-offline", env, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}/dev`;
  for (const end = Date.now() + startLimit; Date.now() < end;) {
    const response = await fetch(`${url}/pets/7`).catch(() => undefined);
    if (response?.status === 401) return { url, pid: child.pid };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`timed out after ${startLimit} ms: serverless-offline responds with 401`);
}

function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
}

const files = (pid) => readdirSync(`/proc/${pid}/fd`).length;

async function load(url, bearer) {
  const result = await autocannon({ url: `${url}/pets/7`, connections, duration: seconds, headers: { authorization: `Bearer ${bearer}` } });
  if (result.non2xx || result.errors) throw new Error(`${url}: ${result.non2xx} other statuses, ${result.errors} errors`);
  return { requests: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function compare() {
  const cached = await dev(petstore("5m"));
  const uncached = await dev(petstore("0s"));
  const bearer = { cached: await token(cached.issuer, "pets:read"), uncached: await token(uncached.issuer, "pets:read") };
  const reference = await offline(300, cached.issuer);
  const subjects = [
    ["`deployer dev`, results cached", cached, bearer.cached],
    ["`deployer dev`, authorizer called each time", uncached, bearer.uncached],
    ["serverless-offline (caches nothing)", reference, bearer.cached],
  ];
  const measured = subjects.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, [, subject, bearer]] of subjects.entries()) measured[at].push(await load(subject.url, bearer));
  }
  return subjects.map(([name, subject], at) => ({
    name,
    requests: median(measured[at].map((one) => one.requests)),
    p50: median(measured[at].map((one) => one.p50)),
    p99: median(measured[at].map((one) => one.p99)),
    memory: memory(subject.pid),
  }));
}

/** Starts a backend that resets connections for some paths. */
async function unreliableBackend() {
  const server = createServer((request, response) => {
    if (request.url.includes("reset")) return request.socket.resetAndDestroy();
    if (request.url.includes("half")) {
      response.writeHead(200, { "content-length": 100 });
      return response.write("half", () => request.socket.resetAndDestroy());
    }
    let bytes = 0;
    request.on("data", (chunk) => { bytes += chunk.length; });
    return request.on("end", () => response.end(`{"bytes":${bytes}}`));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

async function stressTest() {
  const duration = Math.max(seconds * 6, 10);
  const gateway = await dev(petstore("5m"), "--backend", await unreliableBackend());
  const { hostname, port } = new URL(gateway.url);
  const bearer = await token(gateway.issuer, "pets:read pets:write");
  const authorization = `Bearer ${bearer}`;
  await fetch(`${gateway.url}/pets/7`, { headers: { authorization } });
  const before = { memory: memory(gateway.pid), files: files(gateway.pid) };

  const idle = await Promise.all(Array.from({ length: 1000 }, () => new Promise((resolve, reject) => {
    const socket = connect(port, hostname, () => resolve(socket));
    socket.on("error", reject);
  })));
  let slowEnded = 0;
  const slow = Array.from({ length: 50 }, () => {
    const socket = connect(port, hostname, () => socket.write("GET /dev/pets HTTP/1.1\r\n"));
    socket.on("error", () => {});
    socket.on("close", () => { slowEnded += 1; });
    return setInterval(() => socket.writable && socket.write("X"), 1000);
  });
  let [peakMemory, peakFiles] = [0, 0];
  const sampling = setInterval(() => {
    peakMemory = Math.max(peakMemory, memory(gateway.pid));
    peakFiles = Math.max(peakFiles, files(gateway.pid));
  }, 250);

  const until = Date.now() + duration * 1000;
  const large = { sent: 0, failed: 0 };
  const big = Buffer.alloc(10 * 1024 * 1024, 120);
  const posting = Array.from({ length: 4 }, async () => {
    while (Date.now() < until) {
      const response = await fetch(`${gateway.url}/pets`, { method: "POST", body: big, headers: { authorization } });
      large.sent += 1;
      if (response.status !== 200 || (await response.json()).bytes !== big.length) large.failed += 1;
    }
  });
  const reset = { sent: 0, failed: 0 };
  const resetting = Array.from({ length: 4 }, async () => {
    for (let at = 0; Date.now() < until; at += 1) {
      const half = at % 2 === 0;
      const response = await fetch(`${gateway.url}/pets/${half ? "half" : "reset"}`, { headers: { authorization } });
      const text = await response.text().catch(() => "reset");
      reset.sent += 1;
      if (half ? text !== "reset" : response.status !== 504) reset.failed += 1;
    }
  });
  const busy = await autocannon({ url: `${gateway.url}/pets/7`, connections: 200, duration, headers: { authorization } });
  await Promise.all([...posting, ...resetting]);
  slow.forEach(clearInterval);
  clearInterval(sampling);
  idle.forEach((socket) => socket.destroy());
  for (let waited = 0; files(gateway.pid) > before.files + 20 && waited < closeLimit; waited += 200) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const after = { memory: memory(gateway.pid), files: files(gateway.pid) };
  const nextStatus = (await fetch(`${gateway.url}/pets/7`, { headers: { authorization } })).status;
  return {
    seconds: duration, before, peakMemory, peakFiles, after, nextStatus, large, reset, slowEnded,
    busy: { requests: busy.requests.average, p99: busy.latency.p99, non2xx: busy.non2xx, errors: busy.errors, timeouts: busy.timeouts },
  };
}

const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 1 });

try {
  const compared = await compare();
  const stress = await stressTest();
  const machine = { cpu: cpus()[0].model, cores: cpus().length, node: process.version };
  writeFileSync("target/bench/gateway.json", `${JSON.stringify({ machine, seconds, rounds, connections, compared, stress }, null, 2)}\n`);
  const reference = compared.at(-1);
  const rows = compared.map(({ name, requests, p50, p99, memory: mb }) =>
    `| ${name} | ${number(requests)} | ${number(requests / reference.requests)} | ${number(p50)} | ${number(p99)} | ${number(mb)} |`);
  const text = `# The local gateway under load

${machine.cpu}, ${machine.cores} cores shared with the load generator, Node ${machine.node}; ${connections} connections, medians of ${rounds} rounds of ${seconds} s, one after another in one run. Only the ratios are comparable.

| GET /pets/7 with a token | requests a second | × | p50 ms | p99 ms | memory MB |
| --- | --: | --: | --: | --: | --: |
${rows.join("\n")}

## Stress test of ${stress.seconds} s

1,000 idle and 200 busy connections, 50 clients that send headers at a byte a second, 4 that send bodies of 10 MB, 4 whose backend resets connections, all at once.

| | |
| --- | --- |
| busy | ${number(stress.busy.requests)} requests a second, p99 ${number(stress.busy.p99)} ms; ${stress.busy.non2xx} other statuses, ${stress.busy.errors} errors, ${stress.busy.timeouts} time-outs |
| bodies of 10 MB | ${stress.large.sent} sent, ${stress.large.failed} failed |
| backends that reset | ${stress.reset.sent} requests, ${stress.reset.failed} failed (504 before the response began, a reset after) |
| slow clients disconnected | ${stress.slowEnded} of 50 |
| memory MB | ${number(stress.before.memory)} before, ${number(stress.peakMemory)} at most, ${number(stress.after.memory)} after |
| open files | ${stress.before.files} before, ${stress.peakFiles} at most, ${stress.after.files} after |
| the next request | ${stress.nextStatus} |
`;
  writeFileSync("target/bench/gateway.md", text);
  process.stdout.write(text);
} finally {
  children.forEach((child) => child.kill());
}
process.exit();
