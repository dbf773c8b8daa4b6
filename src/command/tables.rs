//! The options of each tool: whether a value follows, what they say, and their names, between blanks, each with its letter behind a `/`.
//!
//! What a tool has and stands in no table is not known, and what is not known is told: so a table is better short of an option than
//! wrong about one.

use super::Means::*;
use super::Takes::{List, Negation, Nothing, Value};
use super::{Means, Takes, Tool};

/// Options that take and say the same.
pub(super) type Row = (Takes, Means, &'static str);

/// The tables of a tool.
pub(super) fn of(tool: Tool) -> &'static [&'static [Row]] {
    match tool {
        Tool::Pip => &[&PIP],
        Tool::UvPip => &[&UV_COMMON, &UV_PIP],
        Tool::Uv => &[&UV_COMMON, &UV],
        Tool::Poetry => &[&POETRY],
        Tool::Pdm => &[&PDM],
        Tool::Pipenv => &[&PIPENV],
        Tool::Conda => &[&CONDA],
        Tool::CondaLock => &[&CONDA_LOCK],
        Tool::Apt => &[&APT],
        Tool::Apk => &[&APK],
        Tool::Dnf => &[&DNF],
        Tool::Zypper => &[&ZYPPER],
    }
}

/// `pip install`, `pip wheel`, `pip download`, and pip's own.
const PIP: [Row; 37] = [
    (List, Requirements, "requirement/r"),
    (List, Constraints, "constraint/c"),
    (
        List,
        Harmless,
        "build-constraint global-option build-option config-settings/C config-setting use-feature exists-action",
    ),
    (List, Editable, "editable/e"),
    (List, Group, "group"),
    (List, Open, "requirements-from-script all-releases only-final platform abi install-option use-deprecated"),
    (Value, Place, "index-url/i pypi-url"),
    (List, Place, "extra-index-url find-links/f"),
    (Nothing, NoIndex, "no-index"),
    (Value, Target, "target/t"),
    (Value, Prefix, "prefix"),
    (Value, Root, "root"),
    (Nothing, User, "user"),
    (Negation, Open, "no-user"),
    (Value, Python, "python"),
    (List, NoBinary, "no-binary"),
    (List, OnlyBinary, "only-binary"),
    (Nothing, Preference, "prefer-binary"),
    (Nothing, NoDeps, "no-deps no-dependencies"),
    (Nothing, Open, "only-dependencies ignore-requires-python isolated"),
    (Nothing, Pre, "pre"),
    (Value, Open, "uploaded-prior-to build-dir/b build python-version implementation"),
    (Nothing, DryRun, "dry-run"),
    (Nothing, Upgrade, "upgrade/U"),
    (Nothing, Reinstall, "force-reinstall ignore-installed/I"),
    (Value, UpgradeStrategy, "upgrade-strategy"),
    (Nothing, Compile, "compile"),
    (Negation, NoCompile, "no-compile"),
    (Value, CacheDir, "cache-dir"),
    (Nothing, NoCache, "no-cache-dir"),
    (Value, Output, "wheel-dir/w dest/d destination-dir destination-directory"),
    (Value, Report, "report log log-file local-log"),
    (Nothing, RequireHashes, "require-hashes"),
    (
        Value,
        Harmless,
        "src source source-dir source-directory root-user-action progress-bar proxy retries resume-retries \
         timeout default-timeout cert client-cert keyring-provider",
    ),
    (Negation, Harmless, "no-build-isolation no-warn-script-location no-warn-conflicts no-verify"),
    (
        Nothing,
        Harmless,
        "use-pep517 no-use-pep517 check-build-dependencies break-system-packages no-clean verbose/v quiet/q \
         disable-pip-version-check no-color no-input no-python-version-warning require-virtualenv require-venv \
         debug yes/y help/h",
    ),
    (List, TrustedHost, "trusted-host"),
];

/// What `uv pip` and uv's other commands share.
const UV_COMMON: [Row; 27] = [
    (List, Place, "index find-links/f extra-index-url"),
    (Value, Place, "default-index index-url/i index-strategy"),
    (Value, Choice, "prerelease resolution exclude-newer"),
    (Nothing, NoIndex, "no-index"),
    (
        List,
        Open,
        "exclude-newer-package prerelease-package no-sources-package upgrade-package/P upgrade-group \
         reinstall-package no-editable-package",
    ),
    (Value, Open, "fork-strategy python-platform"),
    (Nothing, Open, "no-sources"),
    (Nothing, Upgrade, "upgrade/U"),
    (Nothing, Reinstall, "reinstall force-reinstall"),
    (Value, Python, "python/p"),
    (Value, Project, "directory project"),
    (Value, CacheDir, "cache-dir"),
    (Nothing, NoCache, "no-cache/n no-cache-dir"),
    (Nothing, Compile, "compile-bytecode compile"),
    (Nothing, NoCompile, "no-compile-bytecode no-compile"),
    (Nothing, DryRun, "dry-run check"),
    (Nothing, Exact, "exact"),
    (List, TrustedHost, "allow-insecure-host trusted-host"),
    (List, Extra, "extra"),
    (Nothing, AllExtras, "all-extras"),
    (List, Group, "group"),
    (Nothing, NoEditable, "no-editable"),
    (Nothing, OnlyBinary, "no-build"),
    (
        List,
        Harmless,
        "config-setting/C config-settings config-settings-package no-build-isolation-package refresh-package \
         no-build-package",
    ),
    (
        Nothing,
        Harmless,
        "no-build-isolation build-isolation require-build-hashes no-require-build-hashes refresh managed-python \
         no-managed-python no-python-downloads quiet/q verbose/v system-certs native-tls offline no-progress \
         help/h no-config version/V strict no-strict preview no-preview",
    ),
    (Value, Harmless, "link-mode keyring-provider color output-format python-preference cert python-fetch"),
    (Value, SettingsFile, "config-file"),
];

/// `uv pip install`, `sync`, `uninstall`, `compile`.
const UV_PIP: [Row; 20] = [
    (List, Requirements, "requirements/r requirement"),
    (List, Constraints, "constraints/c constraint"),
    (List, Overrides, "overrides override"),
    (List, Open, "excludes exclude no-emit-package unsafe-package"),
    (List, Harmless, "build-constraints/b build-constraint"),
    (List, Editable, "editable/e"),
    (Nothing, NoDeps, "no-deps no-dependencies"),
    (Nothing, RequireHashes, "require-hashes"),
    (
        Nothing,
        Harmless,
        "no-verify-hashes verify-hashes no-require-hashes no-system no-break-system-packages user \
         allow-empty-requirements no-allow-empty-requirements disable-pip-version-check yes/y no-strip-extras \
         strip-extras no-strip-markers no-annotate no-header generate-hashes emit-index-url emit-find-links \
         emit-build-options emit-index-annotation",
    ),
    (Nothing, Pre, "pre"),
    (Nothing, System, "system break-system-packages"),
    (Value, Target, "target/t"),
    (Value, Prefix, "prefix"),
    (List, NoBinary, "no-binary"),
    (List, OnlyBinary, "only-binary"),
    (Value, Open, "python-version"),
    (Value, Place, "torch-backend"),
    (Value, Output, "output-file/o"),
    (Value, Harmless, "format annotation-style custom-compile-command progress-bar"),
    (Nothing, Open, "universal"),
];

/// `uv sync`, `add`, `export`, `venv`.
const UV: [Row; 20] = [
    (Value, Package, "package"),
    (List, Open, "no-extra no-install-package only-install-package no-emit-package prune script no-binary-package"),
    (Nothing, Open, "all-packages no-binary only-install-project only-install-workspace only-install-local"),
    (Nothing, Dev, "dev"),
    (Nothing, NoDev, "no-dev"),
    (Nothing, OnlyDev, "only-dev"),
    (List, WithoutGroup, "no-group"),
    (Nothing, NoDefaultGroups, "no-default-groups"),
    (List, OnlyGroup, "only-group"),
    (Nothing, AllGroups, "all-groups"),
    (Nothing, Inexact, "inexact"),
    (Nothing, Active, "active"),
    (
        Nothing,
        Harmless,
        "no-active editable locked frozen no-annotate no-header no-hashes emit-index-url emit-find-links clear/c \
         force allow-existing relocatable no-project no-sync raw lfs workspace no-workspace",
    ),
    (
        Nothing,
        NoProject,
        "no-install-project no-install-workspace no-install-local no-emit-project no-emit-workspace no-emit-local",
    ),
    (Value, Output, "output-file/o"),
    (Value, Harmless, "format prompt marker/m optional bounds rev tag branch"),
    (Nothing, Seed, "seed"),
    (Nothing, SystemSite, "system-site-packages"),
    (List, Requirements, "requirements/r"),
    (List, Constraints, "constraints"),
];

/// Poetry's `install`, `sync`, `add`, `export`.
const POETRY: [Row; 20] = [
    (List, Extra, "extras/E"),
    (Nothing, AllExtras, "all-extras"),
    (List, Group, "with group/G"),
    (List, WithoutGroup, "without"),
    (List, OnlyGroup, "only"),
    (Nothing, AllGroups, "all-groups"),
    (Nothing, Dev, "dev"),
    (Nothing, NoDev, "no-dev"),
    (Nothing, NoProject, "no-root"),
    (Nothing, OnlyProject, "only-root"),
    (Nothing, Open, "no-directory"),
    (Nothing, Exact, "sync remove-untracked"),
    (Nothing, Compile, "compile"),
    (Nothing, NoCache, "no-cache"),
    (Nothing, DryRun, "dry-run"),
    (Value, Project, "directory/C project/P"),
    (Value, Output, "output/o"),
    (Value, Harmless, "format/f source python optional"),
    (List, Harmless, "extra"),
    (
        Nothing,
        Harmless,
        "no-interaction/n no-ansi ansi quiet/q verbose/v no-plugins help/h version/V without-hashes without-urls \
         with-credentials no-update local unset all editable/e allow-prereleases lock",
    ),
];

/// PDM's `install`, `sync`, `add`, `export`.
const PDM: [Row; 14] = [
    (List, Group, "group/G"),
    (List, WithoutGroup, "without"),
    (Nothing, Dev, "dev/d"),
    (Nothing, NoDefaultGroups, "prod production"),
    (Nothing, NoMain, "no-default"),
    (Nothing, NoProject, "no-self"),
    (Nothing, NoEditable, "no-editable"),
    (Value, Project, "project/p"),
    (Value, Output, "output/o"),
    (Value, Harmless, "format/f venv lockfile/L skip/k config/c log-file"),
    (List, Harmless, "override config-setting"),
    (Nothing, DryRun, "dry-run"),
    (Nothing, Exact, "clean only-keep"),
    (
        Nothing,
        Harmless,
        "no-lock frozen-lockfile check no-isolation no-cache fail-fast/x verbose/v quiet/q help/h version/V \
         non-interactive/n without-hashes no-hashes unconstrained no-extras expandvars pyproject self editable/e \
         reinstall clean-unselected global/g ignore-python/I",
    ),
];

/// Pipenv's `install`, `sync`, `requirements`.
const PIPENV: [Row; 14] = [
    (Nothing, System, "system"),
    (Nothing, Dev, "dev/d"),
    (List, OnlyGroup, "categories"),
    (List, Open, "extra-pip-args"),
    (List, Editable, "editable/e"),
    (List, Requirements, "requirements/r"),
    (Value, Python, "python"),
    (List, Place, "index/i extra-index-url"),
    (Value, Harmless, "pypi-mirror"),
    (Nothing, Pre, "pre"),
    (Value, Open, "selective-upgrade"),
    (Nothing, Open, "skip-lock code/c"),
    (Nothing, Exact, "clean"),
    (
        Nothing,
        Harmless,
        "deploy ignore-pipfile keep-outdated sequential clear verbose/v quiet/q bare three two site-packages \
         no-site-packages help/h hash exclude-markers exclude-index lock-only dev-only",
    ),
];

/// Conda's, Mamba's and Micromamba's.
const CONDA: [Row; 8] = [
    (List, Requirements, "file/f"),
    (List, Place, "channel/c"),
    (Value, Prefix, "prefix/p"),
    (Value, Target, "name/n"),
    (Value, Root, "root-prefix/r"),
    (Nothing, DryRun, "dry-run/d"),
    (
        Value,
        Harmless,
        "solver experimental-solver channel-priority repodata-fn rc-file log-level safety-checks category platform \
         subdir retry-clean-cache",
    ),
    (
        Nothing,
        Harmless,
        "yes/y quiet/q verbose/v override-channels freeze-installed no-deps only-deps update-all all json help/h \
         no-pin copy offline force prune no-rc no-env no-pyc no-py-pin always-copy always-softlink no-banner \
         strict-channel-priority no-channel-priority no-default-packages use-local use-index-cache insecure/k \
         download-only force-reinstall no-capture-output live-stream no-update-deps update-deps dev experimental \
         no-dev-dependencies dev-dependencies",
    ),
];

/// `conda-lock install`.
const CONDA_LOCK: [Row; 8] = [
    (Value, Prefix, "prefix/p"),
    (Value, Target, "name/n"),
    (List, Extra, "extras/E"),
    (Nothing, NoDev, "no-dev no-dev-dependencies"),
    (Nothing, Dev, "dev dev-dependencies"),
    (Value, Harmless, "conda auth auth-file log-level"),
    (Value, Open, "force-platform"),
    (
        Nothing,
        Harmless,
        "mamba no-mamba micromamba no-micromamba copy no-copy validate-platform no-validate-platform help/h",
    ),
];

/// apt-get's and apt's.
const APT: [Row; 10] = [
    (Value, Release, "target-release/t default-release"),
    (List, Setting, "option/o"),
    (List, SettingsFile, "config-file/c"),
    (Value, Open, "host-architecture/a build-profiles/P with-source error-on"),
    (Nothing, NoRecommends, "no-install-recommends"),
    (Nothing, Recommends, "install-recommends"),
    (Nothing, Open, "install-suggests only-upgrade no-upgrade only-source build compile/b mark-auto"),
    (Nothing, DryRun, "simulate/s dry-run just-print recon no-act print-uris download-only/d"),
    (Nothing, AutoRemove, "auto-remove autoremove"),
    (
        Nothing,
        Harmless,
        "no-install-suggests yes assume-yes/y assume-no quiet/q fix-broken/f fix-missing/m ignore-missing \
         verbose-versions/V show-upgraded/u no-show-upgraded purge reinstall no-remove trivial-only force-yes \
         ignore-hold with-new-pkgs list-cleanup no-list-cleanup allow-downgrades allow-remove-essential \
         allow-change-held-packages allow-unauthenticated allow-insecure-repositories allow-releaseinfo-change \
         show-progress no-download help/h version/v no-auto-remove arch-only",
    ),
];

/// apk's.
const APK: [Row; 10] = [
    (Value, Virtual, "virtual/t"),
    (List, Place, "repository/X"),
    (Value, Harmless, "keys-dir cache-max-age wait timeout progress-fd"),
    (Value, Open, "repositories-file arch"),
    (Value, Open, "root/p"),
    (Value, CacheDir, "cache-dir"),
    (Nothing, NoCache, "no-cache"),
    (Nothing, DryRun, "simulate/s"),
    (Nothing, Upgrade, "upgrade/u latest/l available/a"),
    (
        Nothing,
        Harmless,
        "update update-cache/U allow-untrusted force/f force-broken-world force-missing-repositories \
         force-non-repository force-old-apk force-overwrite force-refresh interactive/i no-interactive quiet/q \
         verbose/v no-progress no-network no-scripts no-chown usermode initdb no-logfile print-arch purge \
         rdepends/r help/h version/V root-user no-commit-hooks clean-protected overlay-from-stdin preserve-env",
    ),
];

/// dnf's, and those of who is called like it: none has an option that says another thing.
const DNF: [Row; 6] = [
    (List, Setting, "setopt"),
    (List, Place, "repo repoid repofrompath enablerepo disablerepo"),
    (Value, Root, "installroot"),
    (Nothing, DryRun, "downloadonly assumeno"),
    (List, Open, "exclude/x excludepkgs releasever forcearch config/c advisory downloaddir destdir"),
    (
        Nothing,
        Harmless,
        "assumeyes/y quiet/q verbose/v debugsolver nodocs nogpgcheck no-gpgchecks best/b nobest no-best allowerasing \
         refresh skip-broken skip-unavailable noplugins cacheonly/C help/h version all",
    ),
];

/// zypper's.
const ZYPPER: [Row; 6] = [
    (List, Place, "repo/r from plus-repo/p"),
    (Value, Root, "root/R installroot"),
    (Nothing, NoRecommends, "no-recommends"),
    (Nothing, Recommends, "recommends"),
    (Nothing, DryRun, "dry-run/D download-only/d"),
    (
        Nothing,
        Harmless,
        "non-interactive/n no-confirm/y quiet/q verbose/v gpg-auto-import-keys no-gpg-checks no-refresh \
         auto-agree-with-licenses/l allow-downgrade replacefiles force-resolution no-color help/h all/a metadata/m",
    ),
];
