//! Prompts and interrupts of a deployment.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use e2e::process::Process;
use e2e::tool;
use e2e::wait::Wait;

use super::{Account, CommandOutput, command};

/// Runs a program in a terminal, types a text at its prompt, and prints what the terminal shows. The
/// exit code is that of the program.
const IN_A_TERMINAL: &str = r#"
import os, pty, sys
text, program = sys.argv[1], sys.argv[2:]
process, terminal = pty.fork()
if process == 0:
    os.execv(program[0], program)
shown = b""
try:
    while part := os.read(terminal, 1024):
        if b"to confirm:" not in shown and b"to confirm:" in shown + part:
            os.write(terminal, text.encode())
        shown += part
except OSError:
    pass
print(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"#;

fn deploy_and_type(account: &Account, text: &str) -> CommandOutput {
    account.proxy.inject(None);
    let arguments = ["deploy", "--stage", "dev"];
    let deploy = command(&account.key, &account.proxy.url, account.folder.path(), &arguments);
    let mut terminal = Command::new(tool("localstack/bin/python"));
    terminal.args(["-c", IN_A_TERMINAL, text]).arg(deploy.get_program()).args(deploy.get_args());
    let envs = deploy.get_envs().filter_map(|(name, value)| Some((name, value?)));
    terminal.envs(envs).current_dir(account.folder.path()).output().unwrap().into()
}

#[test]
fn a_deployment_is_cancelled_at_its_prompt() {
    let account = Account::new("000000081002");
    let output = deploy_and_type(&account, "no\n").expect_exit(1);
    assert!(output.contains("error: cancelled: the prompt to deploy petstore"), "{output:?}");
    assert!(!output.contains("in a terminal"), "{output:?}");
    // Ctrl-C
    let output = deploy_and_type(&account, "\u{3}").expect_exit(130);
    assert!(output.contains("cancelled"), "{output:?}");
    assert!(!output.contains("finishing the current call"), "{output:?}");
    assert_eq!(account.read_back()["apis"].as_array().unwrap().len(), 0);
    let output = deploy_and_type(&account, "yes\n").expect_exit(0);
    assert!(output.contains("dev serves revision 1"), "{output:?}");
}

#[test]
fn an_interrupt_that_arrives_twice_at_once_lets_the_call_finish() {
    let account = Account::new("000000081003");
    let deploying: Arc<OnceLock<Process>> = Arc::default();
    let (is_sent, process) = (AtomicBool::new(false), Arc::clone(&deploying));
    // As a launcher and its terminal do, during the first call that changes something.
    account.proxy.after_writes(Some(Arc::new(move |call| {
        if call.starts_with("POST /restapis") && !is_sent.swap(true, Ordering::SeqCst) {
            let process = Wait::Start.until("process", String::new, || process.get());
            process.signal("INT");
            process.signal("INT");
        }
    })));
    let arguments = ["deploy", "--stage", "dev", "--yes"];
    let mut deploy = command(&account.key, &account.proxy.url, account.folder.path(), &arguments);
    let process = deploying.get_or_init(|| Process::start(&mut deploy));
    let status = process.exit_status(Wait::Reply);
    let output = process.output();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("finishing the current call"), "{output}");
    assert!(output.contains("interrupted") && output.contains("re-run to resume"), "{output}");
    account.proxy.after_writes(None);
    account.deploy("dev");
}
