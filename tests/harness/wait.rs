//! The time limits of the tests, each with its reason. A wait that runs out panics and says for
//! what it was.
//!
//! The times in the reasons were measured on two cores with a load of six, as when several tests
//! and a release build run at once; the limits are five to ten times as long.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The kind of a wait, which sets its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A program that is already built gets ready. The slowest, serverless-offline, takes 11 s.
    Start,
    /// A running program writes a line, answers a request or ends. The first call to `LocalStack`
    /// takes 9 s, and a gateway waits for an integration for up to 29 s.
    Reply,
    /// Cargo compiles. A release build of the deployer takes a few minutes of two idle cores.
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

    /// The time left of this wait, as a function to call again and again.
    #[expect(clippy::disallowed_methods, reason = "the harness is a shell: limits are real time")]
    pub(crate) fn begin(self) -> impl Fn() -> Option<Duration> {
        let end = Instant::now() + self.limit();
        move || end.checked_duration_since(Instant::now())
    }

    /// Polls until there is a value. When the limit is reached, `shown` is part of the message.
    #[track_caller]
    pub fn until<T>(
        self,
        what: &str,
        shown: impl Fn() -> String,
        mut poll: impl FnMut() -> Option<T>,
    ) -> T {
        const INTERVAL: Duration = Duration::from_millis(20);
        let left = self.begin();
        loop {
            if let Some(value) = poll() {
                return value;
            }
            assert!(left().is_some(), "no {what} within {:?}; {}", self.limit(), shown());
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
