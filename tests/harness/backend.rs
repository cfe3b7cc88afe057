//! A backend whose answers the test chooses, and which remembers what reached it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

/// A backend on a port of its own.
pub struct Backend {
    /// Its base URL.
    pub url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    /// Starts one that sends these bytes to whoever asks, then closes; nothing at all if empty.
    pub fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let reader = BufReader::new(stream.try_clone().unwrap());
                let head: Vec<String> = reader
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                kept.lock().unwrap().push(head.join("\n"));
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, seen }
    }

    /// The heads of the requests that reached it.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}
