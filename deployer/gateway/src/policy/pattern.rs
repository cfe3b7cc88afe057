//! Texts with wildcards as IAM reads them: `*` is any run of characters, `/` among them and
//! none as well; `?` is one; everything else is itself.

/// A text with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextPattern(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    This(char),
}

/// Reads a text's characters, each with whether it is itself whatever it is; `variables` says
/// that `${…}` is more than its characters.
///
/// `${*}`, `${?}` and `${$}` are the characters in them. Other variables stand for something of
/// the caller's that is not known here.
fn characters(text: &str, variables: bool) -> Result<Vec<(char, bool)>, String> {
    let mut characters = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if variables && let Some(after) = rest.strip_prefix("${") {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("`${{` is not closed in `{text}`"))?;
            let (Some(itself @ ('*' | '?' | '$')), 1) = (name.chars().next(), name.len()) else {
                return Err(format!("the variable `${{{name}}}` cannot be evaluated"));
            };
            characters.push((itself, true));
            rest = after;
            continue;
        }
        characters.push((next, false));
        rest = rest.strip_prefix(next).unwrap_or_default();
    }
    Ok(characters)
}

/// Reads a text in which no character is a wildcard.
pub(super) fn plain(text: &str, variables: bool) -> Result<String, String> {
    Ok(characters(text, variables)?.into_iter().map(|(character, _)| character).collect())
}

impl TextPattern {
    /// Reads a text; `variables` says that `${…}` is more than its characters.
    pub(super) fn read(text: &str, variables: bool) -> Result<Self, String> {
        let piece = |character| match character {
            ('*', false) => Piece::Any,
            ('?', false) => Piece::One,
            (other, _) => Piece::This(other),
        };
        Ok(Self(characters(text, variables)?.into_iter().map(piece).collect()))
    }

    /// Returns whether a text matches. Whether one pattern matches all that another one does is
    /// another question: the authorizer answers it when it writes policies (`subsumes` in its
    /// `routes/patterns.rs`).
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
                    if *piece == Piece::One || *piece == Piece::This(actual) =>
                {
                    (pieces, text) = (after, rest.as_str());
                    continue;
                }
                _ => {}
            }
            // Lets the last `*` take one character more, if there is one.
            let Some((after, taken)) = star else { return false };
            let mut taken = taken.chars();
            if taken.next().is_none() {
                return false;
            }
            (pieces, text, star) = (after, taken.as_str(), Some((after, taken.as_str())));
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
    /// The fields that colons divide; none for `*`. A wildcard stays within its field, but for
    /// the last one's.
    fields: Vec<TextPattern>,
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`
const FIELDS: usize = 6;

impl Resource {
    pub(super) fn read(text: &str, variables: bool) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self { text: text.to_owned(), fields: Vec::new() });
        }
        let parts: Vec<&str> = text.splitn(FIELDS, ':').collect();
        let open = text.ends_with('*');
        let (["arn", _, service, ..], true) = (parts.as_slice(), parts.len() == FIELDS || open)
        else {
            return Err(format!("the resource `{text}` is no ARN"));
        };
        if TextPattern::read(service, variables)?.has_wildcards() {
            return Err(format!("the resource `{text}` has a wildcard for its service"));
        }
        let fields: Vec<TextPattern> = parts
            .iter()
            .map(|part| TextPattern::read(part, variables))
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
