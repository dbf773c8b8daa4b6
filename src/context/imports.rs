//! The bytecode that an interpreter leaves of what it imports: in official images of Python nothing is compiled, and the first
//! `pip install` of root's compiles pip itself and what it takes of the standard library.
//!
//! Source: `sys.dont_write_bytecode` in Python's documentation; which modules, was measured with pip 22.3 and Python 3.11 (556
//! files, 10.6 MB).

use super::site::Site;
use super::stage::Stage;
use crate::base::{ImagePath, parent};

/// What `pip install` imports of the standard library and is not frozen into the interpreter.
const STANDARD: &str = "__future__ _compat_pickle _compression _markupbase _weakrefset argparse ast base64 bisect bz2 calendar colorsys \
    compileall configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal dis enum filecmp fnmatch fractions \
    functools getopt getpass gettext glob gzip hashlib heapq hmac inspect ipaddress keyword linecache locale lzma mimetypes netrc \
    numbers opcode operator optparse pathlib pickle pkgutil platform plistlib pprint py_compile queue quopri random reprlib selectors \
    shlex shutil signal socket socketserver ssl string stringprep struct subprocess sysconfig tarfile tempfile textwrap threading \
    token tokenize traceback types typing uuid warnings weakref zipfile asyncio collections concurrent concurrent/futures \
    concurrent/futures/_base email encodings/__init__ encodings/aliases encodings/cp437 encodings/idna encodings/utf_8 html \
    http/__init__ http/client http/cookiejar http/cookies importlib/__init__ importlib/_abc importlib/abc importlib/readers \
    importlib/metadata importlib/resources json/__init__ json/decoder json/encoder json/scanner logging re urllib/__init__ \
    urllib/error urllib/parse urllib/request urllib/response xml/__init__ xml/parsers xmlrpc/__init__ xmlrpc/client pathlib/__init__ \
    string/__init__";

/// Of these packages all modules are imported, but for those that have another system's name or none's use.
const PACKAGES: [&str; 9] = [
    "asyncio",
    "collections",
    "email",
    "html",
    "importlib/metadata",
    "importlib/resources",
    "logging",
    "re",
    "xml/parsers",
];

/// What of pip itself `pip install` does not import. A folder ends with a slash.
const NOT_OF_PIP: &str = "__main__ __pip-runner__ _internal/main _internal/commands/cache _internal/commands/check \
    _internal/commands/completion _internal/commands/configuration _internal/commands/debug _internal/commands/download \
    _internal/commands/freeze _internal/commands/hash _internal/commands/help _internal/commands/index _internal/commands/inspect \
    _internal/commands/list _internal/commands/lock _internal/commands/search _internal/commands/show _internal/commands/uninstall \
    _internal/commands/wheel _internal/locations/_distutils _internal/network/xmlrpc _internal/operations/freeze \
    _internal/resolution/legacy/ _internal/utils/datetime _vendor/cachecontrol/_cmd _vendor/cachecontrol/heuristics \
    _vendor/chardet/cli/ _vendor/chardet/metadata/ _vendor/chardet/langhungarianmodel _vendor/colorama/ _vendor/distlib/database \
    _vendor/distlib/index _vendor/distlib/locators _vendor/distlib/manifest _vendor/distlib/markers _vendor/distlib/metadata \
    _vendor/distlib/version _vendor/distlib/wheel _vendor/idna/codec _vendor/idna/compat _vendor/idna/uts46data \
    _vendor/platformdirs/android _vendor/platformdirs/macos _vendor/platformdirs/windows _vendor/pygments/cmdline \
    _vendor/pygments/console _vendor/pygments/formatter _vendor/pygments/formatters/ _vendor/pygments/lexers/python \
    _vendor/pygments/scanner _vendor/pygments/sphinxext _vendor/pygments/unistring _vendor/pyparsing/diagram/ _vendor/requests/help \
    _vendor/rich/_inspect _vendor/rich/_stack _vendor/rich/_timer _vendor/rich/_win32_console _vendor/rich/_windows \
    _vendor/rich/_windows_renderer _vendor/rich/bar _vendor/rich/diagnose _vendor/rich/json _vendor/rich/layout _vendor/rich/prompt \
    _vendor/rich/rule _vendor/rich/status _vendor/rich/tree _vendor/tenacity/tornadoweb _vendor/typing_extensions \
    _vendor/urllib3/contrib/_securetransport/ _vendor/urllib3/contrib/appengine _vendor/urllib3/contrib/ntlmpool \
    _vendor/urllib3/contrib/pyopenssl _vendor/urllib3/contrib/securetransport _vendor/urllib3/packages/backports/ \
    _vendor/webencodings/";

/// What of those packages is left out.
const NOT_OF_PACKAGES: &str = "asyncio/__main__ asyncio/proactor_events asyncio/windows_events asyncio/windows_utils asyncio/tools \
    email/_header_value_parser email/contentmanager email/generator email/headerregistry email/policy email/mime/ \
    importlib/resources/simple re/__main__";

/// Whether a list has a module, or a folder that it is in.
fn is_listed(list: &[&str], module: &str) -> bool {
    list.iter().any(|one| module == *one || one.ends_with('/') && module.starts_with(one))
}

impl Stage {
    /// This interpreter's pip imports itself, whatever it is to do.
    pub(super) fn pip_is_imported(&mut self, site: &Site) {
        let own = site.prefix_of_interpreter();
        let package = own.join(format!("lib/python{}/site-packages/pip", site.python).as_bytes());
        if !self.writes_bytecode() || !self.tree.exists(package.join(b"_internal/cli/main.py").as_bytes()) {
            return;
        }
        let not: Vec<&str> = NOT_OF_PIP.split_whitespace().collect();
        self.compile_where(&package, &site.python, |module| !is_listed(&not, module));
        self.standard_library_is_imported(site);
    }

    /// So is what pip and `venv` take of the standard library: the same but for ten files.
    pub(super) fn standard_library_is_imported(&mut self, site: &Site) {
        if !self.writes_bytecode() {
            return;
        }
        let interpreter = self.tree.resolve(site.interpreter.trim_start_matches('/').as_bytes());
        let library =
            ImagePath::new(parent(parent(&interpreter))).join(format!("lib/python{}", site.python).as_bytes());
        let listed: Vec<&str> = STANDARD.split_whitespace().collect();
        let not: Vec<&str> = NOT_OF_PACKAGES.split_whitespace().collect();
        self.compile_where(&library, &site.python, |module| {
            if module.starts_with("site-packages/") {
                return false;
            }
            let is_of = |package: &str| module.strip_prefix(package).is_some_and(|rest| rest.starts_with('/'));
            listed.contains(&module) || PACKAGES.iter().any(|package| is_of(package)) && !is_listed(&not, module)
        });
    }

    /// Whether what is imported is compiled into files: root may write everywhere, and nothing says otherwise.
    fn writes_bytecode(&self) -> bool {
        let is_set = |name: &str| self.variable(name).is_some_and(|value| !value.is_empty());
        self.is_root() && !is_set("PYTHONDONTWRITEBYTECODE") && !is_set("PYTHONPYCACHEPREFIX")
    }
}
