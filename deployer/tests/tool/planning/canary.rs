//! Canaries, the marks of a rollback, and the targets of the next one.

use std::collections::BTreeMap;

use deployment::history::{History, Missing, Obstacle, TargetError};
use deployment::observed::{
    Canary, Observed, ObservedDeployment, ObservedStage, ServedDeployment, ServedDeployments,
};
use deployment::patch::Patch;
use deployment::percent::Percent;
use deployment::plan::{
    CanaryError, Plan, Step, is_applied, move_stage, plan, plan_canary, restore, restore_canary,
};
use deployment::record::{Record, Records};
use deployment::revision::{Annotation, Message, Revision};
use deployment::stage_settings::ObservedSettings;

use super::{ACCOUNT_THROTTLE, applied, compiled, deployed, desired, empty_state};
use crate::{MANIFEST, OPENAPI};

const CHANGED: (&str, &str) = ("- jwt: [read]", "- jwt: [admin]");

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

#[test]
fn a_share_is_an_integer_from_1_to_99() {
    for text in ["1", "10", "99"] {
        let share = percent(text);
        assert_eq!(share.to_string(), format!("{text} %"));
        assert_eq!(serde_json::to_string(&share).unwrap(), text);
        assert_eq!(serde_json::from_str::<Percent>(text).unwrap(), share);
    }
    for text in ["0", "100", "300", "-1", "+5", "5.5", "5%", "", " 5", "five"] {
        assert!(text.parse::<Percent>().is_err(), "{text}");
    }
    for text in ["0", "100", "5.5", "\"5\""] {
        assert!(serde_json::from_str::<Percent>(text).is_err(), "{text}");
    }
}

#[test]
fn a_label_has_the_commit_and_the_message_of_the_user() {
    let old = "portcullis revision=3 content=0a1b tool=0.1.0";
    for (text, commit, message) in [
        (old.to_owned(), None, None),
        (format!("{old} commit=abc123def456"), Some("abc123def456"), None),
        (format!("{old} commit=abc123def456-dirty"), Some("abc123def456-dirty"), None),
        (format!("{old} message=cache for one minute"), None, Some("cache for one minute")),
        (
            format!("{old} commit=abc123def456 message=fix: commit=7 message=x"),
            Some("abc123def456"),
            Some("fix: commit=7 message=x"),
        ),
    ] {
        let read = Revision::read(&text).unwrap();
        let Annotation { commit: found, message: line } = read.annotation.clone();
        assert_eq!(found.map(|one| one.to_string()).as_deref(), commit, "{text}");
        assert_eq!(line.map(|one| one.to_string()).as_deref(), message, "{text}");
        assert_eq!(read.to_string(), text);
        assert!(read.is_same(&Revision::read(old).unwrap()), "{text}");
    }
    // Another program's change of the description is not a reason to lose the revision.
    let edited = Revision::read(&format!("{old} commit=HEAD message= ")).unwrap();
    assert_eq!((edited.number, edited.annotation), (3, Annotation::default()));
    assert_eq!(Revision::read("portcullis revision=x content=0 tool=0"), None);
    let other = Revision::read("portcullis revision=3 content=0a1c tool=0.1.0").unwrap();
    assert!(!other.is_same(&Revision::read(old).unwrap()));
}

#[test]
fn a_message_is_one_line_of_at_most_200_characters() {
    let longest = "ä".repeat(200);
    for text in ["fix", " two words ", &longest] {
        assert_eq!(text.parse::<Message>().unwrap().to_string(), text.trim());
    }
    for (text, problem) in [
        ("", "expected a text"),
        ("  ", "expected a text"),
        ("a\nb", "expected one line without control characters"),
        ("a\u{2028}b", "expected one line without control characters"),
        ("a\u{7}b", "expected one line without control characters"),
        (&format!("{longest}ä"), "expected at most 200 characters, found 201"),
    ] {
        assert_eq!(text.parse::<Message>().unwrap_err().to_string(), problem, "{text:?}");
    }
}

#[test]
fn a_stage_description_marks_deployments_that_it_was_rolled_back_from() {
    let text = "by the team [portcullis served a b !c]";
    let read = ServedDeployments::read(text);
    assert_eq!(read.to_string(), text);
    assert_eq!(read.description, "by the team");
    let entry = |id: &str, rolled_back| ServedDeployment { id: id.to_owned(), rolled_back };
    assert_eq!(read.deployments, [entry("a", false), entry("b", false), entry("c", true)]);
    assert_eq!(
        read.clone().with_rolled_back("a").to_string(),
        "by the team [portcullis served !a b !c]"
    );
    assert_eq!(
        read.clone().with_rolled_back("d").to_string(),
        "by the team [portcullis served a b !c !d]"
    );
    assert_eq!(read.with("c").to_string(), text.replace("!c", "c"), "it is served again");
    let all = (0..30).fold(ServedDeployments::default(), |all, n| all.with(&n.to_string()));
    let all = all.with_rolled_back("0");
    assert_eq!((all.deployments.len(), all.deployments[0].id.as_str()), (20, "11"));
}

/// Returns the plan of a canary of the changed document, and the state after it.
fn canary(before: &Observed, toml: &str, openapi: &str, share: &str) -> (Plan, Observed) {
    let desired = desired(compiled(toml, openapi, Some("dev")));
    let planned = plan_canary(&desired, before, percent(share)).unwrap();
    let after = applied(before, &desired, &planned);
    (planned, after)
}

#[test]
fn a_canary_is_one_update_of_the_stage_and_leaves_its_settings() {
    let (_, live) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    let openapi = OPENAPI.replace(CHANGED.0, CHANGED.1);
    assert_ne!(openapi, OPENAPI);
    let toml = MANIFEST.replace("[stage.dev]", "[stage.dev]\nvariables = { a = \"b\" }");
    let (planned, with_canary) = canary(&live, &toml, &openapi, "10");
    let updates: Vec<&Step> = (planned.steps.iter())
        .filter(|step| matches!(step, Step::UpdateStage { .. } | Step::UpdateCanary { .. }))
        .collect();
    let [Step::UpdateCanary { name, deployment: None, percent: share, .. }] = updates.as_slice()
    else {
        panic!("{updates:?}")
    };
    assert_eq!((name.as_str(), *share), ("dev", percent("10")));
    let text = planned.to_string();
    assert!(text.contains("+ stage dev  canary: 10 % revision 2"), "{text}");
    assert!(
        text.contains("note: a canary does not apply the settings of stage dev: variable a"),
        "{text}"
    );
    assert!(text.contains("revision 1 → canary: 10 % revision 2: "), "{text}");
    assert!(!planned.changes.iter().any(|one| one.aspect.to_string() == "variable a"), "{text}");
    let saved = Plan::read(&serde_json::to_string(&planned).unwrap()).unwrap();
    assert_eq!(saved, planned);

    // The same one again: nothing to do. Another share: the same deployment.
    let (again, _) = canary(&with_canary, &toml, &openapi, "10");
    assert!(again.is_empty(), "{again}");
    assert!(again.to_string().contains("no changes: the canary, 10 % revision 2, matches"));
    let (more, _) = canary(&with_canary, &toml, &openapi, "50");
    let is_update = |step: &Step| matches!(step, Step::UpdateCanary { deployment: Some(id), .. } if *id == "d2-1");
    assert!(more.steps.iter().any(is_update), "{more}");
    assert!(
        more.to_string().contains("~ stage dev  canary: 10 % revision 2 → 50 % revision 2"),
        "{more}"
    );

    // A deployment promotes it, with the settings.
    let (whole, _) = deployed(&with_canary, &toml, &openapi, "dev");
    let update = whole.steps.iter().find(|step| matches!(step, Step::UpdateStage { .. }));
    let Some(Step::UpdateStage { deployment: Some(id), patches, .. }) = update else {
        panic!("{whole}")
    };
    assert_eq!(id, "d2-1");
    assert!(patches.contains(&Patch::remove("/canarySettings")), "{patches:?}");
    assert!(whole.to_string().contains("- stage dev  canary: 10 % revision 2"), "{whole}");
}

#[test]
fn a_canary_without_a_stage_or_a_change_is_refused() {
    let toml = format!("{MANIFEST}[stage.prod]\n");
    let refused = |before: &Observed, openapi: &str, stage: &str| {
        let desired = desired(compiled(&toml, openapi, Some(stage)));
        plan_canary(&desired, before, percent("10")).unwrap_err()
    };
    let no_stage = |stage: &str| CanaryError::NoStage { stage: stage.to_owned() };
    assert_eq!(refused(&empty_state(), OPENAPI, "dev"), no_stage("dev"));
    let (_, mut live) = deployed(&empty_state(), MANIFEST, OPENAPI, "dev");
    assert_eq!(refused(&live, OPENAPI, "prod"), no_stage("prod"));
    let no_change = CanaryError::NoChange { stage: "dev".to_owned(), revision: 1 };
    assert_eq!(refused(&live, OPENAPI, "dev"), no_change);
    let stages = &mut live.api.as_mut().unwrap().stages;
    stages.get_mut("dev").unwrap().deployment = String::new();
    let openapi = OPENAPI.replace(CHANGED.0, CHANGED.1);
    assert_eq!(refused(&live, &openapi, "dev"), no_stage("dev"));
    // Without a canary, the same state can be planned.
    assert!(!plan(&desired(compiled(MANIFEST, &openapi, Some("dev"))), &live).is_empty());
}

/// Returns a stage that serves `deployment`, with this description and canary.
fn stage(deployment: &str, description: &str, canary: Option<(&str, f64)>) -> ObservedStage {
    ObservedStage {
        deployment: deployment.to_owned(),
        served: ServedDeployments::read(description),
        canary: canary
            .map(|(deployment, percent)| Canary { deployment: deployment.to_owned(), percent }),
        settings: ObservedSettings::new(ACCOUNT_THROTTLE),
    }
}

fn texts(patches: &[Patch]) -> Vec<String> {
    let text = |patch: &Patch| match &patch.value {
        Some(value) => format!("{}={value}", patch.path),
        None => format!("-{}", patch.path),
    };
    patches.iter().map(text).collect()
}

#[test]
fn a_stage_is_moved_and_restored_with_its_marks_in_one_update() {
    let plain = stage("b", "[portcullis served a b]", None);
    let with_canary = stage("b", "[portcullis served a b]", Some(("c", 10.0)));
    let back = "/description=[portcullis served !b a]";
    assert_eq!(texts(&move_stage(&plain, "a", &["b"])), ["/deploymentId=a", back]);
    assert_eq!(
        texts(&move_stage(&with_canary, "b", &["c"])),
        ["/description=[portcullis served a !c b]", "-/canarySettings"],
        "a canary is ended"
    );
    assert_eq!(
        texts(&move_stage(&with_canary, "c", &[])),
        ["/deploymentId=c", "/description=[portcullis served a b c]", "-/canarySettings"],
        "a canary is promoted"
    );
    let settings = ObservedSettings::new(ACCOUNT_THROTTLE);
    assert_eq!(
        texts(&restore(&settings, &plain, Some("c"))),
        ["/deploymentId=b", "/description=[portcullis served a b !c]"]
    );
    assert_eq!(
        texts(&restore(&settings, &with_canary, Some("d"))),
        [
            "/deploymentId=b",
            "/canarySettings/percentTraffic=10",
            "/canarySettings/deploymentId=c",
            "/description=[portcullis served a b !d]",
        ],
        "a replaced canary is restored"
    );
    assert_eq!(
        texts(&restore(&settings, &plain, None)),
        ["/deploymentId=b", "/description=[portcullis served a b]"],
        "only settings were updated"
    );
    assert_eq!(
        texts(&restore_canary(&plain, "c")),
        ["-/canarySettings", "/description=[portcullis served a b !c]"]
    );
    assert_eq!(
        texts(&restore_canary(&with_canary, "d"))[..2],
        ["/canarySettings/percentTraffic=10", "/canarySettings/deploymentId=c"]
    );
    let same = restore_canary(&with_canary, "c");
    assert_eq!(texts(&same)[2], "/description=[portcullis served a b]", "it is served again");
}

#[test]
fn an_update_without_a_response_is_compared_with_the_stage() {
    let before = stage("b", "[portcullis served a b]", Some(("c", 10.0)));
    let promote = move_stage(&before, "c", &[]);
    assert!(!is_applied(&promote, &before));
    assert!(is_applied(&promote, &stage("c", "[portcullis served a b c]", None)));
    assert!(!is_applied(&promote, &stage("c", "[portcullis served c]", None)), "another update");
    assert!(!is_applied(&promote, &stage("c", "[portcullis served a b c]", Some(("d", 5.0)))));
    let variables = [Patch::remove("/variables/a")];
    assert!(!is_applied(&variables, &before), "it cannot be known");
}

/// Returns the deployments `d1` to `dN` of the revisions 1 to N, all with records but `unread`.
fn deployments(count: u32, unread: u32) -> (Vec<ObservedDeployment>, Records) {
    let revision = |number: u32| Revision {
        number,
        content: format!("content{number}"),
        tool: "0.1.0".to_owned(),
        annotation: Annotation::default(),
    };
    let deployment = |number: u32| ObservedDeployment {
        id: format!("d{number}"),
        created: number.into(),
        revision: Some(revision(number)),
    };
    let records = (1..=count).filter(|number| *number != unread);
    let records = records.map(|number| (number, Ok(Record::default()))).collect();
    ((1..=count).map(deployment).collect(), records)
}

#[test]
fn a_rollback_selects_the_newest_earlier_revision_without_an_obstacle() {
    use Obstacle::{CanaryOnly, NeverServed, OtherStage, RecordUnreadable, RolledBack};

    let served = "[portcullis served d1 d2 !d3 d5]";
    let stages = BTreeMap::from([
        ("prod".to_owned(), stage("d5", served, Some(("d7", 10.0)))),
        ("dev".to_owned(), stage("d4", "[portcullis served d4 !d5]", None)),
    ]);
    let (deployments, mut records) = deployments(7, 2);
    let obstacles = |records: &Records, stage: &str| -> Vec<Option<Obstacle>> {
        let history = History {
            stages: &stages,
            deployments: &deployments,
            records,
            missing: &Missing::default(),
        };
        deployments.iter().map(|one| history.obstacle(stage, one)).collect()
    };
    let prod = [
        None,
        Some(RecordUnreadable),
        Some(RolledBack),
        Some(OtherStage),
        None,
        Some(NeverServed),
        Some(CanaryOnly),
    ];
    assert_eq!(obstacles(&records, "prod"), prod);
    assert_eq!(obstacles(&records, "dev")[3..5], [None, Some(RolledBack)]);
    let target = |records: &Records, stage: &str, revision: Option<u32>| {
        let history = History {
            stages: &stages,
            deployments: &deployments,
            records,
            missing: &Missing::default(),
        };
        history.target(stage, revision).map(|(deployment, _)| deployment.id.clone())
    };
    assert_eq!(target(&records, "prod", None).unwrap(), "d1");
    records.insert(2, Ok(Record::default()));
    assert_eq!(target(&records, "prod", None).unwrap(), "d2", "the newest one");
    let none = TargetError::NoEarlier { stage: "dev".to_owned() };
    assert_eq!(target(&records, "dev", None).unwrap_err(), none);
    // By its number, any revision that a stage has served.
    for number in 1..=5 {
        assert_eq!(target(&records, "prod", Some(number)).unwrap(), format!("d{number}"));
    }
    for (revision, obstacle) in [(6, NeverServed), (7, CanaryOnly)] {
        let error = target(&records, "prod", Some(revision)).unwrap_err();
        assert_eq!(error, TargetError::Obstacle { revision, obstacle });
    }
    assert_eq!(target(&records, "prod", Some(8)).unwrap_err(), TargetError::Unknown(8));
}
