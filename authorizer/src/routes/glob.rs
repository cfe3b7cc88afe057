//! IAM's wildcards: a pattern against a text, and against another pattern.

/// Returns whether a pattern matches every text that another pattern matches: only a `*` matches a
/// `*` of the other.
pub(crate) fn subsumes(pattern: &str, other: &str) -> bool {
    glob(pattern, other, |expected, actual| {
        expected == actual || expected == b'?' && actual != b'*'
    })
}

/// Returns whether IAM's pattern matches a text: `*` matches any text, `?` any byte. (Patterns of other
/// policies, with variables, are `TextPattern::matches` of the gateway's `policy/pattern.rs`.)
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    glob(pattern, text, |expected, actual| expected == actual || expected == b'?')
}

fn glob(pattern: &str, text: &str, fits: impl Fn(u8, u8) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', after)), _) => {
                star = Some((after, text));
                pattern = after;
                continue;
            }
            (Some((expected, after)), Some((actual, rest))) if fits(*expected, *actual) => {
                (pattern, text) = (after, rest);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // Backtracks: the last `*`, if any, matches one more byte.
        let Some((after, [_, rest @ ..])) = star else { return false };
        (pattern, text, star) = (after, rest, Some((after, rest)));
    }
}
