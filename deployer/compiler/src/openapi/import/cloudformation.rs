//! Functions of CloudFormation, such as `Fn::Sub`: CloudFormation resolves them before API Gateway sees
//! the document. AWS's words: "Unable to parse API definition because of a malformed integration".

use std::collections::BTreeMap;

use crate::source::diagnostic::{Diagnostics, Span};
use crate::source::document::{Entry, Node};

/// Reports the functions of a document, each once with the number of its places. Returns nothing if there
/// is one: other errors would be its consequences.
pub(in super::super) fn check_functions(root: &Node, diagnostics: &mut Diagnostics) -> Option<()> {
    let mut found: BTreeMap<&str, (Span, usize)> = BTreeMap::new();
    collect(root, false, &mut found);
    for (name, (span, count)) in &found {
        let places = if *count > 1 { format!(" ({count} places)") } else { String::new() };
        let message =
            format!("`{name}` is a function of CloudFormation, which is not resolved{places}");
        let help = "write its result, such as an ARN; values that differ by stage can be stage variables, `${stageVariables.NAME}`";
        diagnostics.error(*span, message, help.to_owned());
    }
    found.is_empty().then_some(())
}

fn collect<'a>(node: &'a Node, in_extension: bool, found: &mut BTreeMap<&'a str, (Span, usize)>) {
    for entry in node.entries() {
        if is_function(entry, node, in_extension) {
            let first = found.entry(&entry.key).or_insert((entry.key_span, 0));
            first.1 += 1;
            continue;
        }
        // An example is not read.
        if entry.key != "example" && entry.key != "examples" {
            collect(&entry.node, in_extension || is_extension(entry), found);
        }
    }
    for item in node.items() {
        collect(item, in_extension, found);
    }
}

fn is_extension(entry: &Entry) -> bool {
    entry.key.starts_with("x-amazon-apigateway-")
}

/// Returns whether a member is a function. `Ref` may also be a property of a schema.
fn is_function(entry: &Entry, of: &Node, in_extension: bool) -> bool {
    let is_reference = || {
        in_extension && entry.key == "Ref" && of.entries().len() == 1 && entry.node.text().is_some()
    };
    entry.key.starts_with("Fn::") || is_reference()
}
