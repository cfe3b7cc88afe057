//! Plans as Markdown.

use super::{compiled, deployed, desired, empty_state};
use crate::{MANIFEST, OPENAPI};
use deployment::plan::{
    AccessImpact, Action, Aspect, Change, MAX_MARKDOWN_BYTES, Plan, Subject, plan,
};

fn changed(openapi: &str) -> Plan {
    let (_, state) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    plan(&desired(compiled(MANIFEST, openapi, Some("dev"))), &state)
}

#[test]
fn dangers_are_first_and_details_are_folded() {
    let public = OPENAPI.replacen("operationId: getThing", "security: []", 1);
    assert_ne!(public, OPENAPI);
    insta::assert_snapshot!("markdown", changed(&public).markdown());
    let unchanged = changed(OPENAPI).markdown();
    assert_eq!(
        unchanged,
        "### Portcullis: shop, stage dev\n\nNo changes: revision 1 matches the configuration (account 123456789012, eu-west-1).\n"
    );
}

#[test]
fn values_of_the_files_are_no_markup() {
    let mut plan = changed(OPENAPI);
    plan.api = "<img src=x> @team [a](https://x.example) #1\n# a".to_owned();
    plan.notes = vec!["run `deployer a|b`; a stray ` and **bold**".to_owned()];
    plan.changes = vec![Change {
        action: Action::Update,
        subject: Subject::Stage("dev".to_owned()),
        aspect: Aspect::Variable("a|b".to_owned()),
        before: Some("`x` | <b>\n| y |".to_owned()),
        after: Some(String::new()),
        impact: AccessImpact::None,
    }];
    let text = plan.markdown();
    for forbidden in ["<img", "@team", "[a]", "https://", " #1", "**bold**", "\n# a", "<b>\n"] {
        assert!(!text.contains(forbidden), "{forbidden}: {text}");
    }
}

#[test]
fn a_plan_of_any_size_is_shorter_than_a_comment_and_counts_the_rest() {
    let mut plan = changed(OPENAPI);
    let route = |number: usize| Change {
        action: Action::Update,
        subject: Subject::Route(compiler::api::RouteKey::new("GET", format!("/route/{number}"))),
        aspect: Aspect::Auth,
        before: Some("jwt ".repeat(100)),
        after: Some("public".to_owned()),
        impact: AccessImpact::BecomesPublic,
    };
    plan.changes = (0..2_000).map(route).collect();
    plan.notes = vec!["note ".repeat(1_000); 1_000];
    let text = plan.markdown();
    assert!(text.len() < 65_536 && text.len() > MAX_MARKDOWN_BYTES - 1_000, "{}", text.len());
    let shown = text.matches("> - changed `GET /route/").count();
    assert!(text.contains(&format!("> - {} more are not shown", 2_000 - shown)), "{shown}");
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
}
