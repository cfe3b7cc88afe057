//! The `Cookie` header (RFC 6265 section 4.2.1).

/// Returns every value of the cookies with this name. White space around names and values is
/// ignored, and quotes are part of a value. A cookie without `=` has an empty value: a server may
/// read its text as the name.
pub(super) fn values_of<'a>(header: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let pairs = header.split(';').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let trimmed = pairs.map(|(found, value)| (trim(found), trim(value)));
    trimmed.filter(move |(found, _)| *found == name).map(|(_, value)| value)
}

/// Removes optional white space (RFC 9110 section 5.6.3).
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::values_of;

    #[test]
    fn every_cookie_of_a_name_is_found() {
        for (header, expected) in [
            ("s=a", vec!["a"]),
            ("x=1; s=a; y=2", vec!["a"]),
            ("x=1;s=a;y=2", vec!["a"]),
            (" \ts = a\t ;", vec!["a"]),
            ("s=a; s=b", vec!["a", "b"]),
            ("s=a; s=a", vec!["a", "a"]),
            ("s=a;s", vec!["a", ""]),
            ("s=", vec![""]),
            ("s=\"a\"", vec!["\"a\""]),
            ("s=a=b", vec!["a=b"]),
            ("s=a, s=b", vec!["a, s=b"]),
            ("S=a; xs=b; s.=c; =s; x=s", vec![]),
            ("\u{a0}s=a", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(values_of(header, "s").collect::<Vec<_>>(), expected, "{header:?}");
        }
    }
}
