// Tests the page of `deployer dev` in Chromium; exits with 0 on success.
//
//   node click.mjs URL [SCREENSHOT]

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [url, screenshot] = process.argv.slice(2);
const origin = new URL(url).origin;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  const foreignRequests = [];
  // Chromium logs responses of 401 and 403, which are expected here.
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 40[13]/.test(message.text())) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => {
    const { protocol, origin: to } = new URL(request.url());
    if (protocol !== "data:" && to !== origin) foreignRequests.push(request.url());
  });
  await page.goto(url);

  const title = (text) => page.getByRole("heading", { name: text, level: 1 });
  await title("petstore").waitFor();
  assert.equal(await page.locator("#routes > li").count(), 15);
  assert.match(await page.locator("#routes").innerText(), /GET \/pets\/\{petId\}\/owner.*owners:read and pets:read|GET \/pets\/\{petId\}\/owner/s);

  const route = (name) => page.locator("#routes > li").filter({ has: page.getByText(name, { exact: true }) });
  const open = (name) => route(name).locator("summary").click();
  const responseText = async (name, status) => {
    await route(name).getByRole("button", { name: "Send" }).click();
    const response = route(name).locator("pre");
    await response.filter({ hasText: new RegExp(`^${status}\\n`) }).waitFor();
    return response.innerText();
  };
  const token = async (...scopes) => {
    for (const box of await page.getByRole("checkbox").all()) await box.uncheck();
    for (const scope of scopes) await page.getByRole("checkbox", { name: scope, exact: true }).check();
    const before = await page.getByLabel("Token", { exact: true }).inputValue();
    await page.getByRole("button", { name: "Get a token" }).click();
    await page.waitForFunction((old) => document.getElementById("token").value !== old, before);
  };

  // Without a token, with a sufficient scope, with other scopes.
  await open("GET /pets/{petId}");
  assert.match(await responseText("GET /pets/{petId}", 401), /Unauthorized/);
  await token("pets:read");
  await route("GET /pets/{petId}").getByLabel("petId (path)").fill("a b/c");
  assert.match(await responseText("GET /pets/{petId}", 200), /"path":"\/pets\/a%20b%2Fc"/);
  await token("owners:read", "admin");
  assert.match(await responseText("GET /pets/{petId}", 403), /not authorized/);

  // A body, and a path parameter of several segments.
  await open("ANY /admin/{proxy+}");
  await route("ANY /admin/{proxy+}").getByLabel("proxy (path)").fill("staff/7");
  await route("ANY /admin/{proxy+}").getByLabel("method").selectOption("POST");
  await route("ANY /admin/{proxy+}").getByLabel("body (JSON)").fill('{"a": 1}');
  assert.match(await responseText("ANY /admin/{proxy+}", 200), /"body_bytes":8.*"method":"POST".*"path":"\/admin\/staff\/7"/s);

  // The list shows the reason of each request; its trace opens by keyboard too.
  const rows = page.locator("#requests tr");
  await rows.nth(3).waitFor();
  assert.deepEqual(await rows.locator("td:first-child").allInnerTexts(), ["200", "403", "200", "401"]);
  assert.match(await rows.nth(1).innerText(), /does not allow the request: requires scope pets:read/);
  await rows.nth(1).getByRole("button").focus();
  await page.keyboard.press("Enter");
  const traceText = page.locator("#trace");
  await traceText.filter({ hasText: "ACCESS_DENIED" }).waitFor();
  const trace = JSON.parse(await traceText.innerText());
  assert.equal(trace.route, "GET /pets/{petId}");
  const { authorizationToken, headers } = trace.authorizer.event;
  assert.match(authorizationToken ?? headers.Cookie, /^… \(/);

  // Nothing is stored, nothing is loaded from other origins, and the page is accessible.
  assert.deepEqual(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]), ["", 0, 0]);
  await page.reload();
  await title("petstore").waitFor();
  assert.equal(await page.getByLabel("Token", { exact: true }).inputValue(), "");
  // The page's CSP forbids inline scripts, so axe is injected through the debugger.
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]), []);
  assert.deepEqual(foreignRequests, []);
  assert.deepEqual(errors, []);
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
} finally {
  await browser.close();
}
