//! The syntax of Java's regular expressions, in which API Gateway reads selection patterns and validation
//! expressions. Only errors that Java's parser certainly reports are found; anything else is accepted.
//! <https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html>

use std::str::Chars;

use super::Problem;
use crate::api::DEFAULT;
use crate::source::document::{Entry, Node};

/// The letters that must not follow a backslash.
const UNKNOWN_ESCAPES: &str = "CEFIJKLMOTUYgijlmoqy";
/// The flags of `(?FLAGS)`, except `x`.
const FLAGS: &str = "imsduU-";
const UNCLOSED_CLASS: &str = "`[` is not closed";
const UNCLOSED_GROUP: &str = "`(` is not closed";
const UNKNOWN_GROUP: &str = "unknown group `(?`";
const NOTHING_TO_REPEAT: &str = "`*`, `+` or `?` without an expression to repeat";

/// Returns the selection patterns of an integration's responses that API Gateway refuses.
pub(super) fn in_selection_patterns(integration: &Node) -> Vec<Problem> {
    let responses = integration.member("responses").map(Node::entries).unwrap_or_default();
    let patterns = responses.iter().filter(|entry| entry.key != DEFAULT);
    patterns.filter_map(selection_problem).collect()
}

fn selection_problem(entry: &Entry) -> Option<Problem> {
    let pattern = &entry.key;
    let reason = problem(pattern)?;
    Some(Problem {
        span: Some(entry.key_span),
        cause: format!("the selection pattern `{pattern}` is not a regular expression: {reason}"),
        help: "write a regular expression in Java's syntax, such as `4\\d{2}`, or `default`"
            .to_owned(),
    })
}

/// Returns the cause why Java rejects a regular expression; nothing if it does not, or possibly not.
pub(super) fn problem(pattern: &str) -> Option<&'static str> {
    let mut parser = Parser { rest: pattern.chars(), depth: 0, previous: Previous::Nothing };
    match parser.pattern() {
        Err(Stop::Invalid(reason)) => Some(reason),
        Ok(()) | Err(Stop::Unclear) => None,
    }
}

/// The end of the examination.
enum Stop {
    Invalid(&'static str),
    /// The rest has another syntax.
    Unclear,
}

/// The part before the current character.
#[derive(Clone, Copy, PartialEq)]
enum Previous {
    /// The start of an alternative.
    Nothing,
    Expression,
    Repetition,
}

struct Parser<'a> {
    rest: Chars<'a>,
    /// The number of open groups.
    depth: usize,
    previous: Previous,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Skips a character if it is the next one.
    fn skip(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        if is_next {
            self.rest.next();
        }
        is_next
    }

    /// Skips characters of a kind, and returns their number.
    fn skip_while(&mut self, is_kind: impl Fn(char) -> bool) -> usize {
        let mut count = 0_usize;
        while self.peek().is_some_and(&is_kind) {
            self.rest.next();
            count = count.saturating_add(1);
        }
        count
    }

    fn pattern(&mut self) -> Result<(), Stop> {
        while let Some(c) = self.rest.next() {
            match c {
                '(' => {
                    self.group()?;
                    self.previous = Previous::Nothing;
                }
                '|' => self.previous = Previous::Nothing,
                '*' | '+' | '?' if self.previous != Previous::Expression => {
                    return Err(Stop::Invalid(NOTHING_TO_REPEAT));
                }
                '*' | '+' | '?' => self.repetition(),
                '{' => {
                    self.count()?;
                    self.repetition();
                }
                _ => {
                    match c {
                        '\\' => self.escape()?,
                        '[' => self.class()?,
                        ')' => self.end_group()?,
                        _ => {}
                    }
                    self.previous = Previous::Expression;
                }
            }
        }
        if self.depth > 0 { Err(Stop::Invalid(UNCLOSED_GROUP)) } else { Ok(()) }
    }

    /// Skips the suffix of a lazy or possessive repetition.
    fn repetition(&mut self) {
        _ = self.skip('?') || self.skip('+');
        self.previous = Previous::Repetition;
    }

    /// Reads the rest of `{2}`, `{2,}` or `{2,3}`.
    fn count(&mut self) -> Result<(), Stop> {
        let invalid = Stop::Invalid("`{` without a number of repetitions");
        if self.skip_while(|c| c.is_ascii_digit()) == 0 {
            return Err(invalid);
        }
        if self.skip(',') {
            self.skip_while(|c| c.is_ascii_digit());
        }
        if self.skip('}') { Ok(()) } else { Err(Stop::Invalid("`{` is not closed")) }
    }

    /// Reads the start of a group.
    fn group(&mut self) -> Result<(), Stop> {
        let is_group = !self.skip('?') || self.group_kind()?;
        self.depth = self.depth.saturating_add(usize::from(is_group));
        Ok(())
    }

    /// Reads the rest of `(?:`, `(?=`, `(?<name>` or `(?i:`, and returns whether a group is open: it is not
    /// after `(?i)`.
    fn group_kind(&mut self) -> Result<bool, Stop> {
        match self.rest.next() {
            Some(':' | '=' | '!' | '>') => Ok(true),
            Some('<') if self.skip('=') || self.skip('!') => Ok(true),
            Some('<') => {
                let is_letter = self.peek().is_some_and(|c| c.is_ascii_alphabetic());
                self.skip_while(|c| c.is_ascii_alphanumeric());
                let is_name = is_letter && self.skip('>');
                if is_name { Ok(true) } else { Err(Stop::Invalid("invalid name of a group")) }
            }
            Some(first) => {
                let mut flag = Some(first);
                loop {
                    match flag {
                        Some(')') => return Ok(false),
                        Some(':') => return Ok(true),
                        // White space and comments are not part of the expression.
                        Some('x') => return Err(Stop::Unclear),
                        Some(flag) if FLAGS.contains(flag) => {}
                        _ => return Err(Stop::Invalid(UNKNOWN_GROUP)),
                    }
                    flag = self.rest.next();
                }
            }
            None => Err(Stop::Invalid(UNCLOSED_GROUP)),
        }
    }

    fn end_group(&mut self) -> Result<(), Stop> {
        let outer = self.depth.checked_sub(1);
        self.depth = outer.ok_or(Stop::Invalid("`)` without `(`"))?;
        Ok(())
    }

    /// Reads the rest of a class, which may have other classes in it. A `]` at the start is a character.
    fn class(&mut self) -> Result<(), Stop> {
        self.skip('^');
        let mut is_empty = true;
        loop {
            match self.rest.next() {
                None => return Err(Stop::Invalid(UNCLOSED_CLASS)),
                Some(']') if !is_empty => return Ok(()),
                Some('[') => self.class()?,
                Some('\\') => self.escape()?,
                // An intersection.
                Some('&') if self.peek() == Some('&') => return Err(Stop::Unclear),
                Some(first) => self.range(first)?,
            }
            is_empty = false;
        }
    }

    /// Reads the rest of a range, if it is one of two plain characters.
    fn range(&mut self, first: char) -> Result<(), Stop> {
        let mut ahead = self.rest.clone();
        let is_range = ahead.next() == Some('-');
        match ahead.next().filter(|last| is_range && !"[]\\&".contains(*last)) {
            Some(last) if last < first => {
                Err(Stop::Invalid("a range ends before its first character"))
            }
            Some(_) => {
                self.rest = ahead;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Reads the character or the expression after a backslash.
    fn escape(&mut self) -> Result<(), Stop> {
        let is_complete = match self.rest.next() {
            None => return Err(Stop::Invalid("`\\` at the end")),
            Some('Q') => {
                self.quotation();
                true
            }
            Some('p' | 'P' | 'x' | 'N') if self.skip('{') => self.until('}'),
            Some('p' | 'P' | 'c') => self.rest.next().is_some(),
            Some('k') => self.skip('<') && self.until('>'),
            Some('x') => self.hexadecimal(2),
            Some('u') => self.hexadecimal(4),
            Some('0') => self.skip_while(|c| c.is_digit(8)) > 0,
            Some('N') => false,
            Some('b') => {
                // `\b{g}`
                _ = self.peek() != Some('{') || self.until('}');
                true
            }
            Some(letter) if UNKNOWN_ESCAPES.contains(letter) => {
                return Err(Stop::Invalid("unknown escape sequence"));
            }
            Some(_) => true,
        };
        if is_complete { Ok(()) } else { Err(Stop::Invalid("incomplete escape sequence")) }
    }

    /// Skips a text up to `\E`.
    fn quotation(&mut self) {
        let text = self.rest.as_str();
        let rest = text.split_once("\\E").map_or("", |(_, rest)| rest);
        self.rest = rest.chars();
    }

    /// Skips a text and the character after it. Returns whether there is one.
    fn until(&mut self, end: char) -> bool {
        self.rest.any(|c| c == end)
    }

    fn hexadecimal(&mut self, digits: usize) -> bool {
        (0..digits).all(|_| self.rest.next().is_some_and(|c| c.is_ascii_hexdigit()))
    }
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn expressions_that_java_compiles_are_accepted() {
        for pattern in [
            "",
            ".*",
            "4\\d{2}",
            "^Bearer [-0-9a-zA-Z._]*$",
            "(?i)(error|fail).*",
            "(?s:.)*",
            "a*+b++c?+d{2}+e{2,}?f{2,3}",
            "(?=a)(?!b)(?<=c)(?<!d)(?>e)",
            "(?<name>a)\\k<name>\\1",
            "[]a]",
            "[^]a]",
            "[a-d[m-p]]",
            "[a-z&&[^bc]]",
            "[\\w.-]+@[a-z-]",
            "\\p{Lu}\\pL\\x41\\u0041\\x{1F600}\\07\\cA\\N{SPACE}\\b{g}\\R\\X",
            "\\Q(*[{\\E.*",
            "\\Q[",
            "(?x)a # (",
            "()*|",
            "^*a$+",
            "]}",
            "a{2}{3}",
            ".*\\\"errorType\\\".*",
        ] {
            assert_eq!(problem(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn expressions_that_java_rejects_have_a_cause() {
        for (pattern, cause) in [
            ("^Bearer [A-Z", "`[` is not closed"),
            ("[]", "`[` is not closed"),
            ("[a[b]", "`[` is not closed"),
            ("4\\d{2", "`{` is not closed"),
            ("4\\d{2,", "`{` is not closed"),
            (".*{\"a\"}", "`{` without a number of repetitions"),
            ("(a|b", "`(` is not closed"),
            ("(?", "`(` is not closed"),
            ("a)", "`)` without `(`"),
            ("*", "`*`, `+` or `?` without an expression to repeat"),
            ("a|+", "`*`, `+` or `?` without an expression to repeat"),
            ("(?:*a)", "`*`, `+` or `?` without an expression to repeat"),
            ("a**", "`*`, `+` or `?` without an expression to repeat"),
            ("(?i)*", "`*`, `+` or `?` without an expression to repeat"),
            ("(?P<a>b)", "unknown group `(?`"),
            ("(?#a)", "unknown group `(?`"),
            ("(?<a_b>c)", "invalid name of a group"),
            ("[z-a]", "a range ends before its first character"),
            ("a\\", "`\\` at the end"),
            ("\\y", "unknown escape sequence"),
            ("\\E", "unknown escape sequence"),
            ("\\x4", "incomplete escape sequence"),
            ("\\p{L", "incomplete escape sequence"),
            ("\\k", "incomplete escape sequence"),
        ] {
            assert_eq!(problem(pattern), Some(cause), "{pattern}");
        }
    }
}
