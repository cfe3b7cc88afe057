//! Path templates: `/pets/{id}`, `/files/{proxy+}`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The maximum length of a template, which leaves room for the ARN in the 512 characters that API
/// Gateway allows for a `Resource`.
const MAX_TEMPLATE_BYTES: usize = 300;

/// One segment of a path template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// A segment that must be equal.
    Literal(String),
    /// `{name}`: any one segment.
    Parameter(String),
    /// `{name+}`: one or more segments, to the end of the path.
    Greedy(String),
}

impl Segment {
    /// Returns the segment's precedence, and its text if it is a literal. The name of a parameter
    /// does not affect routing.
    fn rank(&self) -> (u8, &str) {
        match self {
            Self::Literal(text) => (0, text),
            Self::Parameter(_) => (1, ""),
            Self::Greedy(_) => (2, ""),
        }
    }
}

/// A resource's path, such as `/pets/{id}` or `/files/{proxy+}`. The order is API Gateway's
/// precedence among the templates that match one path, then that of the parameters' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    segments: Vec<Segment>,
}

/// The reason a text is not a path template. Its message is a predicate: `must begin with …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathTemplateError {
    /// A character that API Gateway does not allow; `*` and `?` would be wildcards in a policy.
    #[error("has the segment `{0}` with characters other than letters, digits and `.` `_` `-` `:`")]
    Character(String),
    /// `//` or a trailing slash.
    #[error("has an empty segment")]
    EmptySegment,
    /// `{proxy+}` must be the last segment.
    #[error("has segments after the greedy segment `{{{0}+}}`")]
    GreedyNotLast(String),
    /// No leading slash.
    #[error("must begin with `/`")]
    NotAbsolute,
    /// Braces that do not enclose the whole segment, or enclose no valid name.
    #[error("has the segment `{0}`, which is neither a literal nor a whole parameter")]
    PartialParameter(String),
    /// Its policy resource would exceed API Gateway's limit.
    #[error("is longer than 300 characters")]
    TooLong,
}

impl PathTemplate {
    /// Returns the template's segments; empty for the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns whether both templates are the same resource, apart from the names of parameters.
    pub fn same_resource(&self, other: &Self) -> bool {
        self.precedence(other).is_eq()
    }

    /// Compares by API Gateway's precedence; equal if both are the same resource.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        let ranks = self.segments.iter().map(Segment::rank);
        ranks.cmp(other.segments.iter().map(Segment::rank))
    }

    /// Returns whether the path of a request matches this template, other templates aside.
    pub fn matches(&self, path: &[&str]) -> bool {
        let mut path = path.iter();
        for segment in &self.segments {
            match (segment, path.next()) {
                (_, None) => return false,
                (Segment::Greedy(_), Some(_)) => return true,
                (Segment::Parameter(_), Some(_)) => {}
                (Segment::Literal(literal), Some(actual)) => {
                    if literal != actual {
                        return false;
                    }
                }
            }
        }
        path.next().is_none()
    }
}

impl Ord for PathTemplate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.precedence(other).then_with(|| self.segments.cmp(&other.segments))
    }
}

impl PartialOrd for PathTemplate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for PathTemplate {
    type Err = PathTemplateError;

    fn from_str(text: &str) -> Result<Self, PathTemplateError> {
        let path = text.strip_prefix('/').ok_or(PathTemplateError::NotAbsolute)?;
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(PathTemplateError::TooLong);
        }
        let mut segments: Vec<Segment> = Vec::new();
        for part in path.split('/').filter(|_| !path.is_empty()) {
            if let Some(Segment::Greedy(name)) = segments.last() {
                return Err(PathTemplateError::GreedyNotLast(name.clone()));
            }
            segments.push(segment(part)?);
        }
        Ok(Self { segments })
    }
}

/// Returns whether a text has only the characters that API Gateway allows in a segment.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':'))
}

fn segment(part: &str) -> Result<Segment, PathTemplateError> {
    let braced = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match braced {
        Some(name) => {
            let greedy = name.strip_suffix('+');
            let name = greedy.unwrap_or(name);
            if name.is_empty() || !is_plain(name) {
                return Err(PathTemplateError::PartialParameter(part.to_owned()));
            }
            Ok(if greedy.is_some() {
                Segment::Greedy(name.to_owned())
            } else {
                Segment::Parameter(name.to_owned())
            })
        }
        None if part.is_empty() => Err(PathTemplateError::EmptySegment),
        None if part.contains(['{', '}']) => {
            Err(PathTemplateError::PartialParameter(part.to_owned()))
        }
        None if is_plain(part) => Ok(Segment::Literal(part.to_owned())),
        None => Err(PathTemplateError::Character(part.to_owned())),
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
            Segment::Greedy(name) => write!(f, "/{{{name}+}}"),
        })
    }
}
