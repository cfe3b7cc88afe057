//! GitLab's part: which jobs a pipeline has, and the script of a job. It refuses what it does not know.

use serde_json::{Map, Value};

use super::github::{evaluate, is_true};
use super::runner::{Context, Outcome, Runner};

/// Returns a job with the keywords of those that it extends.
fn resolve(template: &Value, name: &str) -> Map<String, Value> {
    let job = template[name].as_object().unwrap_or_else(|| panic!("no job {name}"));
    let mut resolved = job
        .get("extends")
        .map(|base| resolve(template, base.as_str().unwrap()))
        .unwrap_or_default();
    for (keyword, value) in job {
        // Lists are replaced. No job of the template merges an object of another.
        assert!(
            !(value.is_object() && resolved.contains_key(keyword)),
            "{name}: {keyword} is merged"
        );
        resolved.insert(keyword.clone(), value.clone());
    }
    resolved
}

/// Replaces `$NAME` by its value; an undefined variable is empty.
fn expand(text: &str, variables: &Context) -> String {
    match text.strip_prefix('$') {
        Some(name) => variables.get(name).cloned().unwrap_or_default(),
        None => {
            assert!(!text.contains('$'), "more than a variable: {text}");
            text.to_owned()
        }
    }
}

/// Returns the rule by which a pipeline with these variables has a job, if any.
fn rule<'a>(job: &'a Map<String, Value>, variables: &Context) -> Option<&'a Value> {
    let is_met = |rule: &&Value| {
        let condition = rule["if"].as_str().unwrap();
        is_true(&evaluate(condition, &|name| expand(name, variables)))
    };
    job["rules"].as_array().unwrap().iter().find(is_met)
}

/// Returns the jobs of a pipeline with these variables; a manual job ends with `?`.
pub(crate) fn jobs(template: &Value, variables: &Context) -> Vec<String> {
    let names = template.as_object().unwrap().keys();
    let names = names.filter(|name| name.starts_with("portcullis-"));
    let found = names.filter_map(|name| {
        let job = resolve(template, name);
        let rule = rule(&job, variables)?;
        Some(if rule["when"] == "manual" { format!("{name}?") } else { name.clone() })
    });
    found.collect()
}

/// Runs a job of a pipeline with these variables.
pub(crate) fn run_job(
    runner: &Runner,
    template: &Value,
    name: &str,
    variables: &Context,
) -> Outcome {
    let job = resolve(template, name);
    assert!(rule(&job, variables).is_some(), "the pipeline has no job {name}");
    let mut known = Context::new();
    let global = template["variables"].as_object().into_iter().flatten();
    known.extend(global.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
    known.extend(variables.clone());
    for (name, value) in job.get("variables").and_then(Value::as_object).into_iter().flatten() {
        known.insert(name.clone(), expand(value.as_str().unwrap(), &known));
    }
    for (name, token) in job.get("id_tokens").and_then(Value::as_object).into_iter().flatten() {
        known.insert(name.clone(), format!("token-for-{}", token["aud"].as_str().unwrap()));
    }
    let lines = ["before_script", "script"].iter().flat_map(|part| job[*part].as_array().unwrap());
    let script: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
    let (success, log) = runner.bash(&script.join("\n"), &known);
    Outcome { success, log, ..Outcome::default() }
}
