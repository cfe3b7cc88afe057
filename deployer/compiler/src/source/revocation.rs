//! Adds an entry to the deny-lists in the text of `portcullis.toml`. Format, order and comments of the
//! text are preserved.

use std::collections::BTreeSet;

use authorizer::config::{Denied, IssuerDocument};
use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value};

use super::manifest::Manifest;

/// An entry of a deny-list. The value is personal data: no output has it.
#[derive(Clone, PartialEq, Eq)]
pub enum Denial {
    /// The token with this `jti`.
    TokenId(String),
    /// Every token with this `sub`.
    Subject(String),
    /// Every token of this client.
    Client(String),
    /// Every token of the issuer.
    Issuer,
}

/// An entry to add, and the issuer of the tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The entry.
    pub denial: Denial,
    /// The issuer, as the manifest has it after the expansion of variables.
    pub issuer: String,
}

/// The reason a manifest cannot be changed. No variant has the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// The manifest has no issuer.
    #[error("portcullis.toml has no issuer")]
    NoIssuer,
    /// The manifest has several issuers, and none was named.
    #[error("portcullis.toml has {} issuers: {}", .0.len(), .0.join(", "))]
    SeveralIssuers(Vec<String>),
    /// The manifest does not have the issuer.
    #[error("portcullis.toml has no issuer `{name}`, only: {}", .known.join(", "))]
    UnknownIssuer {
        /// The name.
        name: String,
        /// The issuers of the manifest.
        known: Vec<String>,
    },
    /// The value would be read as a variable.
    #[error("the value contains `${{env:`, which portcullis.toml reads as a variable")]
    Variable,
    /// The text has an unexpected form.
    #[error("cannot add the entry to the deny-list of `{issuer}` in portcullis.toml")]
    NotEditable {
        /// The issuer.
        issuer: String,
        /// The member of `denied` to write manually: `jti`, `sub`, `client` or `all`.
        member: &'static str,
    },
}

impl Denial {
    /// Returns the member of `denied`.
    pub const fn member(&self) -> &'static str {
        match self {
            Self::TokenId(_) => "jti",
            Self::Subject(_) => "sub",
            Self::Client(_) => "client",
            Self::Issuer => "all",
        }
    }

    /// Returns the value; `None` for every token of the issuer.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::TokenId(value) | Self::Subject(value) | Self::Client(value) => Some(value),
            Self::Issuer => None,
        }
    }

    /// Adds the entry to a deny-list, unless it has it.
    fn add(&self, denied: &mut Denied) {
        let (list, value) = match self {
            Self::TokenId(value) => (&mut denied.jti, value),
            Self::Subject(value) => (&mut denied.sub, value),
            Self::Client(value) => (&mut denied.client, value),
            Self::Issuer => {
                denied.all = true;
                return;
            }
        };
        if !list.contains(value) {
            list.push(value.clone());
        }
    }
}

impl Revocation {
    /// Returns the revocation for the tokens of an issuer of the manifest: the named one, else the only
    /// one.
    pub fn new(
        denial: Denial,
        issuer: Option<&str>,
        manifest: &Manifest,
    ) -> Result<Self, RevocationError> {
        if denial.value().is_some_and(|value| value.contains("${env:")) {
            return Err(RevocationError::Variable);
        }
        let known: BTreeSet<&str> = issuers(manifest).map(|(_, _, one)| &*one.issuer).collect();
        let names = || known.iter().map(|name| (*name).to_owned()).collect();
        let issuer = match (issuer, known.first()) {
            (_, None) => return Err(RevocationError::NoIssuer),
            (Some(name), _) if known.contains(name) => name,
            (Some(name), _) => {
                let (name, known) = (name.to_owned(), names());
                return Err(RevocationError::UnknownIssuer { name, known });
            }
            (None, Some(only)) if known.len() == 1 => only,
            (None, _) => return Err(RevocationError::SeveralIssuers(names())),
        };
        Ok(Self { denial, issuer: issuer.to_owned() })
    }

    /// Returns the text of the manifest with the entry in the deny-list of the issuer, for every
    /// authorizer that trusts it; `None` if it has the entry.
    pub fn edit(&self, text: &str, manifest: &Manifest) -> Result<Option<String>, RevocationError> {
        let mut document: DocumentMut = text.parse().map_err(|_| self.not_editable())?;
        let mut is_changed = false;
        for (authorizer, at, issuer) in issuers(manifest) {
            if issuer.issuer == self.issuer && self.expected(issuer) != *issuer {
                let added = issuer_table(&mut document, authorizer, at)
                    .and_then(|(table, style)| add(table, style, &self.denial));
                added.ok_or_else(|| self.not_editable())?;
                is_changed = true;
            }
        }
        Ok(is_changed.then(|| with_line_ends_of(text, document.to_string())))
    }

    /// Checks that a manifest is another one with the entry, as far as issuers are concerned.
    pub fn check(&self, before: &Manifest, after: &Manifest) -> Result<(), RevocationError> {
        let expected = issuers(before).map(|(name, at, issuer)| (name, at, self.expected(issuer)));
        let found = issuers(after).map(|(name, at, issuer)| (name, at, issuer.clone()));
        if expected.eq(found) { Ok(()) } else { Err(self.not_editable()) }
    }

    /// Returns an issuer with the entry, if it is the issuer of the revocation.
    fn expected(&self, issuer: &IssuerDocument) -> IssuerDocument {
        let mut issuer = issuer.clone();
        if issuer.issuer == self.issuer {
            self.denial.add(issuer.denied.get_or_insert_default());
        }
        issuer
    }

    fn not_editable(&self) -> RevocationError {
        let (issuer, member) = (self.issuer.clone(), self.denial.member());
        RevocationError::NotEditable { issuer, member }
    }
}

/// Returns the issuers of a manifest, each with its authorizer and its position there.
fn issuers(manifest: &Manifest) -> impl Iterator<Item = (&str, usize, &IssuerDocument)> {
    manifest.authorizers.iter().flat_map(|(name, authorizer)| {
        let issuers = authorizer.settings.issuers.iter().enumerate();
        issuers.map(move |(at, issuer)| (name.as_str(), at, issuer))
    })
}

/// The form of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `{ … }`.
    Inline,
    /// `[…]`, or dotted keys.
    Lines,
}

/// Returns the table of an issuer. The position is the same: a manifest with an invalid issuer is
/// rejected as a whole.
fn issuer_table<'a>(
    document: &'a mut DocumentMut,
    authorizer: &str,
    at: usize,
) -> Option<(&'a mut dyn TableLike, Style)> {
    let authorizers = document.get_mut("authorizer")?.as_table_like_mut()?;
    let issuers = authorizers.get_mut(authorizer)?.as_table_like_mut()?.get_mut("issuer")?;
    match issuers {
        Item::ArrayOfTables(tables) => Some((tables.get_mut(at)?, Style::Lines)),
        Item::Value(Value::Array(tables)) => {
            Some((tables.get_mut(at)?.as_inline_table_mut()?, Style::Inline))
        }
        _ => None,
    }
}

/// Adds an entry to the deny-list of an issuer.
fn add(issuer: &mut dyn TableLike, style: Style, denial: &Denial) -> Option<()> {
    if !issuer.contains_key("denied") {
        insert(issuer, style, "denied", InlineTable::new().into());
    }
    let denied = issuer.get_mut("denied")?;
    let style = if denied.is_inline_table() { Style::Inline } else { Style::Lines };
    let denied = denied.as_table_like_mut()?;
    let member = denial.member();
    match (denial.value(), denied.get_mut(member)) {
        (None, Some(item)) => {
            let decor = item.as_value()?.decor().clone();
            let mut value = Value::from(true);
            *value.decor_mut() = decor;
            *item = Item::Value(value);
        }
        (None, None) => insert(denied, style, member, true.into()),
        (Some(value), Some(item)) => push(item.as_array_mut()?, value),
        (Some(value), None) => insert(denied, style, member, Array::from_iter([value]).into()),
    }
    Some(())
}

/// Inserts a member at the end of a table. In an inline table, the space before `}` is preserved.
fn insert(table: &mut dyn TableLike, style: Style, member: &str, mut value: Value) {
    if style == Style::Lines || table.is_empty() {
        table.insert(member, Item::Value(value));
        return;
    }
    let last = table.iter().last().map(|(name, _)| name.to_owned());
    let last = last.and_then(|name| table.get_mut(&name)?.as_value_mut());
    let suffix = last.map(take_suffix).unwrap_or_default();
    *value.decor_mut() = toml_edit::Decor::new(" ", suffix);
    table.insert(member, Item::Value(value));
}

/// Appends a string to an array, on a line of its own if the others are.
fn push(array: &mut Array, value: &str) {
    let mut end = array.get_mut(array.len().wrapping_sub(1)).map(take_suffix).unwrap_or_default();
    end.push_str(array.trailing().as_str().unwrap_or_default());
    let prefix =
        |value: &Value| value.decor().prefix().and_then(|text| text.as_str()).map(str::to_owned);
    let last = array.iter().last().and_then(prefix);
    let mut value = Value::from(value);
    match end.rsplit_once('\n') {
        Some((comments, closing)) => {
            let indent =
                last.as_deref().and_then(|last| Some(last.rsplit_once('\n')?.1.to_owned()));
            let indent = indent.unwrap_or_else(|| format!("{closing}  "));
            *value.decor_mut() = toml_edit::Decor::new(format!("{comments}\n{indent}"), "");
            array.set_trailing(format!("\n{closing}"));
            array.set_trailing_comma(true);
        }
        None => {
            let prefix = if array.is_empty() { last.unwrap_or_default() } else { " ".to_owned() };
            *value.decor_mut() = toml_edit::Decor::new(prefix, "");
            array.set_trailing(end);
        }
    }
    array.push_formatted(value);
}

/// Removes and returns what follows a value.
fn take_suffix(value: &mut Value) -> String {
    let suffix = value.decor().suffix().and_then(|text| text.as_str()).map(str::to_owned);
    value.decor_mut().set_suffix("");
    suffix.unwrap_or_default()
}

/// Returns a text with the line ends of another one, if those are all of Windows.
fn with_line_ends_of(before: &str, after: String) -> String {
    let lines = before.matches('\n').count();
    if lines > 0 && before.matches("\r\n").count() == lines {
        after.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        after
    }
}
