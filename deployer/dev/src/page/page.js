"use strict";

// The page of `deployer dev`. It keeps nothing: a token lives in its text field.

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

function problem(error) {
  byId("problem").hidden = !error;
  byId("problem").textContent = error ? `This did not work: ${error.message}` : "";
}

function scopeBoxes(scopes) {
  byId("scopes").replaceChildren(...scopes.map((scope) =>
    make("label", {}, make("input", { type: "checkbox", name: "scope", value: scope }), ` ${scope}`)));
}

async function makeToken(event) {
  event.preventDefault();
  const scope = new FormData(event.target).getAll("scope").join(" ");
  const body = JSON.stringify({ scope });
  const headers = { "Content-Type": "application/json" };
  try {
    byId("token").value = (await get("token", { method: "POST", headers, body })).access_token;
    problem();
  } catch (error) { problem(error); }
}

const VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

function field(label, input, wide) {
  return make("label", { className: wide ? "wide" : "" }, label, input);
}

function routeItem(route, stage) {
  const title = `${route.method} ${route.path}`;
  const who = make("span", { className: route.public ? "who public" : "who" }, route.security);
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
  const answer = make("pre", { hidden: true, tabIndex: 0 });
  answer.setAttribute("aria-live", "polite");
  form.append(make("button", {}, "Try it"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let path = route.path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { name, in: place, input } of inputs) {
      if (!input.value) continue;
      if (place === "query") query.append(name, input.value);
      else if (place === "header") headers[name] = input.value;
      else path = path.replace(`{${name}}`, encodeURIComponent(input.value)).replace(
        `{${name}+}`, input.value.split("/").map(encodeURIComponent).join("/"));
    }
    const token = byId("token").value.trim();
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body.value) headers["Content-Type"] = "application/json";
    const url = `/${stage}${path}${query.size ? `?${query}` : ""}`;
    try {
      const response = await fetch(url, { method: method.value, headers, body: body.value || undefined });
      answer.textContent = `${response.status}\n${await response.text()}`;
      problem();
    } catch (error) { problem(error); }
    answer.hidden = false;
    await requests();
  });
  return make("li", {}, make("details", {}, make("summary", {}, make("span", { className: "route" }, title), who), form, answer));
}

async function explain(id) {
  try {
    byId("explanation").textContent = JSON.stringify(await get(`requests/${id}`), null, 2);
    byId("explanation").hidden = false;
  } catch (error) { problem(error); }
}

let shown = "";

async function requests() {
  const { requests: told } = await get("requests");
  const latest = told.length ? told[0].request_id : "";
  if (latest === shown) return;
  shown = latest;
  byId("requests").replaceChildren(...told.map((one) => {
    const choose = make("button", { type: "button" }, `${one.method} ${one.path}`);
    choose.addEventListener("click", () => explain(one.request_id));
    return make("tr", {}, make("td", {}, String(one.status)), make("td", {}, choose), make("td", {}, one.reason));
  }));
}

let version = "";

async function api() {
  const known = await get("api");
  const text = JSON.stringify(known);
  if (text === version) return;
  version = text;
  document.title = `${known.api} – Portcullis`;
  byId("title").textContent = known.api;
  byId("url").textContent = known.url;
  byId("token-section").hidden = !known.tokens;
  scopeBoxes(known.scopes);
  byId("routes").replaceChildren(...known.routes.map((route) => routeItem(route, known.stage)));
}

async function refresh() {
  try {
    await api();
    await requests();
    problem();
  } catch (error) { problem(error); }
  setTimeout(refresh, 1000);
}

byId("token-form").addEventListener("submit", makeToken);
refresh();
