//! The output of every command, as text and JSON, from the first deployment to the deletion.

use std::fmt::Write;

use super::{Account, CommandOutput};

/// Replaces what differs between runs by names.
fn normalized(text: &str, known: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (id, name) in known {
        text = text.replace(id, name);
    }
    for (mark, length, name) in
        [("jwt-", 8, "PRINT"), ("content=", 16, "PRINT"), ("\"content\":\"", 16, "PRINT")]
    {
        let mut from = 0;
        while let Some(at) = text[from..].find(mark).map(|at| from + at + mark.len()) {
            let end = text.len().min(at + length);
            if text.is_char_boundary(end)
                && text[at..end].bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                text.replace_range(at..end, name);
            }
            from = at;
        }
    }
    // 2026-11-21T15:00:00Z
    while let Some(at) = time(&text) {
        text.replace_range(at..at + 20, "TIME");
    }
    text
}

fn time(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_time = |window: &[u8]| {
        window[4] == b'-' && window[10] == b'T' && window[13] == b':' && window[19] == b'Z'
    };
    bytes.windows(20).position(is_time)
}

#[test]
fn output_of_every_command() {
    let account = Account::new("100000000081");
    let mut text = String::new();
    let mut runs: Vec<(Vec<&str>, CommandOutput)> = Vec::new();
    let both = |arguments: &[&'static str], runs: &mut Vec<(Vec<&'static str>, CommandOutput)>| {
        for more in [&[][..], &["--output", "json"]] {
            let arguments = [arguments, more].concat();
            let output = account.run(&arguments);
            runs.push((arguments, output));
        }
    };
    let once = |arguments: &[&'static str], runs: &mut Vec<(Vec<&'static str>, CommandOutput)>| {
        runs.push((arguments.to_vec(), account.run(arguments)));
    };
    both(&["discover"], &mut runs);
    both(&["plan", "--stage", "dev"], &mut runs);
    once(&["deploy", "--stage", "dev", "--yes"], &mut runs);
    both(&["deploy", "--stage", "dev", "--yes"], &mut runs);
    let id = account.api()["id"].as_str().unwrap().to_owned();
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    both(&["plan", "--stage", "dev", "--detailed-exitcode"], &mut runs);
    once(&["deploy", "--stage", "dev", "--yes", "--output", "json"], &mut runs);
    both(&["status", "--stage", "dev"], &mut runs);
    both(&["history", "--stage", "dev"], &mut runs);
    both(&["drift", "--stage", "dev"], &mut runs);
    both(&["discover"], &mut runs);
    both(&["doctor", "--stage", "dev"], &mut runs);
    once(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"], &mut runs);
    both(&["rollback", "1", "--stage", "dev", "--yes", "--allow-dangerous"], &mut runs);
    both(&["sdk", "--stage", "dev", "--language", "java", "--out", "sdk.zip"], &mut runs);
    both(&["undeploy", "--stage", "dev"], &mut runs);
    once(&["undeploy", "--stage", "dev", "--yes"], &mut runs);
    both(&["undeploy", "--stage", "dev", "--yes"], &mut runs);
    let deployments = account.boto3("print(' '.join(d['id'] for d in sorted(client.get_deployments(restApiId=api)['items'], key=lambda d: d['description'])))");
    once(&["undeploy", "--delete-api", "--yes"], &mut runs);
    both(&["undeploy", "--delete-api", "--yes"], &mut runs);
    let mut known = vec![(id, "API".to_owned())];
    let deployments = deployments.split(' ').enumerate();
    known.extend(
        deployments.map(|(number, id)| (id.to_owned(), format!("DEPLOYMENT{}", number + 1))),
    );
    for (arguments, output) in runs {
        let CommandOutput { exit, stdout, stderr } = output;
        let _ = writeln!(text, "$ deployer {}  → {exit}", arguments.join(" "));
        let _ = writeln!(text, "{}", normalized(&format!("{stdout}{stderr}"), &known));
    }
    insta::assert_snapshot!(text);
}
