//! A program that runs beside the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::wait::Wait;

/// A running program, its stdout by lines and its stderr as one text. Dropping the value kills
/// it.
pub struct Process {
    command: String,
    child: Mutex<Child>,
    lines: Mutex<(Receiver<String>, Vec<String>)>,
    stderr: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Process {
    /// Starts a program.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, receiver) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut errors = child.stderr.take().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let buffer = Arc::clone(&stderr);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = errors.read(&mut piece) {
                buffer.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
            }
        });
        let (child, lines) = (Mutex::new(child), Mutex::new((receiver, Vec::new())));
        Self { command: format!("{command:?}"), child, lines, stderr, reader }
    }

    /// Runs a build, which must succeed.
    #[track_caller]
    pub fn build(command: &mut Command) {
        let build = Self::start(command);
        let status = build.exit_status(Wait::Build);
        assert!(status.success(), "{status}; {}", build.output());
    }

    /// Waits for a matching line of stdout, earlier lines included.
    #[track_caller]
    pub fn line(&self, wait: Wait, matches: impl Fn(&str) -> bool) -> String {
        self.nth_line(wait, matches, 1)
    }

    /// Waits for the nth matching line of stdout, counted from 1.
    #[track_caller]
    fn nth_line(&self, wait: Wait, matches: impl Fn(&str) -> bool, nth: usize) -> String {
        let left = wait.begin();
        let mut lines = self.lines.lock().unwrap();
        let mut missing = nth;
        if let Some(line) = lines.1.iter().filter(|line| matches(line)).nth(nth - 1) {
            return line.clone();
        }
        missing -= lines.1.iter().filter(|line| matches(line)).count();
        loop {
            let line = match lines.0.recv_timeout(left().unwrap_or_default()) {
                Ok(line) => line,
                Err(error) => {
                    drop(lines);
                    self.fail(wait, error);
                }
            };
            lines.1.push(line.clone());
            missing -= usize::from(matches(&line));
            if missing == 0 {
                return line;
            }
        }
    }

    #[track_caller]
    fn fail(&self, wait: Wait, error: RecvTimeoutError) -> ! {
        let output = self.output();
        match error {
            RecvTimeoutError::Timeout => {
                panic!("no matching line of stdout within {:?}; {output}", wait.limit())
            }
            RecvTimeoutError::Disconnected => {
                panic!("stdout ended without a matching line; {output}")
            }
        }
    }

    /// Waits for a matching JSON line of stdout.
    #[track_caller]
    pub fn json_line(&self, wait: Wait, matches: impl Fn(&Value) -> bool) -> Value {
        self.nth_json_line(wait, matches, 1)
    }

    /// Waits for the nth matching JSON line of stdout.
    #[track_caller]
    pub fn nth_json_line(&self, wait: Wait, matches: impl Fn(&Value) -> bool, nth: usize) -> Value {
        let parsed = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default();
        parsed(&self.nth_line(wait, |line| matches(&parsed(line)), nth))
    }

    /// Its stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// The command, and its stdout and stderr so far.
    pub fn output(&self) -> String {
        self.read_to_end();
        let mut lines = self.lines.lock().unwrap();
        let more: Vec<String> = lines.0.try_iter().collect();
        lines.1.extend(more);
        let stdout = lines.1.join("\n");
        format!("{}\n--- stdout\n{stdout}\n--- stderr\n{}", self.command, self.stderr())
    }

    /// Waits up to a second for the rest of stderr of a program that has ended.
    fn read_to_end(&self) {
        for _ in 0..50 {
            if self.reader.is_finished() {
                return;
            }
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Sends a signal by name, waits for the exit and returns the exit code.
    #[track_caller]
    pub fn stop(self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.exit_status(Wait::Reply).code()
    }

    /// Sends a signal by name.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        let id = self.id();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }

    /// Waits for its end.
    #[track_caller]
    pub fn exit_status(&self, wait: Wait) -> ExitStatus {
        let ended = || self.child.lock().unwrap().try_wait().unwrap();
        wait.until("exit of the program", || self.output(), ended)
    }

    fn id(&self) -> String {
        self.child.lock().unwrap().id().to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.id();
        let Ok(child) = self.child.get_mut() else { return };
        // The process ID of an ended program may have been reused.
        if let Ok(Some(_)) = child.try_wait() {
            return;
        }
        // Its children too: `cargo lambda watch` runs cargo, which runs the function.
        let _ = Command::new("pkill").args(["-KILL", "-P", &id]).status();
        let _ = child.kill();
        let _ = child.wait();
    }
}
