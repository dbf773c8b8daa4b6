//! Real bytes: tars written header by header, compressed layers, and images in every form that is read.
//!
//! [`Tar`] writes any header, also such as no archiver would. [`Parts`] is an image before it is stored: its
//! configuration and its layers' tars; the `docker_*` and `oci_*` functions store it in a folder that is removed
//! with the [`Store`].

use serde_json::{Value, json};
use slimwright::base::Digest;
use slimwright::image::{Form, Image, ImageError, Local, OpenOptions, Target, open};
use slimwright::layer::{
    Blob, BlobError, Contents, Expected, IndexError, LayerIndex, Limits, Streamed, index_stream, index_tar,
};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A tar being written.
#[derive(Clone, Default)]
pub struct Tar {
    bytes: Vec<u8>,
}

/// One header; [`Header::bytes`] adds the checksum.
#[derive(Clone)]
pub struct Header(pub [u8; 512]);

impl Header {
    /// A GNU header.
    pub fn new(name: &[u8], kind: u8, size: u64) -> Self {
        let mut header = Self([0; 512]);
        header.set(0, &name[..name.len().min(100)]);
        header.set(100, b"0000644\0");
        header.set(108, b"0000000\0");
        header.set(116, b"0000000\0");
        header.size(size);
        header.set(136, b"00000000000\0");
        header.0[156] = kind;
        header.set(257, b"ustar  \0");
        header
    }

    /// Writes bytes at an offset.
    pub fn set(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Octal, or base 256 where that is too small.
    pub fn size(&mut self, size: u64) -> &mut Self {
        if size < 1 << 33 {
            return self.set(124, format!("{size:011o}\0").as_bytes());
        }
        self.set(124, &[0x80, 0, 0, 0]).set(128, &size.to_be_bytes())
    }

    /// With the checksum.
    pub fn bytes(&self) -> [u8; 512] {
        let mut out = self.clone();
        out.set(148, b"        ");
        let sum: u32 = out.0.iter().map(|&byte| u32::from(byte)).sum();
        out.set(148, format!("{sum:06o}\0 ").as_bytes());
        out.0
    }
}

impl Tar {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A header.
    pub fn header(self, header: &Header) -> Self {
        let bytes = header.bytes();
        self.raw(&bytes)
    }

    /// A body, padded to whole blocks.
    pub fn body(self, body: &[u8]) -> Self {
        let padding = vec![0; body.len().next_multiple_of(512) - body.len()];
        self.raw(body).raw(&padding)
    }

    /// A header and its body.
    pub fn entry(self, name: &[u8], kind: u8, body: &[u8]) -> Self {
        self.header(&Header::new(name, kind, body.len() as u64)).body(body)
    }

    /// A regular file.
    pub fn file(self, name: &str, body: impl AsRef<[u8]>) -> Self {
        self.entry(name.as_bytes(), b'0', body.as_ref())
    }

    /// A directory.
    pub fn dir(self, name: &str) -> Self {
        self.entry(name.as_bytes(), b'5', b"")
    }

    /// A link: `1` for a hard link, `2` for a symbolic one.
    pub fn link(self, name: &str, kind: u8, target: &str) -> Self {
        let mut header = Header::new(name.as_bytes(), kind, 0);
        header.set(157, target.as_bytes());
        self.header(&header)
    }

    /// A PAX header of type `x` or `g`.
    pub fn pax(self, kind: u8, records: &[(&str, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length = (1..).map(|digits| rest + digits).find(|n| n.to_string().len() == n - rest).unwrap();
            body.extend_from_slice(format!("{length} {key}=").as_bytes());
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        self.entry(b"pax", kind, &body)
    }

    /// The bytes so far.
    pub fn open_ended(self) -> Vec<u8> {
        self.bytes
    }

    /// With the two zero blocks.
    pub fn finish(self) -> Vec<u8> {
        self.raw(&[0; 1024]).bytes
    }
}

/// Bounds for tests: far from the defaults, so that what is unbounded shows.
pub fn small() -> Limits {
    Limits { unpacked: 1 << 30, entries: 200_000, kept_file: 1 << 20, kept_layer: 4 << 20, sources: false }
}

/// Indexes a tar's bytes, digesting contents.
pub fn index(tar: &[u8]) -> Result<Contents, IndexError> {
    index_tar(&mut Streamed(tar), true, &small())
}

/// The index of a tar that is fine.
pub fn indexed(tar: &[u8]) -> Contents {
    index(tar).unwrap()
}

/// gzip in members of `member` bytes.
pub fn gzip(bytes: &[u8], member: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for part in bytes.chunks(member.max(1)) {
        let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap();
    }
    out
}

/// zstd in frames of `frame` bytes, behind a skippable frame.
pub fn zstandard(bytes: &[u8], frame: usize) -> Vec<u8> {
    let mut out = vec![0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0];
    out.extend_from_slice(b"hello");
    for part in bytes.chunks(frame.max(1)) {
        out.extend(zstd::bulk::compress(part, 1).unwrap());
    }
    out
}

/// How a layer is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// The blob of a tar.
    pub fn pack(self, tar: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => tar.to_vec(),
            Self::Gzip => gzip(tar, 700),
            Self::Zstd => zstandard(tar, 900),
        }
    }
}

/// An image before it is stored.
#[derive(Clone)]
pub struct Parts {
    pub layers: Vec<Vec<u8>>,
    pub config: Value,
    pub names: Vec<String>,
}

impl Parts {
    /// An image of these layers, with a history row for each.
    pub fn new(layers: Vec<Vec<u8>>) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|tar| Digest::of(tar).to_string()).collect();
        let history: Vec<Value> =
            (0..layers.len()).map(|n| json!({"created_by": format!("RUN step {n} # buildkit")})).collect();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["A=b"], "Cmd": ["python3"], "Healthcheck": {"Test": ["NONE"]}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        Self { layers, config, names: vec!["example/app:1".into()] }
    }

    /// The configuration's bytes.
    pub fn config_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.config).unwrap()
    }
}

/// Two layers that hold every kind of entry and a distribution, for tests of storage.
pub fn sample() -> Parts {
    let metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\nlong text\n";
    let site = "usr/lib/python3.11/site-packages";
    let lower = Tar::new()
        .dir("usr/")
        .dir("./usr/lib/")
        .file("usr/lib/a", "aaaa")
        .file("usr/lib/b", "bbbb")
        .file("usr/lib/changed", "before")
        .file(&format!("{site}/demo-1.0.dist-info/METADATA"), metadata)
        .file(
            &format!("{site}/demo-1.0.dist-info/RECORD"),
            "demo.py,,3\nshared.py,,3\ndemo-1.0.dist-info/METADATA,,\ndemo-1.0.dist-info/RECORD,,\n",
        )
        .file(&format!("{site}/other-1.0.dist-info/RECORD"), "shared.py,,3\n")
        .file(&format!("{site}/demo.py"), "x=1")
        .file(&format!("{site}/shared.py"), "y=2")
        .link("usr/lib/link", b'2', "a")
        .link("usr/lib/hard", b'1', "usr/lib/a")
        .finish();
    let upper = Tar::new()
        .file("usr/lib/a", "aaaa")
        .file("usr/lib/changed", "after!")
        .file("usr/lib/.wh.b", "")
        .file("app/main.py", "import demo\nprint(1)\n")
        .finish();
    Parts::new(vec![lower, upper])
}

/// A folder with stored images.
pub struct Store(pub tempfile::TempDir);

impl Store {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes files below a folder and returns the folder.
    pub fn folder(&self, name: &str, files: &Files) -> PathBuf {
        for (file, content) in files {
            self.write(&format!("{name}/{file}"), content);
        }
        self.path(name)
    }
}

/// Files of an archive or a layout, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// An archive of files.
pub fn archive(files: &Files) -> Vec<u8> {
    files.iter().fold(Tar::new(), |tar, (name, bytes)| tar.file(name, bytes)).finish()
}

/// The name of a blob in a layout.
pub fn blob_name(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", &Digest::of(bytes).to_string()[7..])
}

/// Adds a blob and returns its descriptor.
pub fn add_blob(files: &mut Files, bytes: &[u8], media_type: &str) -> Value {
    files.insert(blob_name(bytes), bytes.to_vec());
    json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
}

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Adds an image to a layout; returns its manifest's descriptor.
pub fn add_image(files: &mut Files, parts: &Parts, packing: Packing) -> Value {
    let config = add_blob(files, &parts.config_bytes(), CONFIG);
    let layers: Vec<Value> = parts.layers.iter().map(|tar| add_blob(files, &packing.pack(tar), LAYER)).collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    add_blob(files, &serde_json::to_vec(&manifest).unwrap(), MANIFEST)
}

/// Completes a layout with its index.
pub fn layout(mut files: Files, manifests: &[Value]) -> Files {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    files.insert("index.json".into(), serde_json::to_vec(&index).unwrap());
    files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    files
}

/// A layout of one image, named as its parts say.
pub fn oci(parts: &Parts, packing: Packing) -> Files {
    let mut files = Files::new();
    let mut descriptor = add_image(&mut files, parts, packing);
    if let Some(name) = parts.names.first() {
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    }
    layout(files, &[descriptor])
}

/// `docker save` since Docker 25: a layout, and `manifest.json` beside it.
pub fn docker_new(parts: &Parts) -> Files {
    let mut files = oci(parts, Packing::Plain);
    let layers: Vec<String> = parts.layers.iter().map(|tar| blob_name(tar)).collect();
    let row = json!([{"Config": blob_name(&parts.config_bytes()), "RepoTags": parts.names, "Layers": layers}]);
    files.insert("manifest.json".into(), serde_json::to_vec(&row).unwrap());
    files
}

/// `docker save` before Docker 25: `<id>/layer.tar`, and a repeated layer as a symbolic link to the first one.
pub fn docker_old(parts: &Parts) -> Vec<u8> {
    let config = parts.config_bytes();
    let config_name = format!("{}.json", &Digest::of(&config).to_string()[7..]);
    let mut tar = Tar::new().file(&config_name, &config);
    let mut names: Vec<String> = Vec::new();
    for (position, layer) in parts.layers.iter().enumerate() {
        let id = &Digest::of(format!("id {position}").as_bytes()).to_string()[7..39];
        let name = format!("{id}/layer.tar");
        tar = tar.dir(&format!("{id}/")).file(&format!("{id}/VERSION"), "1.0").file(&format!("{id}/json"), "{}");
        match parts.layers[..position].iter().position(|below| below == layer) {
            Some(first) => tar = tar.link(&name, b'2', &format!("../{}", names[first])),
            None => tar = tar.file(&name, layer),
        }
        names.push(name);
    }
    let row = json!([{"Config": config_name, "RepoTags": parts.names, "Layers": names}]);
    tar.file("manifest.json", serde_json::to_vec(&row).unwrap()).file("repositories", "{}").finish()
}

/// Opens a path as a kind, or as what it looks like.
pub fn try_open(form: Option<Form>, path: &Path, choice: Option<&str>) -> Result<Image, ImageError> {
    let target = Target::Local(Local { form, path: path.to_owned(), choice: choice.map(str::to_owned) });
    open(&target, &OpenOptions::default(), &())
}

/// Opens a bare path.
pub fn opened(path: &Path) -> Image {
    try_open(None, path, None).unwrap()
}

/// The text of the error of a bare path.
pub fn refused(path: &Path) -> String {
    try_open(None, path, None).unwrap_err().to_string()
}

/// The same, with every digest verified.
pub fn verified(path: &Path) -> Result<Image, ImageError> {
    let target = Target::at(path);
    open(&target, &OpenOptions { verify: true, ..OpenOptions::default() }, &())
}

/// Indexes a blob by reading all of it.
pub fn index_blob(blob: &Blob, expected: Expected, limits: &Limits) -> Result<LayerIndex, BlobError> {
    index_stream(&mut blob.open(), expected, limits, &|_| {}).map(|(layer, _)| layer)
}
