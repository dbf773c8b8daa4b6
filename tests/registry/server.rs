//! A small HTTP server whose answers, and whose faults, a test writes down.

use slimwright::base::Digest;
use slimwright::registry::{AuthFiles, Client, Options, Reference};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Most connections that one server takes.
const MAX_CONNECTIONS: usize = 400;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that a `Range` asks for.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
    }
}

/// How a body is sent.
#[derive(Clone, Copy)]
enum Form {
    /// With its length.
    Length,
    /// In chunks.
    Chunked,
    /// Until the connection ends.
    Close,
}

/// An answer.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    form: Form,
    stated: Option<usize>,
    cut: Option<usize>,
    stall: Option<(usize, Duration)>,
    drip: Option<(usize, Duration)>,
}

pub fn reply(status: u16) -> Reply {
    let (headers, body) = (Vec::new(), Vec::new());
    Reply { status, headers, body, form: Form::Length, stated: None, cut: None, stall: None, drip: None }
}

/// 200 with a body.
pub fn ok(body: impl Into<Vec<u8>>) -> Reply {
    reply(200).body(body)
}

/// 206 with what is left of a body.
pub fn rest(body: &[u8], from: usize) -> Reply {
    let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
    reply(206).header("Content-Range", range).body(&body[from..])
}

impl Reply {
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn chunked(mut self) -> Self {
        self.form = Form::Chunked;
        self
    }

    /// Without any length: the end of the connection ends it.
    pub fn until_closed(mut self) -> Self {
        self.form = Form::Close;
        self
    }

    /// Another `Content-Length` than is true.
    pub fn stating(mut self, length: usize) -> Self {
        self.stated = Some(length);
        self
    }

    /// Ends the connection after so many bytes of the body.
    pub fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    /// Sends nothing more after so many bytes, for this long; then the connection ends.
    pub fn stall(mut self, after: usize, how_long: Duration) -> Self {
        self.stall = Some((after, how_long));
        self
    }

    /// Sends pieces of a size with a pause behind each.
    pub fn drip(mut self, size: usize, pause: Duration) -> Self {
        self.drip = Some((size, pause));
        self
    }

    fn send(&self, stream: &mut TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.form {
            Form::Length => head.push_str(&format!("Content-Length: {}\r\n", self.stated.unwrap_or(self.body.len()))),
            Form::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Form::Close => {}
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        let end = self.cut.or(self.stall.map(|(after, _)| after)).unwrap_or(self.body.len());
        let (size, pause) = self.drip.unwrap_or((16 << 10, Duration::ZERO));
        for piece in self.body[..end].chunks(size) {
            match self.form {
                Form::Chunked => {
                    stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
                    stream.write_all(piece)?;
                    stream.write_all(b"\r\n")?;
                }
                _ => stream.write_all(piece)?,
            }
            sleep(pause, stop);
        }
        if let Some((_, how_long)) = self.stall {
            sleep(how_long, stop);
        } else if self.cut.is_none() && matches!(self.form, Form::Chunked) {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(())
    }
}

/// Sleeps, but not on when the server is to end.
fn sleep(how_long: Duration, stop: &AtomicBool) {
    let step = Duration::from_millis(10);
    let mut left = how_long;
    while !left.is_zero() && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(step.min(left));
        left = left.saturating_sub(step);
    }
}

/// What a test writes: the answer to a request, which is the how-manieth from 0.
type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

pub struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn new(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, stop) = (Arc::default(), Arc::<AtomicBool>::default());
        let shared = (Arc::clone(&requests), Arc::clone(&stop), Arc::<Script>::from(Box::new(script) as Box<Script>));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().take(MAX_CONNECTIONS) {
                let (requests, stop, script) = shared.clone();
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                std::thread::spawn(move || serve(stream, &requests, &stop, &*script));
            }
        });
        Self { port, requests, stop, thread: Some(thread) }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn reference(&self) -> Reference {
        format!("{}/lab/app:1", self.host()).parse().unwrap()
    }

    pub fn client(&self) -> Client {
        self.client_with(quick())
    }

    pub fn client_with(&self, options: Options) -> Client {
        Client::new(&self.reference(), options).unwrap()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the one that waits for connections.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, requests: &Mutex<Vec<Request>>, stop: &AtomicBool, script: &Script) {
    let limit = Some(Duration::from_secs(10));
    stream.set_read_timeout(limit).unwrap();
    stream.set_write_timeout(limit).unwrap();
    let mut first = [0];
    if !matches!(stream.peek(&mut first), Ok(1)) {
        return;
    }
    if first[0] == 0x16 {
        // TLS, which this is not: as Go's server answers it.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request");
        let _ = stream.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut stream.take(64 << 10), &mut std::io::sink());
        return;
    }
    let Some(request) = read_request(&stream) else { return };
    let number = {
        let mut requests = requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    let _ = script(&request, number).send(&mut stream, stop);
    let _ = stream.shutdown(Shutdown::Write);
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream).take(64 << 10);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request = Request { method: words.next()?.into(), target: words.next()?.into(), ..Request::default() };
    for _ in 0..100 {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().into()));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut request.body).ok()?;
    Some(request)
}

/// Insecure, without credentials, and with short waits.
pub fn quick() -> Options {
    Options {
        insecure: true,
        auth_files: AuthFiles::default(),
        helper_folder: None,
        helper_wait: Duration::from_secs(10),
        first_wait: Duration::from_millis(2),
        idle: Duration::from_secs(10),
    }
}

/// Bytes that differ from place to place, and their digest.
pub fn blob(length: usize) -> (Vec<u8>, Digest) {
    let bytes: Vec<u8> =
        (0..length as u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(length).collect();
    let digest = Digest::of(&bytes);
    (bytes, digest)
}
