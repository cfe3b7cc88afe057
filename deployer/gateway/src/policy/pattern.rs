//! IAM's wildcards: `*` matches any run of characters, including `/` and none at all; `?` matches
//! one character; every other character matches itself.

/// A text with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextPattern(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Literal(char),
}

/// Returns a text's characters, each with whether it is escaped; `variables` is whether `${…}` is a
/// variable.
///
/// `${*}`, `${?}` and `${$}` are escaped characters. Other variables are values of the caller that
/// are not available locally.
fn characters(text: &str, variables: bool) -> Result<Vec<(char, bool)>, String> {
    let mut characters = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if variables && let Some(after) = rest.strip_prefix("${") {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("unclosed `${{` in `{text}`"))?;
            let (Some(escaped @ ('*' | '?' | '$')), 1) = (name.chars().next(), name.len()) else {
                return Err(format!("variable `${{{name}}}` is not supported"));
            };
            characters.push((escaped, true));
            rest = after;
            continue;
        }
        characters.push((next, false));
        rest = rest.strip_prefix(next).unwrap_or_default();
    }
    Ok(characters)
}

/// Parses a text without wildcards.
pub(super) fn plain(text: &str, variables: bool) -> Result<String, String> {
    Ok(characters(text, variables)?.into_iter().map(|(character, _)| character).collect())
}

impl TextPattern {
    /// Parses a text; `variables` is whether `${…}` is a variable.
    pub(super) fn parse(text: &str, variables: bool) -> Result<Self, String> {
        let piece = |character| match character {
            ('*', false) => Piece::Any,
            ('?', false) => Piece::One,
            (other, _) => Piece::Literal(other),
        };
        Ok(Self(characters(text, variables)?.into_iter().map(piece).collect()))
    }

    /// Returns whether a text matches. For whether one pattern subsumes another see `subsumes` in the
    /// authorizer's `routes/patterns.rs`.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut pieces, mut text) = (self.0.as_slice(), text);
        let mut star: Option<(&[Piece], &str)> = None;
        loop {
            let mut rest = text.chars();
            match (pieces.split_first(), rest.next()) {
                (Some((Piece::Any, after)), _) => {
                    pieces = after;
                    star = Some((after, text));
                    continue;
                }
                (None, None) => return true,
                (Some((piece, after)), Some(actual))
                    if *piece == Piece::One || *piece == Piece::Literal(actual) =>
                {
                    (pieces, text) = (after, rest.as_str());
                    continue;
                }
                _ => {}
            }
            // Lets the last `*` match one more character, if there is one.
            let Some((after, unmatched)) = star else { return false };
            let mut unmatched = unmatched.chars();
            if unmatched.next().is_none() {
                return false;
            }
            (pieces, text, star) = (after, unmatched.as_str(), Some((after, unmatched.as_str())));
        }
    }

    fn has_wildcards(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Any | Piece::One))
    }
}

/// A `Resource`: an ARN with wildcards in its fields, or `*` for everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    text: String,
    /// The fields, separated by colons; none for `*`. A wildcard matches within its field, except in
    /// the last one.
    fields: Vec<TextPattern>,
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`
const FIELDS: usize = 6;

impl Resource {
    pub(super) fn parse(text: &str, variables: bool) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self { text: text.to_owned(), fields: Vec::new() });
        }
        let parts: Vec<&str> = text.splitn(FIELDS, ':').collect();
        let is_prefix = text.ends_with('*');
        let (["arn", _, service, ..], true) =
            (parts.as_slice(), parts.len() == FIELDS || is_prefix)
        else {
            return Err(format!("`Resource` `{text}` must be an ARN"));
        };
        if TextPattern::parse(service, variables)?.has_wildcards() {
            return Err(format!(
                "`Resource` `{text}`: wildcards are not allowed in the service segment"
            ));
        }
        let fields: Vec<TextPattern> = parts
            .iter()
            .map(|part| TextPattern::parse(part, variables))
            .collect::<Result<_, String>>()?;
        Ok(Self { text: text.to_owned(), fields })
    }

    /// Returns the resource as written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, arn: &str) -> bool {
        let fields: Vec<&str> = arn.splitn(self.fields.len().max(1), ':').collect();
        self.fields.is_empty()
            || fields.len() == self.fields.len()
                && self.fields.iter().zip(fields).all(|(pattern, field)| pattern.matches(field))
    }
}
