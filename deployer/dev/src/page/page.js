"use strict";

// The page of `deployer dev`. It stores nothing: a token is only in its text field.

const byId = (id) => document.getElementById(id);

function make(tag, members = {}, ...children) {
  const element = Object.assign(document.createElement(tag), members);
  element.append(...children);
  return element;
}

async function get(path, options) {
  const response = await fetch(path, options);
  const json = await response.json();
  if (!response.ok) throw new Error(json.message);
  return json;
}

function showError(error) {
  byId("error").hidden = !error;
  byId("error").textContent = error ? `Error: ${error.message}` : "";
}

function scopeBoxes(scopes) {
  byId("scopes").replaceChildren(...scopes.map((scope) =>
    make("label", {}, make("input", { type: "checkbox", name: "scope", value: scope }), ` ${scope}`)));
}

async function getToken(event) {
  event.preventDefault();
  const scope = new FormData(event.target).getAll("scope").join(" ");
  const body = JSON.stringify({ scope });
  const headers = { "Content-Type": "application/json" };
  try {
    byId("token").value = (await get("token", { method: "POST", headers, body })).access_token;
    showError();
  } catch (error) { showError(error); }
}

const VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

function field(label, input, wide) {
  return make("label", { className: wide ? "wide" : "" }, label, input);
}

function setCookie(name, value, lifetime) {
  // The prefixes `__Host-` and `__Secure-` require it.
  const secure = name.startsWith("__") ? "; secure" : "";
  document.cookie = `${name}=${value}; path=/; samesite=strict; ${lifetime}${secure}`;
}

// Adds the token where the route's authorizer reads it. Returns the name of a cookie, to delete it.
function presentToken(token, source, headers, query) {
  if (source.query) query.append(source.query, token);
  if (source.header) headers[source.header] = source.scheme === "none" ? token : `Bearer ${token}`;
  if (source.cookie) setCookie(source.cookie, encodeURIComponent(token), "max-age=60");
  return source.cookie;
}

function routeItem(route, stage) {
  const title = `${route.method} ${route.path}`;
  const security = make("span", { className: route.public ? "security public" : "security" }, route.security);
  const form = make("form");
  const inputs = route.parameters.map((parameter) => {
    const input = make("input", { name: parameter.name, required: parameter.required });
    if (parameter.in === "path") input.value = "1";
    form.append(field(`${parameter.name} (${parameter.in})`, input));
    return { ...parameter, input };
  });
  let method = { value: route.method };
  if (route.method === "ANY") {
    method = make("select", {}, ...VERBS.map((verb) => make("option", {}, verb)));
    form.append(field("method", method));
  }
  const body = make("textarea", { rows: 3 });
  if (!["GET", "HEAD", "DELETE", "OPTIONS"].includes(route.method)) form.append(field("body (JSON)", body, true));
  const output = make("pre", { hidden: true, tabIndex: 0 });
  output.setAttribute("aria-live", "polite");
  form.append(make("button", {}, "Send"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let path = route.path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { name, in: location, input } of inputs) {
      if (!input.value) continue;
      if (location === "query") query.append(name, input.value);
      else if (location === "header") headers[name] = input.value;
      else path = path.replace(`{${name}}`, encodeURIComponent(input.value)).replace(
        `{${name}+}`, input.value.split("/").map(encodeURIComponent).join("/"));
    }
    const token = byId("token").value.trim();
    const cookie = token ? presentToken(token, route.token, headers, query) : undefined;
    if (body.value) headers["Content-Type"] = "application/json";
    const url = `/${stage}${path}${query.size ? `?${query}` : ""}`;
    try {
      const response = await fetch(url, { method: method.value, headers, body: body.value || undefined });
      output.textContent = `${response.status}\n${await response.text()}`;
      showError();
    } catch (error) { showError(error); }
    if (cookie) setCookie(cookie, "", "max-age=0");
    output.hidden = false;
    await refreshRequests();
  });
  return make("li", {}, make("details", {}, make("summary", {}, make("span", { className: "route" }, title), security), form, output));
}

async function showTrace(id) {
  try {
    byId("trace").textContent = JSON.stringify(await get(`requests/${id}`), null, 2);
    byId("trace").hidden = false;
  } catch (error) { showError(error); }
}

let latestShown = "";

async function refreshRequests() {
  const { requests: traces } = await get("requests");
  const latest = traces.length ? traces[0].request_id : "";
  if (latest === latestShown) return;
  latestShown = latest;
  byId("requests").replaceChildren(...traces.map((trace) => {
    const select = make("button", { type: "button" }, `${trace.method} ${trace.path}`);
    select.addEventListener("click", () => showTrace(trace.request_id));
    return make("tr", {}, make("td", {}, String(trace.status)), make("td", {}, select), make("td", {}, trace.reason));
  }));
}

let version = "";

async function refreshApi() {
  const api = await get("api");
  const text = JSON.stringify(api);
  if (text === version) return;
  version = text;
  document.title = `${api.api} – Portcullis`;
  byId("title").textContent = api.api;
  byId("url").textContent = api.url;
  byId("token-section").hidden = !api.tokens;
  scopeBoxes(api.scopes);
  byId("routes").replaceChildren(...api.routes.map((route) => routeItem(route, api.stage)));
}

async function refresh() {
  try {
    await refreshApi();
    await refreshRequests();
    showError();
  } catch (error) { showError(error); }
  setTimeout(refresh, 1000);
}

byId("token-form").addEventListener("submit", getToken);
refresh();
