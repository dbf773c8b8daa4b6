//! Build contexts: a Dockerfile, an ignore file behind a line `%%`: an image whose ledger adds up, or an error. Nothing is
//! asked of anybody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::context::{Base, ContextOptions, Ignore, Outside, read};
use slimwright::fs::{Ledger, Owner, View};
use slimwright::index::{Files, Request, RequestError, Resolution};
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::wheel::Platform;

struct Nobody;

impl Outside for Nobody {
    fn image(&self, _: &str) -> Base {
        Base::Unknown("nobody is asked".into())
    }
    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Ok(Resolution::default())
    }
    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("nobody is asked".into()))
    }
}

fuzz_target!(|text: &str| {
    let (dockerfile, ignore) = text.split_once("\n%%\n").unwrap_or((text, ""));
    Ignore::parse(ignore).hides(dockerfile.lines().next().unwrap_or_default());
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("Dockerfile", dockerfile);
    write(".dockerignore", ignore);
    write("requirements.txt", "six\n");
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    if let Ok(read) = read(folder.path(), &options, &Nobody) {
        let view = View::new(&read.image);
        Ledger::new(&view, |_, _| Owner::Application);
    }
});
