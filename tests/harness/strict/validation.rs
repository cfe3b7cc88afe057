//! Validates an input against the shapes of its model: members, types, enums, lengths, ranges and
//! patterns.

use serde_json::Value;

use super::Refusal;
use super::model::{Model, Service};
use super::operation::Call;
use super::pattern;

/// Refuses an input that does not match its operation's model, with all reasons.
pub fn validate(call: &Call) -> Result<(), Refusal> {
    let model = call.service.model();
    let operation = model.operations().find(|one| one["name"] == call.operation.as_str()).unwrap();
    let shape = model.input(operation);
    if shape.is_null() {
        return Ok(());
    }
    let mut validation = Validation { model, service: call.service, reasons: Vec::new() };
    validation.value(shape, &call.input, "")?;
    let reasons = validation.reasons;
    if reasons.is_empty() {
        return Ok(());
    }
    let plural = if reasons.len() > 1 { "s" } else { "" };
    let message =
        format!("{} validation error{plural} detected: {}", reasons.len(), reasons.join("; "));
    Err(Refusal::new("model", 400, call.service.validation_code(), message))
}

struct Validation<'a> {
    model: &'a Model,
    service: Service,
    reasons: Vec<String>,
}

impl Validation<'_> {
    fn value(&mut self, shape: &Value, value: &Value, path: &str) -> Result<(), Refusal> {
        let kind = shape["type"].as_str().unwrap();
        let is_of_type = match kind {
            "structure" | "map" => value.is_object(),
            "list" => value.is_array(),
            "string" | "blob" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" | "long" => value.is_i64(),
            "double" | "float" => value.is_number(),
            _ => value.is_number() || value.is_string(),
        };
        if !is_of_type {
            return Err(Refusal::serialization(self.service, &format!("{path} is no {kind}")));
        }
        match kind {
            "structure" => self.structure(shape, value, path)?,
            "map" => {
                let entries = value.as_object().unwrap();
                self.length(shape, entries.len(), path, &value.to_string());
                for (key, value) in entries {
                    let key_path = join(path, "key");
                    self.value(self.model.target(&shape["key"]), &Value::from(&**key), &key_path)?;
                    self.value(self.model.target(&shape["value"]), value, &join(path, key))?;
                }
            }
            "list" => {
                let items = value.as_array().unwrap();
                self.length(shape, items.len(), path, &value.to_string());
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}.{}.member", index + 1);
                    self.value(self.model.target(&shape["member"]), item, &path)?;
                }
            }
            "string" => self.text(shape, value.as_str().unwrap(), path),
            "integer" | "long" | "double" | "float" => {
                let number = value.as_f64().unwrap();
                for (bound, comparison) in [("min", "greater"), ("max", "less")] {
                    let Some(limit) = shape[bound].as_f64() else { continue };
                    if (bound == "min" && number < limit) || (bound == "max" && number > limit) {
                        let rule =
                            format!("Member must have value {comparison} than or equal to {limit}");
                        self.refuse(path, &value.to_string(), &rule);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn structure(&mut self, shape: &Value, value: &Value, path: &str) -> Result<(), Refusal> {
        let members = shape["members"].as_object().unwrap();
        let value = value.as_object().unwrap();
        let is_present = |name: &str| value.get(name).is_some_and(|value| !value.is_null());
        for name in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !is_present(name) {
                let path = join(path, name);
                self.reasons.push(format!(
                    "Value null at '{path}' failed to satisfy constraint: Member must not be null"
                ));
            }
        }
        for (name, value) in value.iter().filter(|(name, _)| is_present(name)) {
            // At the top, the names are already those of the model.
            let found = members.iter().find(|(member, reference)| {
                if path.is_empty() {
                    *member == name
                } else {
                    reference["locationName"].as_str().unwrap_or(member) == name
                }
            });
            let Some((_, reference)) = found else {
                let message = format!("the model has no member {}", join(path, name));
                return Err(Refusal::serialization(self.service, &message));
            };
            self.value(self.model.target(reference), value, &join(path, name))?;
        }
        Ok(())
    }

    fn text(&mut self, shape: &Value, value: &str, path: &str) {
        let shown = if shape["sensitive"] == true { "***" } else { value };
        self.length(shape, value.chars().count(), path, shown);
        if let Some(allowed) = shape["enum"].as_array()
            && !allowed.iter().any(|allowed| allowed == value)
        {
            let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            let rule = format!("Member must satisfy enum value set: [{}]", allowed.join(", "));
            self.refuse(path, shown, &rule);
        }
        if let Some(pattern) = shape["pattern"].as_str()
            && !pattern::matches(pattern, value)
        {
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            self.refuse(path, shown, &rule);
        }
    }

    fn length(&mut self, shape: &Value, length: usize, path: &str, shown: &str) {
        let bound = |name: &str| shape[name].as_u64().and_then(|bound| bound.try_into().ok());
        if bound("min").is_some_and(|bound: usize| length < bound) {
            let rule = format!("Member must have length greater than or equal to {}", shape["min"]);
            self.refuse(path, shown, &rule);
        }
        if bound("max").is_some_and(|bound: usize| length > bound) {
            let rule = format!("Member must have length less than or equal to {}", shape["max"]);
            self.refuse(path, shown, &rule);
        }
    }

    fn refuse(&mut self, path: &str, shown: &str, rule: &str) {
        let reason = format!("Value '{shown}' at '{path}' failed to satisfy constraint: {rule}");
        self.reasons.push(reason);
    }
}

/// Returns the path of a member. AWS's messages begin names with a lower-case letter.
fn join(path: &str, name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    let name: String = first.into_iter().chain(characters).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}
