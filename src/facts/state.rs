//! What package managers and installers are known to make: their own databases, logs and caches, each by its own layout.
//! A place alone says nothing: a model below `/var/cache`, or beside pip's cache, is the application's.

use crate::base::{is_in_cache, is_within};

/// Databases of package managers, and what they make of them.
const DATABASES: [&[u8]; 15] = [
    b"var/lib/dpkg",
    b"var/lib/apt",
    b"var/cache/private",
    b"lib/apk/db",
    b"usr/lib/apk/db",
    b"var/lib/rpm",
    b"var/lib/rpmmanifest",
    b"var/lib/dnf",
    b"var/lib/yum",
    b"var/lib/zypp",
    b"usr/lib/sysimage/rpm",
    b"usr/lib/sysimage/dnf",
    b"usr/lib/sysimage/libdnf5",
    b"usr/share/rpm",
    b"etc/ld.so.cache",
];
/// Their caches.
const SYSTEM_CACHES: [&[u8]; 12] = [
    b"var/cache/apt",
    b"var/cache/debconf",
    b"var/cache/ldconfig",
    b"var/cache/man",
    b"var/cache/fontconfig",
    b"var/cache/apk",
    b"var/cache/dnf",
    b"var/cache/libdnf5",
    b"var/cache/yum",
    b"var/cache/zypp",
    b"etc/apk/cache",
    b"var/cache/tdnf",
];
/// Their logs, and those of users' sessions, which every base begins.
const LOGS: [&[u8]; 20] = [
    b"var/log/apt",
    b"var/log/dpkg.log",
    b"var/log/alternatives.log",
    b"var/log/bootstrap.log",
    b"var/log/fontconfig.log",
    b"var/log/apk.log",
    b"var/log/dnf.log",
    b"var/log/dnf.rpm.log",
    b"var/log/dnf.librepo.log",
    b"var/log/dnf5.log",
    b"var/log/hawkey.log",
    b"var/log/yum.log",
    b"var/log/btmp",
    b"var/log/wtmp",
    b"var/log/lastlog",
    b"var/log/faillog",
    b"var/log/tallylog",
    b"var/log/tdnf.log",
    b"var/log/zypp",
    b"var/log/zypper.log",
];

/// Below `~/.cache`: installers, and how the names begin that they give to what they keep there.
const CACHES: [(&[u8], &[&[u8]]); 10] = [
    (b"pip", &[b"http", b"wheels", b"selfcheck"]),
    (
        b"uv",
        &[
            b"archive-v",
            b"built-wheels-v",
            b"builds-v",
            b"environments-v",
            b"flat-index-v",
            b"git-v",
            b"interpreter-v",
            b"python-v",
            b"sdists-v",
            b"simple-v",
            b"wheels-v",
            b"binaries-v",
            b".tag",
            b".gitignore",
            b".lock",
            b"CACHEDIR.TAG",
        ],
    ),
    (b"pypoetry", &[b"cache", b"artifacts"]),
    (b"pdm", &[b"http", b"wheels", b"packages", b"hashes", b"metadata", b"publish"]),
    (b"pipenv", &[b"http", b"wheels", b"hash-cache", b"depcache", b"pkgs"]),
    (b"yarn", &[b"v", b".tmp"]),
    (b"go-build", &[b""]),
    (b"pre-commit", &[b"repo", b"db.db", b".lock", b"README"]),
    (b"conda", &[b"notices"]),
    (b"node-gyp", &[b""]),
];

/// Whether a path is a package manager's own state or an installer's cache, which a rebuild makes anew or does without.
pub fn is_package_manager_state(path: &[u8]) -> bool {
    below(&DATABASES, path) || is_system_cache(path) || is_system_log(path) || is_installer_cache(path)
}

/// Whether a path is in a cache that a package manager of the system makes.
pub fn is_system_cache(path: &[u8]) -> bool {
    below(&SYSTEM_CACHES, path)
}

/// Whether a path is a log that a package manager, or the system's notes of sessions, make.
pub fn is_system_log(path: &[u8]) -> bool {
    below(&LOGS, path)
}

fn below(folders: &[&[u8]], path: &[u8]) -> bool {
    folders.iter().any(|dir| is_within(path, dir))
}

/// Whether a path is in a package manager's cache of lists and packages, which nobody needs who installs nothing.
pub fn is_package_cache(path: &[u8]) -> bool {
    const CACHES: [&[u8]; 8] = [
        b"var/cache/apt",
        b"var/lib/apt/lists",
        b"var/cache/dnf",
        b"var/cache/yum",
        b"var/cache/libdnf5",
        b"var/cache/tdnf",
        b"var/cache/zypp",
        b"var/cache/apk",
    ];
    below(&CACHES, path) || is_in_cache(path) || path.split(|&b| b == b'/').any(|part| part == b"_cacache")
}

fn is_installer_cache(path: &[u8]) -> bool {
    let parts: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
    parts.windows(2).any(|pair| pair == [&b".npm"[..], b"_cacache"])
        || parts.windows(3).any(|three| {
            three[0] == b".cache"
                && CACHES
                    .iter()
                    .any(|(name, starts)| three[1] == *name && starts.iter().any(|start| three[2].starts_with(start)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_package_manager_makes_is_its_state() {
        let theirs = [
            "var/cache/apt/pkgcache.bin",
            "var/cache/debconf/config.dat",
            "var/log/dpkg.log",
            "lib/apk/db/installed",
            "root/.cache/pip/http-v2/a/b",
            "root/.cache/uv/archive-v0/x",
            "home/app/.npm/_cacache/index-v5/x",
        ];
        let ours = [
            "var/cache/ocr/models/weights.bin",
            "var/cache/app/x",
            "var/log/app/first.log",
            "usr/lib/apk/plugin.so",
            "root/.cache/huggingface/hub/x",
            "root/.cache/torch/hub/x",
            "root/.cache/pip/model.bin",
            "root/.cache/uv/model.bin",
            "srv/_cacache/x",
            "run/app/socket.conf",
            "usr/share/nltk_data/x",
        ];
        assert!(theirs.iter().all(|path| is_package_manager_state(path.as_bytes())));
        for path in ours {
            assert!(!is_package_manager_state(path.as_bytes()), "{path}");
        }
    }
}
