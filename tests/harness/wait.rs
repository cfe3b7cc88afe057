//! The time limits of the tests, each with its reason. A wait that exceeds its limit
//! panics with what it waited for.
//!
//! The times in the reasons were measured on two cores with a load of six, as when several tests
//! and a release build run at once; the limits are five to ten times as long.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The kinds of wait, each with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The start of a program that is already built. The slowest, serverless-offline, takes 11 s.
    Start,
    /// A log line, a response or the exit of a running program. The first call to `LocalStack`
    /// takes 9 s, and the gateway waits up to 29 s for an integration.
    Reply,
    /// A build. A release build of the deployer takes a few minutes on two idle cores.
    Build,
}

impl Wait {
    /// The limit.
    pub const fn limit(self) -> Duration {
        match self {
            Self::Start | Self::Reply => Duration::from_mins(1),
            Self::Build => Duration::from_mins(30),
        }
    }

    /// Returns a function that returns the time left of this wait.
    #[expect(clippy::disallowed_methods, reason = "the harness is a shell: limits are real time")]
    pub(crate) fn begin(self) -> impl Fn() -> Option<Duration> {
        let end = Instant::now() + self.limit();
        move || end.checked_duration_since(Instant::now())
    }

    /// Polls until there is a value. At the limit it panics with `details`.
    #[track_caller]
    pub fn until<T>(
        self,
        condition: &str,
        details: impl Fn() -> String,
        mut poll: impl FnMut() -> Option<T>,
    ) -> T {
        const INTERVAL: Duration = Duration::from_millis(20);
        let left = self.begin();
        loop {
            if let Some(value) = poll() {
                return value;
            }
            assert!(left().is_some(), "no {condition} within {:?}; {}", self.limit(), details());
            thread::park_timeout(INTERVAL);
        }
    }

    /// Accepts a connection.
    #[track_caller]
    pub fn accept(self, listener: &TcpListener) -> TcpStream {
        listener.set_nonblocking(true).unwrap();
        let stream = self.until("connection", String::new, || match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            accepted => Some(accepted.unwrap().0),
        });
        stream.set_nonblocking(false).unwrap();
        stream
    }
}
