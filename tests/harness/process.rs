//! A program that runs beside the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Long enough for a first build on a slow machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_mins(15);

/// A running program, its stdout line by line and all it wrote to stderr. It is killed with
/// this value.
pub struct Process {
    child: Child,
    lines: Mutex<(Receiver<String>, Vec<String>)>,
    stderr: Arc<Mutex<String>>,
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
        let kept = Arc::clone(&stderr);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = errors.read(&mut piece) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
            }
        });
        Self { child, lines: Mutex::new((receiver, Vec::new())), stderr }
    }

    /// Waits for a line of stdout that fits, whether it came before or is still to come.
    pub fn line(&self, fits: impl Fn(&str) -> bool) -> String {
        self.nth_line(fits, 1)
    }

    /// Waits for the nth line of stdout that fits, counted from 1.
    fn nth_line(&self, fits: impl Fn(&str) -> bool, nth: usize) -> String {
        let mut lines = self.lines.lock().unwrap();
        let mut left = nth;
        if let Some(line) = lines.1.iter().filter(|line| fits(line)).nth(nth - 1) {
            return line.clone();
        }
        left -= lines.1.iter().filter(|line| fits(line)).count();
        loop {
            let Ok(line) = lines.0.recv_timeout(PATIENCE) else {
                panic!("it ended or kept silent; stdout {:#?}, stderr {}", lines.1, self.stderr());
            };
            lines.1.push(line.clone());
            left -= usize::from(fits(&line));
            if left == 0 {
                return line;
            }
        }
    }

    /// Waits for a line of stdout that is JSON and fits.
    pub fn json_line(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let parsed = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default();
        parsed(&self.line(|line| fits(&parsed(line))))
    }

    /// Waits for the nth line of stdout that is JSON and fits.
    pub fn nth_json_line(&self, fits: impl Fn(&Value) -> bool, nth: usize) -> Value {
        let parsed = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default();
        parsed(&self.nth_line(|line| fits(&parsed(line)), nth))
    }

    /// What it wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Sends a signal by name, waits for the end and returns the exit code.
    pub fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What it started goes with it: `cargo lambda watch` runs cargo, which runs the function.
        let _ = Command::new("pkill").args(["-KILL", "-P", &self.child.id().to_string()]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
