//! Results as `JUnit` XML.
//! <https://github.com/testmoapp/junitxml>

use std::io;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::{CaseRun, Outcome, Results};

/// The name of the suite, and the class of its cases.
const SUITE: &str = "portcullis";

impl Results {
    /// Returns the results of a file of cases as `JUnit` XML.
    pub fn junit(&self, file: &str) -> io::Result<String> {
        let time: Duration = self.0.iter().map(|run| run.time).sum();
        let mut suite = TestSuite::new(SUITE);
        suite.set_time(time).add_test_cases(self.0.iter().map(|run| test_case(run, file)));
        let mut report = Report::unnamed();
        report.set_time(time).add_test_suite(suite);
        report.to_string().map_err(io::Error::other)
    }
}

fn test_case(CaseRun { case, outcome, time }: &CaseRun, file: &str) -> TestCase {
    let mut test_case = TestCase::new(xml(&case.name()), status(outcome));
    test_case.set_classname(SUITE).set_time(*time);
    test_case.extra.insert(xml("file"), xml(file));
    test_case.extra.insert(xml("line"), xml(&case.line.to_string()));
    test_case
}

fn status(outcome: &Outcome) -> TestCaseStatus {
    let (mut status, reason) = match outcome {
        Outcome::Passed => return TestCaseStatus::success(),
        Outcome::Failed(reason) => (TestCaseStatus::non_success(NonSuccessKind::Failure), reason),
        Outcome::Skipped(reason) => (TestCaseStatus::skipped(), reason),
    };
    status.set_message(xml(reason)).set_description(xml(reason));
    status
}

/// Returns a text without the characters that XML 1.0 does not allow.
fn xml(text: &str) -> XmlString {
    XmlString::new(text.replace(['\u{fffe}', '\u{ffff}'], ""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::cases::{Case, CaseRun, Expected, Outcome, Results, Token};

    fn run(path: &str, outcome: Outcome, milliseconds: u64) -> CaseRun {
        let case = Case {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            token_name: "none".to_owned(),
            token: Token::None,
            expected: Expected { status: 200, body: None, backend: None },
            line: 7,
        };
        CaseRun { case, outcome, time: Duration::from_millis(milliseconds) }
    }

    #[test]
    fn totals_and_times_match_the_cases() {
        let results = Results(vec![
            run("/a", Outcome::Passed, 250),
            run("/b", Outcome::Failed("expected status 200, found 401".to_owned()), 1000),
            run("/c", Outcome::Skipped("no local issuer".to_owned()), 0),
        ]);
        let xml = results.junit("cases.yaml").unwrap();
        for part in [
            "<testsuites tests=\"3\" skipped=\"1\" failures=\"1\" errors=\"0\" time=\"1.250\">",
            "<testsuite name=\"portcullis\" tests=\"3\" skipped=\"1\" errors=\"0\" failures=\"1\" time=\"1.250\">",
            "<testcase name=\"GET /a with none\" classname=\"portcullis\" time=\"0.250\" file=\"cases.yaml\" line=\"7\"/>",
            "<failure message=\"expected status 200, found 401\">expected status 200, found 401</failure>",
            "<skipped message=\"no local issuer\">no local issuer</skipped>",
        ] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
    }

    #[test]
    fn text_is_escaped_and_invalid_xml_characters_are_removed() {
        let text = "a&b <c> \"d\" ]]> \u{0}\u{1b}[31m\u{8}e\u{fffe}\u{ffff}";
        let results = Results(vec![run("/?q=<&\">", Outcome::Failed(text.to_owned()), 1)]);
        let xml = results.junit("<cases>.yaml").unwrap();
        for part in [
            "name=\"GET /?q=&lt;&amp;&quot;&gt; with none\"",
            "file=\"&lt;cases&gt;.yaml\"",
            "message=\"a&amp;b &lt;c&gt; &quot;d&quot; ]]&gt; e\"",
            ">a&amp;b &lt;c&gt; &quot;d&quot; ]]&gt; e</failure>",
        ] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        assert!(xml.chars().all(allowed), "{xml:?}");
    }
}
