//! Package repositories on loopback, made of texts.

use crate::server::{Reply, Request, Server, ok, reply};
use flate2::{Compression, write::GzEncoder};
use slimwright::base::Digest;
use slimwright::os::{OsInventory, PackageManager, parse_installed, parse_status};
use slimwright::ospackages::{Installation, Options, PackageRequest, Repositories, Sources};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

/// The files of a server, by their paths.
pub type Files = BTreeMap<String, Vec<u8>>;

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Stanzas of `Packages` from lines: `name version field=value;field=value`. Sizes are 100 KiB and 40,000 bytes unless
/// said otherwise.
pub fn packages(lines: &str) -> String {
    let stanza = |line: &str| {
        let mut words = line.trim().splitn(3, ' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        let mut out = format!("Package: {name}\nVersion: {version}\n");
        let fields = words.next().unwrap_or_default();
        for (field, default) in [("Architecture", "amd64"), ("Installed-Size", "100"), ("Size", "40000")] {
            if !fields.contains(&format!("{field}=")) {
                out.push_str(&format!("{field}: {default}\n"));
            }
        }
        for (field, value) in fields.split(';').filter_map(|field| field.split_once('=')) {
            out.push_str(&format!("{}: {value}\n", field.trim()));
        }
        out + "Description: a thing\n"
    };
    lines.lines().filter(|line| !line.trim().is_empty()).map(stanza).collect::<Vec<_>>().join("\n")
}

/// A suite below `dists/NAME/`: `InRelease` with `head`, and the index of `main`, compressed by each of `endings`.
pub fn suite(files: &mut Files, name: &str, head: &str, index: &str, endings: &[&str]) {
    let folder = format!("/debian/dists/{name}/");
    let mut release = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: {name}\n{head}SHA256:\n");
    let path = "main/binary-amd64/Packages";
    let mut list = |path: &str, bytes: &[u8], served: bool| {
        let digest = Digest::of(bytes);
        release.push_str(&format!(" {} {:8} {path}\n", digest.hex(), bytes.len()));
        if served {
            let (parent, _) = path.rsplit_once('/').unwrap();
            files.insert(format!("{folder}{path}"), bytes.to_vec());
            files.insert(format!("{folder}{parent}/by-hash/SHA256/{}", digest.hex()), bytes.to_vec());
        }
    };
    list(path, index.as_bytes(), false);
    for ending in endings {
        let bytes = if *ending == ".xz" { xz(index.as_bytes()) } else { gz(index.as_bytes()) };
        list(&format!("{path}{ending}"), &bytes, true);
    }
    release.push_str("-----BEGIN PGP SIGNATURE-----\n\nnot checked\n-----END PGP SIGNATURE-----\n");
    files.insert(format!("{folder}InRelease"), release.into_bytes());
}

/// A server of files.
pub fn serve(files: Files) -> Server {
    serve_with(files, |_, _| None)
}

/// A server of files, but for what `first` answers.
pub fn serve_with(files: Files, first: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::new(move |request, number| {
        let file = || files.get(&request.target).map_or_else(|| reply(404), |bytes| ok(bytes.clone()));
        first(request, number).unwrap_or_else(file)
    })
}

/// One suite of one server, in which there are these packages.
pub fn debian(lines: &str) -> Server {
    let mut files = Files::new();
    suite(&mut files, "bookworm", "Acquire-By-Hash: yes\n", &packages(lines), &[".gz"]);
    serve(files)
}

/// The suite `bookworm` of a server.
pub fn sources(server: &Server) -> Sources {
    let line = format!("deb http://{}/debian bookworm main\n", server.host());
    let (list, ignored) = slimwright::ospackages::parse_sources_list(line.as_bytes(), "sources.list");
    Sources { list, ignored, ..Sources::default() }
}

pub fn options() -> Options {
    Options { first_wait: Duration::from_millis(2), ..Options::default() }
}

/// Installed packages of dpkg, from lines as [`packages`] reads them.
pub fn installed(lines: &str) -> OsInventory {
    let (mut packages, bad) = parse_status(packages(lines).as_bytes());
    assert!(bad.is_empty());
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    OsInventory { manager: Some(PackageManager::Dpkg), packages: packages.into(), ..OsInventory::default() }
}

/// Installed packages of apk.
pub fn installed_apk(text: &str) -> OsInventory {
    let packages = parse_installed(text.as_bytes()).0.into_iter().map(|found| found.package).collect();
    OsInventory { manager: Some(PackageManager::Apk), packages, ..OsInventory::default() }
}

pub fn request(manager: PackageManager, names: &str) -> PackageRequest {
    PackageRequest {
        manager,
        names: names.split_whitespace().map(str::to_owned).collect(),
        recommends: None,
        architecture: "amd64".into(),
        release: None,
        virtual_name: None,
    }
}

/// What `apt-get install NAMES` brings, with the indexes of a server.
pub fn install(server: &Server, names: &str, installed: &OsInventory) -> Installation {
    let repositories = Repositories::open(&sources(server), "amd64", &options()).unwrap();
    repositories.install(&request(PackageManager::Dpkg, names), installed)
}

/// Names and versions, `name version`.
pub fn names(installation: &Installation) -> Vec<String> {
    installation.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}
