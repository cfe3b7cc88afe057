//! The modules of a crate have no circular dependencies. A module and its children may depend on each
//! other; the children of one parent may not, in a circle.
//!
//! Dependencies are read from paths, through re-exports too. A method call has no path and is ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::house::{CRATES, sources};

/// A module's path within its crate: empty for the root.
type Module = Vec<String>;

/// The modules of a crate, each with its source.
struct Crate(BTreeMap<Module, String>);

impl Crate {
    fn read(src: &Path) -> Self {
        let mut modules = BTreeMap::new();
        for path in sources(src) {
            let inside = path.strip_prefix(src).unwrap().with_extension("");
            let module: Module =
                inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            let module = match module.as_slice() {
                [root] if root == "lib" => Module::new(),
                // The binary is not a module of the library.
                [root] if root == "main" => continue,
                _ => module,
            };
            modules.insert(module, code(&fs::read_to_string(&path).unwrap()));
        }
        Self(modules)
    }

    /// Returns the module that a path refers to, through re-exports.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Module {
        let mut at = match path.first().map(String::as_str) {
            Some("crate") => Module::new(),
            _ => from.clone(),
        };
        for (index, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" | "self" => continue,
                "super" => {
                    at.pop();
                    continue;
                }
                _ => {}
            }
            let child: Module = at.iter().chain([name]).cloned().collect();
            if self.0.contains_key(&child) {
                at = child;
                continue;
            }
            return match self.imported(&at, name, depth) {
                Some(imported) => {
                    let rest = path.get(index + 1..).unwrap_or_default();
                    let onward: Vec<String> = imported.iter().chain(rest).cloned().collect();
                    self.resolve(&at, &onward, depth + 1)
                }
                None => at,
            };
        }
        at
    }

    /// Returns the path by which a module imports a name, under that name or another, or by a glob
    /// of a module that defines it.
    fn imported(&self, module: &Module, name: &str, depth: usize) -> Option<Vec<String>> {
        if depth >= 8 {
            return None;
        }
        let imports = uses(self.0.get(module)?);
        let defines = |path: &[String]| {
            let text = self.0.get(&self.resolve(module, path, depth + 1));
            let kinds =
                ["fn", "struct", "enum", "trait", "type", "const", "static", "macro_rules!"];
            text.is_some_and(|text| {
                let words: Vec<&str> = text
                    .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '!')))
                    .collect();
                words.windows(2).any(|pair| kinds.contains(&pair[0]) && pair[1] == name)
            })
        };
        imports.into_iter().find_map(|(mut path, alias)| {
            if alias == "*" && defines(&path) {
                path.push(name.to_owned());
                return Some(path);
            }
            (alias == name && path.len() > 1).then_some(path)
        })
    }

    /// Returns the dependencies between siblings, by the path of their parent.
    fn edges(&self) -> BTreeMap<Module, BTreeSet<(String, String)>> {
        let mut edges: BTreeMap<Module, BTreeSet<(String, String)>> = BTreeMap::new();
        for (module, text) in &self.0 {
            for (path, _) in uses(text) {
                if !matches!(path.first().map(String::as_str), Some("crate" | "super" | "self")) {
                    continue;
                }
                let to = self.resolve(module, &path, 0);
                let common = module.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(from), Some(to)) = (module.get(common), to.get(common)) {
                    let parent = module[..common].to_vec();
                    edges.entry(parent).or_default().insert((from.clone(), to.clone()));
                }
            }
        }
        edges
    }

    /// Returns the circles, each as the modules that depend on each other.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let mut circles = BTreeSet::new();
        for (parent, edges) in self.edges() {
            let reached = |from: &str| {
                let mut visited = BTreeSet::new();
                let mut next = vec![from.to_owned()];
                while let Some(at) = next.pop() {
                    for (_, to) in edges.iter().filter(|(from, _)| *from == at) {
                        if visited.insert(to.clone()) {
                            next.push(to.clone());
                        }
                    }
                }
                visited
            };
            for (from, _) in &edges {
                let circle: BTreeSet<String> = reached(from)
                    .into_iter()
                    .filter(|other| reached(other).contains(from))
                    .map(|name| parent.iter().chain([&name]).cloned().collect::<Vec<_>>().join("/"))
                    .collect();
                if !circle.is_empty() {
                    circles.insert(circle);
                }
            }
        }
        circles
    }
}

/// Returns a source without comments and unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A path, and the name that a `use` of it introduces: its last segment, the one after `as`, or `*`.
type Use = (Vec<String>, String);

/// Returns every path in a source, with groups in braces expanded: those that start with `crate`,
/// `super` or `self`, and those of its `use` items.
fn uses(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("use ") {
        tree(&text[at + 4..], &mut Vec::new(), &mut found);
    }
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            // Not inside another path or name, but after the `$` of a macro's `$crate`.
            let before = text[..at].chars().next_back().unwrap_or(' ');
            if !(before.is_alphanumeric() || matches!(before, '_' | ':')) {
                tree(&text[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads one tree of a `use`, and returns its length in bytes.
fn tree(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Use>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut inside = 0;
            loop {
                inside += tree(&group[inside..], prefix, found);
                let left = group[inside..].trim_start();
                inside = group.len() - left.len();
                match left.chars().next() {
                    Some(',') => inside += 1,
                    Some('}') => break,
                    _ => {
                        prefix.truncate(depth);
                        return at + 1 + inside;
                    }
                }
            }
            prefix.truncate(depth);
            return at + 1 + inside + 1;
        }
        let end = name_length(rest);
        if end == 0 {
            break;
        }
        prefix.push(rest[..end].to_owned());
        at += end;
        let Some(after) = text[at..].strip_prefix("::") else { break };
        at = text.len() - after.len();
    }
    let alias = if let Some(after) = text[at..].strip_prefix('*') {
        at = text.len() - after.len();
        "*".to_owned()
    } else if let Some(name) = text[at..].strip_prefix(" as ") {
        let alias = name[..name_length(name)].to_owned();
        at = text.len() - name.len() + alias.len();
        alias
    } else {
        prefix.last().cloned().unwrap_or_default()
    };
    if prefix.len() > depth || depth > 0 {
        found.push((prefix.clone(), alias));
    }
    prefix.truncate(depth);
    at
}

/// Returns the length in bytes of the name that a text starts with.
fn name_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
}

#[test]
fn modules_have_no_circular_dependencies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for name in CRATES {
        let circles = Crate::read(&root.join(name).join("src")).circles();
        found.extend(circles.into_iter().map(|circle| format!("{name}: {circle:?}")));
    }
    assert!(found.is_empty(), "circular dependencies:\n{}", found.join("\n"));
}

#[test]
fn circles_through_groups_re_exports_and_grandchildren_are_found() {
    let of = |modules: &[(&str, &str)]| {
        let modules = modules.iter().map(|(path, text)| {
            let path = path.split('/').filter(|part| !part.is_empty());
            (path.map(str::to_owned).collect(), code(text))
        });
        Crate(modules.collect()).circles()
    };
    let circle = |names: &[&str]| BTreeSet::from([names.iter().map(ToString::to_string).collect()]);
    assert_eq!(
        of(&[
            ("", "mod a;\nmod b;\npub use b::Thing;"),
            ("a", "use crate::{Thing};"),
            ("b", "mod c;"),
            ("b/c", "fn f() { crate::a::g() }"),
        ]),
        circle(&["a", "b"])
    );
    assert_eq!(
        of(&[
            ("x", ""),
            ("x/a", "use super::{b::{Name as Other}, Item};"),
            ("x/b", "use super::a;")
        ]),
        circle(&["x/a", "x/b"])
    );
    for exported in ["pub use b::*;", "pub use b::Thing as Other;"] {
        let root = format!("mod a;\nmod b;\n{exported}");
        let name = if exported.contains("Other") { "crate::Other" } else { "crate::Thing" };
        let modules = [
            ("", &*root),
            ("a", &format!("use {name};")),
            ("b", "pub struct Thing; use crate::a::g;"),
        ];
        assert_eq!(of(&modules), circle(&["a", "b"]), "{exported}");
    }
    assert_eq!(
        of(&[
            ("x", "use b::Thing;"),
            ("x/a", "use super::*;\nfn f() -> super::Thing {}"),
            ("x/b", "use super::a::f;"),
        ]),
        circle(&["x/a", "x/b"])
    );
    // Downwards only; a child that depends on its parent; a comment.
    assert_eq!(
        of(&[("a", "use crate::b::c;"), ("b", "use c::D;"), ("b/c", "// crate::a\nuse super::E;")]),
        BTreeSet::new()
    );
}
