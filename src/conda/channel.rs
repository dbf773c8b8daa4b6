//! Channels: which the user has, which of an image's may be asked, and what they say.
//!
//! An image is a stranger's, and so are the places in its records: a server is asked that the user's own settings name, or
//! one of the public ones. Where the environment has a channel by the name of one of the user's, the user's is asked.
//!
//! Source: conda's settings (`CONDA_CHANNELS`, `CONDA_CHANNEL_ALIAS`, `CONDA_OFFLINE`, and `.condarc`, see [`super::condarc`]).

use super::archive::{Contents, contents, is_info};
use super::condarc::{self, Condarc};
use super::explicit::Locked;
use super::records::{Record, read_records};
use crate::base::{Text, masked};
use crate::http::{Reach, causes, client, is_loopback};
use crate::wheel::{Credentials, Options, Remote, RemoteError, read_file};
use reqwest::Url;
use reqwest::blocking::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Largest list of packages, as it is sent; conda-forge's largest has some 60 MB.
const MAX_WIRE: u64 = 256 << 20;
/// Largest list of packages, unpacked; conda-forge's largest has some 400 MB.
const MAX_UNPACKED: u64 = 2 << 30;
/// When to give up, for all requests together.
const WAIT: Duration = Duration::from_secs(180);

/// How many archives are asked for at once.
const THREADS: usize = 8;

/// Servers of channels that everybody may ask.
const PUBLIC: [&str; 5] =
    ["conda.anaconda.org", "repo.anaconda.com", "prefix.dev", "repo.prefix.dev", "conda.anaconda.com"];
/// Where channels are that have a name and no place.
const ALIAS: &str = "https://conda.anaconda.org";

/// The user's settings about channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSettings {
    /// Names and places of channels.
    pub channels: Vec<String>,
    /// Where channels are that have a name and no place.
    pub alias: Option<String>,
    /// The place that a channel stands below, by the channel's name.
    pub custom: BTreeMap<String, String>,
    /// Whether nobody is to be asked.
    pub offline: bool,
    /// Why a file of settings cannot be read; then nobody is asked.
    pub broken: Option<String>,
}

impl ChannelSettings {
    /// What the user's environment and conda's files of settings say.
    pub fn of_user() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let files = condarc::files(&variable);
        let read = files.iter().map(|path| condarc::read(path, &variable));
        let (found, broken): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
        let found = found.into_iter().filter_map(Result::ok);
        Self { broken: broken.into_iter().find_map(Result::err), ..found.fold(Self::read(&variable), Self::and) }
    }

    /// With what a file says that is followed after it.
    fn and(mut self, file: Condarc) -> Self {
        self.channels.extend(file.channels);
        for (name, place) in file.custom {
            self.custom.entry(name).or_insert(place);
        }
        Self { alias: self.alias.or(file.alias), offline: self.offline || file.offline == Some(true), ..self }
    }

    fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let split = |text: String| text.split([',', '&']).map(|word| word.trim().to_owned()).collect::<Vec<_>>();
        let is_true = |text: String| matches!(text.trim().to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        Self {
            channels: variable("CONDA_CHANNELS").map(split).unwrap_or_default(),
            alias: variable("CONDA_CHANNEL_ALIAS"),
            offline: variable("CONDA_OFFLINE").is_some_and(is_true),
            ..Self::default()
        }
    }

    /// Where a channel of an image is asked for: by its name and the place that the image's records say.
    ///
    /// # Errors
    ///
    /// Why nobody is asked.
    pub fn place(&self, name: &str, recorded: Option<&str>) -> Result<String, String> {
        if self.offline {
            return Err("conda's settings say offline".into());
        }
        if let Some(why) = &self.broken {
            return Err(format!("conda's settings cannot be read: {why}"));
        }
        if let Some(place) = self.custom.get(name) {
            return Ok(format!("{}/{name}", place.trim_end_matches('/')));
        }
        let alias = self.alias.as_deref().unwrap_or(ALIAS).trim_end_matches('/');
        let ends = |place: &str| place.trim_end_matches('/').ends_with(&format!("/{name}"));
        for own in &self.channels {
            match own.contains("://") {
                true if ends(own) => return Ok(own.trim_end_matches('/').to_owned()),
                false if own == name => return Ok(format!("{alias}/{name}")),
                _ => {}
            }
        }
        let is_public = |place: &&str| {
            Url::parse(place)
                .is_ok_and(|url| url.scheme() == "https" && url.host_str().is_some_and(|host| PUBLIC.contains(&host)))
        };
        match recorded.filter(is_public) {
            Some(place) if place.starts_with(ALIAS) && self.alias.is_some() => {
                Ok(format!("{alias}{}", &place[ALIAS.len()..]))
            }
            Some(place) => Ok(place.to_owned()),
            None => Err(format!(
                "the channel {} is neither a public one nor in CONDA_CHANNELS or .condarc",
                Text::from(&masked(recorded.unwrap_or(name)))
            )),
        }
    }
}

/// A list as it came, and whether it is compressed.
type List = Result<Arc<(Vec<u8>, bool)>, String>;

/// Asks channels. Shared by threads.
pub struct Channels {
    http: Client,
    local: Client,
    deadline: Instant,
    options: Options,
    /// Lists as they came, by place, with their compression.
    lists: Mutex<BTreeMap<String, List>>,
    /// Why no server could be reached, once one could not: hundreds of archives are not tried one after the other.
    unreached: Mutex<Option<String>>,
}

struct NoCredentials;

impl Credentials for NoCredentials {
    fn of(&self, _url: &Url) -> Option<&(String, String)> {
        None
    }
}

impl Channels {
    /// Sets the clients up.
    ///
    /// # Errors
    ///
    /// They cannot be made; why.
    pub fn new(options: Options) -> Result<Self, String> {
        let client = |local| client(options.idle, local, Reach::Any).build().map_err(causes);
        let (http, local) = (client(false)?, client(true)?);
        Ok(Self {
            http,
            local,
            deadline: Instant::now() + WAIT,
            options,
            lists: Mutex::default(),
            unreached: Mutex::default(),
        })
    }

    /// The packages of these names that a channel has for a platform, and for all.
    ///
    /// # Errors
    ///
    /// The channel cannot be read; why.
    pub fn records(&self, channel: &str, subdir: &str, names: &BTreeSet<String>) -> Result<Vec<Record>, String> {
        let mut out = Vec::new();
        for subdir in [subdir, "noarch"] {
            let folder = format!("{}/{subdir}", channel.trim_end_matches('/'));
            let list = match self.list(&folder) {
                // A channel may have nothing for all platforms.
                Err(why) if subdir == "noarch" && why == MISSING => continue,
                list => list.map_err(|why| format!("{}: {why}", Text::from(&masked(&folder))))?,
            };
            let (bytes, packed) = &*list;
            let read = |input: &mut dyn Read| read_records(input.take(MAX_UNPACKED), names, &folder);
            let found = match packed {
                true => {
                    let mut decoder =
                        zstd::stream::read::Decoder::with_buffer(&bytes[..]).map_err(|error| error.to_string())?;
                    decoder.window_log_max(30).map_err(|error| error.to_string())?;
                    read(&mut decoder)
                }
                false => read(&mut &bytes[..]),
            };
            out.extend(found.map_err(|why| format!("{}: {why}", Text::from(&masked(&folder))))?);
        }
        Ok(out)
    }

    fn list(&self, folder: &str) -> List {
        let lists = || self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lists().get(folder) {
            return known.clone();
        }
        let read = || {
            for (name, packed) in [("repodata.json.zst", true), ("repodata.json", false)] {
                match self.get(&format!("{folder}/{name}")) {
                    Err(why) if why == MISSING => {}
                    answer => return answer.map(|bytes| Arc::new((bytes, packed))),
                }
            }
            Err(MISSING.to_owned())
        };
        let answer = read();
        lists().insert(folder.to_owned(), answer.clone());
        answer
    }

    fn get(&self, place: &str) -> Result<Vec<u8>, String> {
        let url = Url::parse(place).map_err(|_| "its place is no URL".to_owned())?;
        let (mut reader, most): (Box<dyn Read>, u64) = match url.scheme() {
            "file" => {
                let path = url.to_file_path().map_err(|()| "its place is no file's".to_owned())?;
                let open = std::fs::File::open(path);
                match open {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(MISSING.into()),
                    file => (Box::new(file.map_err(|error| error.to_string())?), MAX_WIRE),
                }
            }
            _ => {
                if Instant::now() >= self.deadline {
                    return Err("there was no time left for it".into());
                }
                let client = if is_loopback(&url) { &self.local } else { &self.http };
                let response = client.get(url).send().map_err(causes)?;
                match response.status().as_u16() {
                    200 => (Box::new(response), MAX_WIRE),
                    404 | 410 => return Err(MISSING.into()),
                    status => return Err(format!("expected HTTP 200, found {status}")),
                }
            }
        };
        let mut bytes = Vec::new();
        let mut piece = vec![0; 256 << 10];
        loop {
            match reader.read(&mut piece) {
                Ok(0) => return Ok(bytes),
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Text::of(&error).into()),
            }
            if bytes.len() as u64 > most {
                return Err(format!("expected at most {most} bytes, found more"));
            }
            if Instant::now() >= self.deadline {
                return Err("there was no time left for it".into());
            }
        }
    }

    /// What the archives of an explicit list have, in its order; or why that is not known.
    pub fn listed(&self, locked: &[Locked], settings: &ChannelSettings) -> Vec<Result<Contents, String>> {
        let one = |package: &Locked| {
            let (channel, inside) = split_place(&package.url).ok_or("expected the place of a channel's archive")?;
            let place = settings.place(channel_name(channel), Some(channel))?;
            self.contents(&format!("{place}/{inside}"), None)
        };
        let next = std::sync::atomic::AtomicUsize::new(0);
        let found: Mutex<Vec<(usize, Result<Contents, String>)>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..THREADS.min(locked.len()) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(package) = locked.get(at) else { break };
                        let answer = one(package);
                        found.lock().unwrap_or_else(PoisonError::into_inner).push((at, answer));
                    }
                });
            }
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, answer)| answer).collect()
    }

    /// What an archive has.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is of the older format, which tells nothing before it is unpacked.
    pub fn contents(&self, place: &str, size: Option<u64>) -> Result<Contents, String> {
        if !place.split('#').next().unwrap_or_default().ends_with(".conda") {
            return Err(
                "an archive of the older format (.tar.bz2), which has no list that can be read by itself".into()
            );
        }
        let wanted = |entry: &crate::wheel::ZipEntry| is_info(&entry.name);
        let size = size.filter(|size| *size > 0);
        let listed = match Url::parse(place).ok().filter(|url| url.scheme() == "file") {
            Some(url) => {
                let path: PathBuf = url.to_file_path().map_err(|()| "its place is no file's".to_owned())?;
                read_file(&path, &wanted)
            }
            None => {
                let unreached = || self.unreached.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(why) = unreached().clone() {
                    return Err(why);
                }
                let read = Remote::new(&NoCredentials, &self.options, self.deadline)
                    .and_then(|remote| remote.read(place, size, &wanted));
                if let Err(RemoteError::Connection(why)) = &read {
                    *unreached() = Some(why.clone());
                }
                read
            }
        };
        contents(&listed.map_err(|error| error.to_string())?)
    }
}

/// `https://host/forge` and `linux-64/a-1-0.conda` of an archive's place.
fn split_place(url: &str) -> Option<(&str, &str)> {
    let file = url.rfind('/')?;
    let subdir = url[..file].rfind('/')?;
    url[..subdir].contains("://").then(|| (&url[..subdir], &url[subdir + 1..]))
}

/// The name of a channel by its place: what stands behind the host, without a token.
fn channel_name(place: &str) -> &str {
    let path = place.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or(place, |(_, path)| path);
    match path.strip_prefix("t/").and_then(|rest| rest.split_once('/')) {
        Some((_, rest)) => rest,
        None => path,
    }
}

/// Why a list is not there.
const MISSING: &str = "it has no list of packages (`repodata.json`)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_is_the_users_choice_or_public() {
        let settings = |pairs: &'static [(&str, &str)]| {
            ChannelSettings::read(&|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let plain = settings(&[]);
        let forge = "https://conda.anaconda.org/conda-forge";
        assert_eq!(plain.place("conda-forge", Some(forge)), Ok(forge.to_owned()));
        assert!(plain.place("main", Some("https://conda.example.org/main")).is_err());
        assert!(plain.place("conda-forge", Some("http://conda.anaconda.org/conda-forge")).is_err());
        assert!(plain.place("x", None).is_err());
        let mirror = settings(&[("CONDA_CHANNELS", "file:///srv/conda-forge, pytorch")]);
        assert_eq!(
            mirror.place("conda-forge", Some("https://conda.example.org/conda-forge")),
            Ok("file:///srv/conda-forge".into())
        );
        assert_eq!(mirror.place("pytorch", None), Ok("https://conda.anaconda.org/pytorch".into()));
        let alias = settings(&[("CONDA_CHANNEL_ALIAS", "https://mirror.example.org/c/")]);
        assert_eq!(alias.place("conda-forge", Some(forge)), Ok("https://mirror.example.org/c/conda-forge".into()));
        let text = "channels: [https://b.example.org/conda-forge]\nchannel_alias: https://b.example.org\ncustom_channels: {pytorch: https://c.example.org/x/}\n";
        let file = condarc::parse(".condarc", text.into(), &|_| None).expect("it is read");
        let merged = alias.and(file.clone());
        assert_eq!(merged.alias.as_deref(), Some("https://mirror.example.org/c/"), "the environment goes first");
        assert_eq!(merged.place("conda-forge", None), Ok("https://b.example.org/conda-forge".into()));
        assert_eq!(merged.place("pytorch", None), Ok("https://c.example.org/x/pytorch".into()));
        let broken = ChannelSettings { broken: Some("~/.condarc:1:1".into()), ..plain.and(file) };
        assert!(broken.place("conda-forge", Some(forge)).expect_err("it is refused").contains("~/.condarc:1:1"));
        let offline = settings(&[("CONDA_OFFLINE", "1")]);
        assert!(offline.place("conda-forge", Some(forge)).is_err());
    }
}
