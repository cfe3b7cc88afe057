//! Path templates: `/pets/{id}`, `/files/{proxy+}`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Leaves room for the ARN in the 512 characters that API Gateway allows a `Resource`.
const MAX_TEMPLATE_BYTES: usize = 300;

/// One segment of a path template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Text that must be equal.
    Literal(String),
    /// `{name}`: one segment, whatever it is.
    Parameter(String),
    /// `{name+}`: this segment and all that follow.
    Greedy(String),
}

impl Segment {
    /// The segment's precedence, and its text if it is a literal: a parameter's name routes nothing.
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

/// Why a text is not a path template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathTemplateError {
    /// API Gateway allows these and no others; `*` and `?` would be wildcards in a policy.
    #[error("the segment `{0}` has characters other than letters, digits and `.` `_` `-` `:`")]
    Character(String),
    /// `//` or a slash at the end.
    #[error("a segment is empty")]
    EmptySegment,
    /// `{proxy+}` must be the last segment.
    #[error("something follows the greedy segment `{0}`")]
    GreedyInside(String),
    /// No slash at the start.
    #[error("it does not begin with `/`")]
    NotAbsolute,
    /// Braces that do not enclose the whole segment, or nothing.
    #[error("the segment `{0}` is not wholly a parameter")]
    PartialParameter(String),
    /// Its policy resource would exceed API Gateway's limit.
    #[error("it is longer than 300 characters")]
    TooLong,
}

impl PathTemplate {
    /// Returns the template's segments; none for the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns whether both templates name the same resource, whatever their parameters' names.
    pub fn same_resource(&self, other: &Self) -> bool {
        self.precedence(other).is_eq()
    }

    /// Compares by API Gateway's precedence; equal if both name the same resource.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        let ranks = self.segments.iter().map(Segment::rank);
        ranks.cmp(other.segments.iter().map(Segment::rank))
    }

    /// Says whether a concrete path belongs to this template, looked at alone.
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
                return Err(PathTemplateError::GreedyInside(name.clone()));
            }
            segments.push(segment(part)?);
        }
        Ok(Self { segments })
    }
}

fn segment(part: &str) -> Result<Segment, PathTemplateError> {
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':'))
    };
    let braced = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match braced {
        Some(name) => {
            let greedy = name.strip_suffix('+');
            let name = greedy.unwrap_or(name);
            if name.is_empty() || !plain(name) {
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
        None if plain(part) => Ok(Segment::Literal(part.to_owned())),
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
