//! Wheels, which are zip archives, and a package index on loopback that has them (PEP 503, PEP 691, PEP 592).

use crate::server::{Reply, Request, Server, ok, reply};
use slimwright::base::Digest;
use std::sync::{Arc, Mutex};

/// Writes a zip archive of stored files; `sizes` that are given stand in its directory instead of the true ones.
pub struct Zip {
    body: Vec<u8>,
    directory: Vec<u8>,
    entries: u64,
    /// Whether the directory and the end are written in zip64's form.
    long: bool,
}

impl Zip {
    pub fn new(long: bool) -> Self {
        Self { body: Vec::new(), directory: Vec::new(), entries: 0, long }
    }

    pub fn file(self, name: &str, content: &[u8]) -> Self {
        let size = content.len() as u64;
        self.claiming(name, content, size)
    }

    /// A file whose unpacked size is said to be another one.
    pub fn claiming(self, name: &str, content: &[u8], size: u64) -> Self {
        self.packed(name, content, content, size, 0)
    }

    /// A file that is deflated.
    pub fn deflated(self, name: &str, content: &[u8]) -> Self {
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, content).unwrap();
        self.packed(name, &packed.finish().unwrap(), content, content.len() as u64, 8)
    }

    fn packed(mut self, name: &str, content: &[u8], unpacked: &[u8], size: u64, method: u8) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(unpacked);
        let offset = self.body.len() as u32;
        let lengths = |long: bool, size: u64| {
            let size = if long { u32::MAX } else { size as u32 };
            [(content.len() as u32).to_le_bytes(), size.to_le_bytes()].concat()
        };
        // Version 2.0, no flags, how it is packed, no time.
        let common = [&20u16.to_le_bytes()[..], &[0, 0, method, 0, 0, 0, 0, 0], &crc.sum().to_le_bytes()].concat();
        self.body.extend(b"PK\x03\x04");
        self.body.extend(&common);
        self.body.extend(lengths(false, unpacked.len() as u64));
        self.body.extend((name.len() as u16).to_le_bytes());
        self.body.extend([0; 2]);
        self.body.extend(name.as_bytes());
        self.body.extend(content);
        let extra = if self.long { [&[1, 0, 8, 0][..], &size.to_le_bytes()].concat() } else { Vec::new() };
        self.directory.extend(b"PK\x01\x02\x14\x03");
        self.directory.extend(&common);
        self.directory.extend(lengths(self.long, size));
        self.directory.extend((name.len() as u16).to_le_bytes());
        self.directory.extend((extra.len() as u16).to_le_bytes());
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.directory.extend(extra);
        self.entries += 1;
        self
    }

    pub fn finish(self, comment: &[u8]) -> Vec<u8> {
        let (offset, size, count) = (self.body.len() as u64, self.directory.len() as u64, self.entries);
        let mut out = [self.body, self.directory].concat();
        if self.long {
            let record = out.len() as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44u64.to_le_bytes());
            out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            [count, count, size, offset].iter().for_each(|number| out.extend(number.to_le_bytes()));
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(record.to_le_bytes());
            out.extend(1u32.to_le_bytes());
        }
        let short = |number: u64, most: u64| if self.long { most } else { number };
        out.extend(b"PK\x05\x06\0\0\0\0");
        [count, count].iter().for_each(|number| out.extend((short(*number, 0xffff) as u16).to_le_bytes()));
        [size, offset].iter().for_each(|number| out.extend((short(*number, 0xffff_ffff) as u32).to_le_bytes()));
        out.extend((comment.len() as u16).to_le_bytes());
        out.extend(comment);
        out
    }
}

/// A wheel that installers take: one module of `size` bytes, a script and what the format asks for.
pub fn wheel(name: &str, version: &str, tag: &str, size: usize) -> Vec<u8> {
    let info = format!("{name}-{version}.dist-info");
    let text = format!("#{}\n", "x".repeat(size.saturating_sub(2)));
    let script = format!("{name}-{version}.data/scripts/{name}-tool");
    let rows = [format!("{name}/__init__.py"), script.clone()];
    let names = ["METADATA", "WHEEL", "RECORD"].map(|file| format!("{info}/{file}"));
    let record: String = rows.iter().chain(&names).map(|path| format!("{path},,\n")).collect();
    Zip::new(false)
        .file(&rows[0], text.as_bytes())
        .file(&script, b"#!python\nprint(1)\n")
        .file(&names[0], format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n").as_bytes())
        .file(&names[1], format!("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n").as_bytes())
        .file(&names[2], record.as_bytes())
        .finish(b"")
}

/// A file of an index.
#[derive(Clone)]
pub struct Listed {
    pub name: String,
    pub bytes: Vec<u8>,
    /// The reason, if it was yanked.
    pub yanked: Option<String>,
}

impl Listed {
    pub fn wheel(name: &str, version: &str, tag: &str, size: usize) -> Self {
        let bytes = wheel(name, version, tag, size);
        Self { name: format!("{name}-{version}-{tag}.whl"), bytes, yanked: None }
    }

    pub fn source(name: &str, version: &str) -> Self {
        Self { name: format!("{name}-{version}.tar.gz"), bytes: b"not to be opened".to_vec(), yanked: None }
    }

    pub fn yanked(self, reason: &str) -> Self {
        Self { yanked: Some(reason.into()), ..self }
    }

    /// The normalized name of the project.
    fn project(&self) -> String {
        self.name.split('-').next().unwrap_or_default().replace('_', "-")
    }
}

/// What an index answers, and whether it wants `user:hunter2`.
pub fn index(files: Vec<Listed>, wants_credentials: bool) -> Server {
    index_with(files, wants_credentials, |_, _| None)
}

/// An index that answers something else where `odd` says so.
pub fn index_with(
    files: Vec<Listed>,
    wants_credentials: bool,
    odd: impl Fn(&Request, &[u8]) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    let host = Arc::new(Mutex::new(String::new()));
    let known = Arc::clone(&host);
    let server = Server::new(move |request, _| {
        // `user:hunter2`
        if wants_credentials && request.header("authorization") != Some("Basic dXNlcjpodW50ZXIy") {
            return reply(401).header("WWW-Authenticate", "Basic realm=\"index\"");
        }
        let path = request.target.trim_end_matches('/');
        if let Some(project) = path.strip_prefix("/simple/") {
            let host = known.lock().unwrap().clone();
            return odd(request, &[]).unwrap_or_else(|| page(project, &files, &host));
        }
        match files.iter().find(|file| path.strip_prefix("/files/") == Some(&file.name)) {
            Some(file) => odd(request, &file.bytes).unwrap_or_else(|| ranged(request, &file.bytes)),
            None => reply(404),
        }
    });
    *host.lock().unwrap() = server.host();
    server
}

/// A project's page in JSON (PEP 691).
fn page(project: &str, files: &[Listed], host: &str) -> Reply {
    let file = |file: &Listed| {
        let digest = Digest::of(&file.bytes).to_string();
        serde_json::json!({
            "filename": file.name,
            "url": format!("http://{host}/files/{}", file.name),
            "hashes": { "sha256": digest.trim_start_matches("sha256:") },
            "size": file.bytes.len(),
            "yanked": file.yanked.clone().map_or(serde_json::Value::Bool(false), serde_json::Value::String),
        })
    };
    let rows: Vec<_> = files.iter().filter(|listed| listed.project() == project).map(file).collect();
    if rows.is_empty() {
        return reply(404);
    }
    let page = serde_json::json!({ "meta": { "api-version": "1.1" }, "name": project, "files": rows });
    ok(page.to_string()).header("Content-Type", "application/vnd.pypi.simple.v1+json")
}

/// A file, or the part of it that is asked for.
pub fn ranged(request: &Request, bytes: &[u8]) -> Reply {
    let Some(range) = request.header("range").and_then(|range| range.strip_prefix("bytes=")) else { return ok(bytes) };
    let (first, last) = range.split_once('-').unwrap();
    let end = bytes.len();
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, (last + 1).min(end)),
        (Ok(first), Err(_)) => (first, end),
        (Err(_), Ok(suffix)) => (end.saturating_sub(suffix), end),
        _ => return reply(400),
    };
    let place = format!("bytes {start}-{}/{}", end - 1, bytes.len());
    reply(206).header("Content-Range", place).body(&bytes[start..end])
}
