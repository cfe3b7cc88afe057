//! A request as an operation of a service with its input, whose members have the names of the model
//! wherever the request contains them: in the path, the query, the headers, the body or a form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

use super::model::{Model, Service};
use super::{Refusal, Request};

/// A call of an operation.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation's name.
    pub operation: String,
    /// The input, by the names of the model's members.
    pub input: Value,
    /// The access key, which is the account.
    pub account: String,
    /// The Region of the signature.
    pub region: String,
}

impl Call {
    /// Reads a request. Refused are requests of no operation, values of another type, and members
    /// that the model does not have.
    pub fn read(request: &Request<'_>) -> Result<Self, Refusal> {
        let authorization = request.header("authorization").unwrap_or_default();
        let scope = authorization.split_once("Credential=").map_or("", |(_, scope)| scope);
        let scope: Vec<&str> = scope.split('/').collect();
        let [account, _, region, service, ..] = scope[..] else {
            return Err(Refusal::unknown_operation(request));
        };
        let Some(service) = Service::of_scope(service) else {
            return Err(Refusal::unknown_operation(request));
        };
        let (operation, input) =
            if service.is_query() { form(service, request)? } else { rest(service, request)? };
        let operation = operation["name"].as_str().unwrap().to_owned();
        Ok(Self {
            service,
            operation,
            input,
            account: account.to_owned(),
            region: region.to_owned(),
        })
    }

    /// A text of the input; empty without one.
    pub fn text(&self, member: &str) -> &str {
        self.input[member].as_str().unwrap_or_default()
    }
}

/// Returns the operation of a model, for a request that is not a form, and its input.
fn rest<'a>(service: Service, request: &Request<'_>) -> Result<(&'a Value, Value), Refusal> {
    let model = service.model();
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let query = pairs(query);
    let found = model.operations().filter_map(|operation| {
        let http = &operation["http"];
        let (template, fixed) = split(http["requestUri"].as_str().unwrap());
        let values = path_values(template, path).filter(|_| http["method"] == request.method)?;
        let fixed = pairs(fixed);
        let fits = fixed.iter().all(|pair| query.contains(pair));
        // The most specific template has the fewest parameters.
        fits.then_some(((values.len(), usize::MAX - fixed.len()), operation, values, fixed))
    });
    let (_, operation, values, fixed) =
        found.min_by_key(|(rank, ..)| *rank).ok_or_else(|| Refusal::unknown_operation(request))?;
    let shape = model.input(operation);
    let mut input = Map::new();
    let mut names: BTreeSet<&str> = fixed.iter().map(|(name, _)| name.as_str()).collect();
    let mut rest_of_query = None;
    for (member, reference) in shape["members"].as_object().into_iter().flatten() {
        let name = reference["locationName"].as_str().unwrap_or(member);
        let target = model.target(reference);
        match reference["location"].as_str() {
            Some("uri") => {
                let value = values.get(name).map(String::as_str).unwrap_or_default();
                input.insert(member.clone(), converted(service, member, target, value)?);
            }
            Some("querystring") if target["type"] == "map" => rest_of_query = Some(member),
            Some("querystring") => {
                names.insert(name);
                let found = query.iter().filter(|(known, _)| known == name);
                let found: Vec<&str> = found.map(|(_, value)| value.as_str()).collect();
                if target["type"] == "list" {
                    let items: Vec<Value> = found.into_iter().map(Value::from).collect();
                    if !items.is_empty() {
                        input.insert(member.clone(), Value::from(items));
                    }
                } else if let Some(value) = found.first() {
                    input.insert(member.clone(), converted(service, member, target, value)?);
                }
            }
            Some("header") => {
                if let Some(value) = request.header(name) {
                    input.insert(member.clone(), converted(service, member, target, &value)?);
                }
            }
            _ => {}
        }
    }
    let others = query.iter().filter(|(name, _)| !names.contains(name.as_str()));
    let others: Map<String, Value> =
        others.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    match (rest_of_query, others.keys().next()) {
        (Some(member), Some(_)) => _ = input.insert(member.clone(), Value::from(others)),
        (None, Some(name)) => return Err(unknown(service, name)),
        _ => {}
    }
    body(service, model, shape, request, &mut input)?;
    Ok((operation, Value::from(input)))
}

/// Adds the members of a request's body to the input.
fn body(
    service: Service,
    model: &Model,
    shape: &Value,
    request: &Request<'_>,
    input: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    if let Some(member) = shape["payload"].as_str() {
        let is_blob = model.target(&shape["members"][member])["type"] == "blob";
        let value = if is_blob {
            Value::from(String::from_utf8_lossy(request.body))
        } else {
            parse(service, request.body)?
        };
        if !request.body.is_empty() {
            input.insert(member.to_owned(), value);
        }
        return Ok(());
    }
    if request.body.is_empty() {
        return Ok(());
    }
    let Value::Object(body) = parse(service, request.body)? else {
        return Err(Refusal::serialization(service, "the body is not an object"));
    };
    let members = shape["members"].as_object();
    let in_body = |reference: &Value| reference["location"].is_null();
    for (key, value) in body {
        let found = members.into_iter().flatten().find(|(member, reference)| {
            in_body(reference) && reference["locationName"].as_str().unwrap_or(member) == key
        });
        let Some((member, _)) = found else { return Err(unknown(service, &key)) };
        input.insert(member.clone(), value);
    }
    Ok(())
}

fn parse(service: Service, body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::serialization(service, &format!("the body is not JSON: {error}")))
}

fn unknown(service: Service, name: &str) -> Refusal {
    Refusal::serialization(service, &format!("the model has no member {name}"))
}

/// Returns a text as a value of a shape's type.
fn converted(service: Service, member: &str, shape: &Value, text: &str) -> Result<Value, Refusal> {
    let value = match shape["type"].as_str().unwrap() {
        "boolean" => text.parse().ok().map(Value::Bool),
        "integer" | "long" => text.parse::<i64>().ok().map(Value::from),
        "double" | "float" => {
            text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
        }
        _ => Some(Value::from(text)),
    };
    value.ok_or_else(|| {
        let kind = shape["type"].as_str().unwrap();
        Refusal::serialization(service, &format!("{member} is no {kind}: {text}"))
    })
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// Returns the parameters of a path that matches a template.
fn path_values(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut segments = path.trim_matches('/').split('/');
    let mut values = BTreeMap::new();
    for part in template.trim_matches('/').split('/') {
        let segment = segments.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if segment.is_empty() => return Some(values).filter(|_| name.is_empty()),
            Some(name) => _ = values.insert(name.trim_end_matches('+').to_owned(), decode(segment)),
            None if part == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(values)
}

/// Returns the names and values of a query or a form, decoded.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decode(&plus(name)), decode(&plus(value)))).collect()
}

fn plus(text: &str) -> String {
    text.replace('+', " ")
}

/// Decodes percent-encoding; text that is not encoded correctly is not changed.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Returns the operation that a form names, and its input.
fn form<'a>(service: Service, request: &Request<'_>) -> Result<(&'a Value, Value), Refusal> {
    let model = service.model();
    let text = String::from_utf8_lossy(request.body);
    let mut fields: BTreeMap<String, String> = pairs(&text).into_iter().collect();
    let action = fields.remove("Action").unwrap_or_default();
    let version = fields.remove("Version").unwrap_or_default();
    let operation = model.operations().find(|operation| operation["name"] == action.as_str());
    let operation = operation
        .filter(|_| version == service.version())
        .ok_or_else(|| Refusal::unknown_operation(request))?;
    let shape = model.input(operation);
    let input = if shape.is_null() {
        Value::Null
    } else {
        from_fields(service, model, shape, "", &mut fields)?
            .unwrap_or_else(|| Value::from(Map::new()))
    };
    match fields.keys().next() {
        Some(name) => Err(unknown(service, name)),
        None => Ok((operation, input)),
    }
}

/// Takes the value of a shape from the fields of a form whose names have this prefix.
fn from_fields(
    service: Service,
    model: &Model,
    shape: &Value,
    prefix: &str,
    fields: &mut BTreeMap<String, String>,
) -> Result<Option<Value>, Refusal> {
    let below = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
    if !fields.keys().any(|name| name == prefix || name.starts_with(&below)) {
        return Ok(None);
    }
    match shape["type"].as_str().unwrap() {
        "structure" => {
            let mut value = Map::new();
            for (member, reference) in shape["members"].as_object().unwrap() {
                let name = reference["locationName"].as_str().unwrap_or(member);
                let path = format!("{below}{name}");
                let found = from_fields(service, model, model.target(reference), &path, fields)?;
                value.extend(found.map(|found| (member.clone(), found)));
            }
            Ok(Some(Value::from(value)))
        }
        "list" => {
            let mut items = Vec::new();
            let item = model.target(&shape["member"]);
            // An empty list is a field without a value.
            fields.remove(prefix);
            loop {
                let path = format!("{prefix}.member.{}", items.len() + 1);
                match from_fields(service, model, item, &path, fields)? {
                    Some(found) => items.push(found),
                    None => return Ok(Some(Value::from(items))),
                }
            }
        }
        "map" => {
            let mut entries = Map::new();
            loop {
                let path = format!("{prefix}.entry.{}", entries.len() + 1);
                let Some(key) = fields.remove(&format!("{path}.key")) else {
                    return Ok(Some(Value::from(entries)));
                };
                let value = model.target(&shape["value"]);
                let value = from_fields(service, model, value, &format!("{path}.value"), fields)?;
                entries.insert(key, value.unwrap_or_default());
            }
        }
        _ => {
            let Some(text) = fields.remove(prefix) else { return Ok(None) };
            converted(service, prefix, shape, &text).map(Some)
        }
    }
}
