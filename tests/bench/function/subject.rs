//! A measured function: its command and its costs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use crate::runtime_api::RuntimeApi;

pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) command: Vec<OsString>,
    pub(crate) variables: BTreeMap<&'static str, String>,
    pub(crate) events: Arc<Vec<String>>,
}

/// The costs of one run of a subject.
pub(crate) struct Run {
    /// Microseconds from the start to the first poll.
    pub(crate) cold: f64,
    /// Microseconds from the first event to its response.
    pub(crate) first: f64,
    /// Microseconds of CPU from the start to the first response.
    pub(crate) first_cpu: f64,
    /// Microseconds of an invocation, the median and the 99th percentile.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Microseconds of CPU an invocation.
    pub(crate) cpu: f64,
    pub(crate) per_second: f64,
    /// The peak resident memory, in MB.
    pub(crate) memory: f64,
}

/// The number of unmeasured calls before the measured ones, for just-in-time compilers.
const WARMUP: usize = 1_000;
const MEASURED: usize = 2_000;

impl Subject {
    /// Starts it for a Runtime API.
    pub(crate) fn start(&self, api: &RuntimeApi, before: &[&str]) -> Child {
        let words: Vec<OsString> =
            before.iter().map(OsString::from).chain(self.command.iter().cloned()).collect();
        let (program, arguments) = words.split_first().unwrap();
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_REGION", "eu-west-1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn run(&self) -> Run {
        let api = RuntimeApi::start();
        let started = Instant::now();
        let mut child = self.start(&api, &[]);
        let cold = micros(api.first_poll() - started);
        let first = api.invoke(&self.events, 1);
        let first_cpu = cpu(&child);
        api.invoke(&self.events, WARMUP);
        let (before, began) = (cpu(&child), Instant::now());
        let mut durations: Vec<f64> =
            api.invoke(&self.events, MEASURED).into_iter().map(micros).collect();
        let wall = began.elapsed();
        let cpu = (cpu(&child) - before) / number(MEASURED);
        let memory = peak(&child);
        child.kill().unwrap();
        child.wait().unwrap();
        durations.sort_by(f64::total_cmp);
        Run {
            cold,
            first: micros(first[0]),
            first_cpu,
            p50: durations[MEASURED / 2],
            p99: durations[MEASURED * 99 / 100],
            cpu,
            per_second: number(MEASURED) / wall.as_secs_f64(),
            memory,
        }
    }
}

/// Microseconds from the start of a process to its exit.
pub(crate) fn empty_process(program: &OsString) -> f64 {
    let started = Instant::now();
    let status = Command::new(program).env_clear().status().unwrap();
    assert!(status.success());
    micros(started.elapsed())
}

pub(crate) fn micros(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

/// Microseconds of CPU of a process's threads, as the scheduler counts them.
fn cpu(child: &Child) -> f64 {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let times = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.unwrap().path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e3
}

fn peak(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
