//! GitHub's part: expressions, and the steps of an action or a job. It refuses what it does not know.

use std::collections::BTreeMap;
use std::fs;

use e2e::root;
use serde_json::{Map, Value};

use super::runner::{Context, Outcome, Runner};
use super::yaml;

/// The replacement of actions: it is called with their name and inputs.
pub(crate) type Uses<'a> = &'a dyn Fn(&str, &Context);

/// Evaluates an expression of names, strings, `==`, `!=`, `&&` and `||`, each separated by a space.
pub(crate) fn evaluate(expression: &str, value_of: &dyn Fn(&str) -> String) -> String {
    if let Some((left, right)) = expression.split_once(" || ") {
        let left = evaluate(left, value_of);
        return if is_true(&left) { left } else { evaluate(right, value_of) };
    }
    if let Some((left, right)) = expression.split_once(" && ") {
        let left = evaluate(left, value_of);
        return if is_true(&left) { evaluate(right, value_of) } else { left };
    }
    let operand = |text: &str| match text.trim().strip_prefix(['\'', '"']) {
        Some(literal) => literal[..literal.len() - 1].to_owned(),
        None => value_of(text.trim()),
    };
    let compared =
        [(" == ", true), (" != ", false)].into_iter().find_map(|(operator, expected)| {
            let (left, right) = expression.split_once(operator)?;
            Some((operand(left) == operand(right)) == expected)
        });
    compared.map_or_else(|| operand(expression), |value| value.to_string())
}

/// Returns whether a value counts as true.
pub(crate) fn is_true(value: &str) -> bool {
    !matches!(value, "" | "false")
}

/// Returns the value of a name. An output that a step did not set is empty.
fn value_of(name: &str, context: &Context) -> String {
    let known = context.get(name).cloned();
    let is_output = name.starts_with("steps.") && name.contains(".outputs.");
    known
        .or(is_output.then(String::new))
        .unwrap_or_else(|| panic!("unknown name in an expression: {name}"))
}

/// Replaces the expressions in a text.
fn expand(text: &str, context: &Context) -> String {
    let mut parts = text.split("${{");
    let mut expanded = parts.next().unwrap().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap();
        expanded += &evaluate(expression.trim(), &|name| value_of(name, context));
        expanded += rest;
    }
    expanded
}

/// Returns the expanded members of an object, or nothing if there is none.
fn expand_all(members: &Value, context: &Context) -> Context {
    let members = members.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), expand(&scalar(value), context))).collect()
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        other => panic!("not a scalar: {other}"),
    }
}

/// Refuses keywords that these tests do not know.
fn check_keywords(members: &Map<String, Value>, known: &[&str]) {
    for name in members.keys() {
        assert!(known.contains(&name.as_str()), "unknown keyword: {name}");
    }
}

/// Runs an action of this project with these inputs, in an event with these names.
pub(crate) fn run_action(
    runner: &Runner,
    inputs: &[(&str, &str)],
    event: &[(&str, &str)],
) -> Outcome {
    let action = yaml(&root().join("action.yml"));
    let mut context = super::runner::context(event);
    let declared = action["inputs"].as_object().unwrap();
    for (name, _) in inputs {
        assert!(declared.contains_key(*name), "unknown input: {name}");
    }
    for (name, input) in declared {
        let given =
            inputs.iter().find(|(known, _)| known == name).map(|(_, value)| (*value).to_owned());
        let value = given.unwrap_or_else(|| match input.get("default") {
            Some(default) => expand(&scalar(default), &context),
            None => panic!("the input {name} is required"),
        });
        context.insert(format!("inputs.{name}"), value);
    }
    assert_eq!(action["runs"]["using"], "composite");
    let steps = action["runs"]["steps"].as_array().unwrap();
    let refuse = |name: &str, _: &Context| panic!("the action uses {name}");
    let mut outcome = run_steps(runner, steps, ("", Context::new()), context, &refuse);
    for (name, output) in action["outputs"].as_object().unwrap() {
        let value = expand(&scalar(&output["value"]), &outcome.outputs);
        outcome.outputs.insert(name.clone(), value);
    }
    outcome
}

/// Runs the job of a workflow.
pub(crate) fn run_workflow_job(
    runner: &Runner,
    workflow: &Value,
    job: &Value,
    context: Context,
    uses: Uses<'_>,
) -> Outcome {
    let shell = workflow["defaults"]["run"]["shell"].as_str().unwrap_or_default();
    let environment = expand_all(&workflow["env"], &context);
    run_steps(runner, job["steps"].as_array().unwrap(), (shell, environment), context, uses)
}

fn run_steps(
    runner: &Runner,
    steps: &[Value],
    (default_shell, mut environment): (&str, Context),
    mut context: Context,
    uses: Uses<'_>,
) -> Outcome {
    let mut outcome = Outcome { success: true, ..Outcome::default() };
    for step in steps {
        check_keywords(
            step.as_object().unwrap(),
            &["name", "id", "if", "shell", "env", "run", "uses", "with"],
        );
        let condition = step["if"].as_str().unwrap_or("'true'");
        let is_met = is_true(&evaluate(condition, &|name| value_of(name, &context)));
        if !outcome.success || !is_met {
            continue;
        }
        if let Some(action) = step["uses"].as_str() {
            uses(action, &expand_all(&step["with"], &context));
            continue;
        }
        let shell = step["shell"].as_str().unwrap_or(default_shell);
        assert_eq!(shell, "bash", "another shell does not fail at the first error of a pipe");
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{"), "a value in a script could be run: {script}");
        let files = StepFiles::new(runner);
        // GITHUB_PATH and GITHUB_ENV set variables for the steps that follow.
        let mut variables = environment.clone();
        variables.extend(expand_all(&step["env"], &context));
        variables.extend(files.variables());
        let (success, log) = runner.bash(script, &variables);
        outcome.success = success;
        outcome.log += &log;
        outcome.summary += &files.read("GITHUB_STEP_SUMMARY");
        for (name, value) in files.pairs("GITHUB_OUTPUT") {
            let id =
                step["id"].as_str().unwrap_or_else(|| panic!("outputs without an `id`: {step}"));
            context.insert(format!("steps.{id}.outputs.{name}"), value);
        }
        environment.extend(files.pairs("GITHUB_ENV"));
        let added = files.read("GITHUB_PATH");
        let path = environment.get("PATH").unwrap_or(&runner.environment["PATH"]).clone();
        let path = added.lines().fold(path, |path, line| format!("{line}:{path}"));
        environment.insert("PATH".to_owned(), path);
    }
    outcome.outputs = context;
    outcome
}

/// The files by which a step sets outputs, variables, folders of the PATH, and the summary.
struct StepFiles(BTreeMap<&'static str, std::path::PathBuf>);

impl StepFiles {
    fn new(runner: &Runner) -> Self {
        let names = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];
        let files = names.map(|name| (name, runner.temporary().join(name)));
        for (_, file) in &files {
            fs::write(file, "").unwrap();
        }
        Self(files.into())
    }

    fn variables(&self) -> Context {
        self.0.iter().map(|(name, file)| ((*name).to_owned(), file.display().to_string())).collect()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(&self.0[name]).unwrap()
    }

    /// The lines `NAME=VALUE` of a file.
    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let text = self.read(name);
        let pair = |line: &str| {
            let (name, value) =
                line.split_once('=').unwrap_or_else(|| panic!("not NAME=VALUE: {line}"));
            assert!(!name.contains("<<"), "a value of several lines: {line}");
            (name.to_owned(), value.to_owned())
        };
        text.lines().map(pair).collect()
    }
}
