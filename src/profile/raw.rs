//! The text of a profile, with the place of every value, on its way to a [`Rule`].
//!
//! One flat table of everything that `detect` may hold, because an enum told apart by its `kind` forgets where
//! in the file its values stood, and an error should point at the value.

use super::{Detect, Glob, Installed, Replacement, Rule, Severity, Signs, Tier};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;

/// What was wrong, and where in the text.
#[derive(Debug)]
pub(super) struct Fault {
    /// The bytes of the text that it is about.
    pub(super) span: Range<usize>,
    /// What was expected and what was found.
    pub(super) message: String,
}

pub(super) type Text = Spanned<String>;
pub(super) type Texts = Vec<Text>;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: Text,
    pub(super) summary: Text,
    pub(super) why: Text,
    pub(super) evidence: Text,
    pub(super) when_not: Text,
    pub(super) remedy: Text,
    pub(super) references: Spanned<Texts>,
    severity: Severity,
    tier: Tier,
    detect: Spanned<RawDetect>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawDetect {
    kind: Text,
    members: Option<Spanned<Texts>>,
    keep: Option<Spanned<Texts>>,
    needs: Option<Spanned<BTreeMap<String, Texts>>>,
    distribution: Option<Text>,
    when: Option<Spanned<RawInstalled>>,
    replace: Option<Spanned<RawReplacement>>,
    unless: Option<Spanned<RawSigns>>,
    names: Option<Spanned<Texts>>,
    globs: Option<Spanned<Texts>>,
    except: Option<Spanned<Texts>>,
    owned: Option<Spanned<bool>>,
    at_least: Option<Spanned<u64>>,
    leave: Option<Spanned<Texts>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawInstalled {
    #[serde(default)]
    always: bool,
    #[serde(default)]
    requires: Texts,
    #[serde(default)]
    beside: Texts,
    #[serde(default)]
    local_version: Texts,
    #[serde(default)]
    files: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawSigns {
    #[serde(default)]
    uses: Texts,
    #[serde(default)]
    except: Texts,
    #[serde(default)]
    calls: Texts,
    #[serde(default)]
    texts: Texts,
    #[serde(default)]
    flags: Texts,
    #[serde(default)]
    modules: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawReplacement {
    name: Text,
    #[serde(default)]
    drop_extras: Vec<String>,
    index: Option<Text>,
    #[serde(default)]
    together: Texts,
    #[serde(default)]
    company: Texts,
    #[serde(default)]
    sizes: BTreeMap<String, u64>,
    #[serde(default)]
    without: Texts,
    version: Option<String>,
}

/// Parses a profile and checks all that can be checked without knowing its file's name.
pub(super) fn parse(text: &str) -> Result<(RawRuleHead, Rule), Fault> {
    let raw: RawRule = toml::from_str(text).map_err(|error| Fault {
        span: error.span().unwrap_or(0..0),
        message: error.message().trim().replace('\n', ", "),
    })?;
    super::check::texts(&raw)?;
    let head = RawRuleHead { id: raw.id.span() };
    let rule = Rule {
        id: raw.id.into_inner(),
        summary: raw.summary.into_inner(),
        why: paragraph(raw.why),
        evidence: paragraph(raw.evidence),
        when_not: paragraph(raw.when_not),
        remedy: paragraph(raw.remedy),
        references: plain(raw.references.into_inner()),
        severity: raw.severity,
        tier: raw.tier,
        detect: detect(raw.detect)?,
    };
    Ok((head, rule))
}

/// Where the parts of a rule stand that are checked later.
pub(super) struct RawRuleHead {
    pub(super) id: Range<usize>,
}

/// One line: the line breaks of a TOML text are for its file's reader.
fn paragraph(text: Text) -> String {
    text.into_inner().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain(texts: Texts) -> Vec<String> {
    texts.into_iter().map(Spanned::into_inner).collect()
}

fn detect(spanned: Spanned<RawDetect>) -> Result<Detect, Fault> {
    let span = spanned.span();
    let mut raw = spanned.into_inner();
    let kind = raw.kind.get_ref().clone();
    let required = |key: &str| Fault { span: span.clone(), message: format!("missing key `{key}` of kind `{kind}`") };
    let detect = match kind.as_str() {
        "duplicate-family" => duplicate_family(&mut raw, required)?,
        "gpu-build" => gpu_build(&mut raw, required)?,
        "distributions" => Detect::Distributions { names: globs(raw.names.take().ok_or_else(|| required("names"))?)? },
        "unused-distributions" => Detect::UnusedDistributions { except: optional_globs(raw.except.take())? },
        "broken-distribution" => Detect::BrokenDistribution,
        "missing-libraries" => Detect::MissingLibraries,
        "contested-files" => Detect::ContestedFiles,
        "dead-bytes" => Detect::DeadBytes,
        "rewritten-bytes" => Detect::RewrittenBytes,
        "paths" => Detect::Paths {
            globs: globs(raw.globs.take().ok_or_else(|| required("globs"))?)?,
            except: optional_globs(raw.except.take())?,
            owned: raw.owned.take().map(Spanned::into_inner),
            at_least: raw.at_least.take().map_or(0, Spanned::into_inner),
        },
        "os-packages" => Detect::OsPackages {
            names: globs(raw.names.take().ok_or_else(|| required("names"))?)?,
            leave: optional_globs(raw.leave.take())?,
        },
        _ => return Err(unknown_kind(&raw.kind)),
    };
    match left_over(&raw) {
        Some((key, span)) => Err(Fault { span, message: format!("key `{key}` has no meaning for kind `{kind}`") }),
        None => Ok(detect),
    }
}

fn duplicate_family(raw: &mut RawDetect, required: impl Fn(&str) -> Fault) -> Result<Detect, Fault> {
    let members = raw.members.take().ok_or_else(|| required("members"))?;
    let keep = raw.keep.take().ok_or_else(|| required("keep"))?;
    let needs = raw.needs.take().map(Spanned::into_inner).unwrap_or_default();
    super::check::family(&members, &keep, &needs)?;
    Ok(Detect::DuplicateFamily {
        members: plain(members.into_inner()),
        keep: plain(keep.into_inner()),
        needs: needs.into_iter().map(|(module, who)| (module, plain(who))).collect(),
    })
}

fn gpu_build(raw: &mut RawDetect, required: impl Fn(&str) -> Fault) -> Result<Detect, Fault> {
    let distribution = raw.distribution.take().ok_or_else(|| required("distribution"))?;
    super::check::normalized(&distribution)?;
    let when = raw.when.take().ok_or_else(|| required("when"))?;
    let replace = raw.replace.take().ok_or_else(|| required("replace"))?;
    Ok(Detect::GpuBuild {
        distribution: distribution.into_inner(),
        when: installed(when)?,
        replace: replacement(replace.into_inner())?,
        unless: raw.unless.take().map_or(Ok(Signs::default()), signs)?,
    })
}

fn signs(spanned: Spanned<RawSigns>) -> Result<Signs, Fault> {
    let span = spanned.span();
    let raw = spanned.into_inner();
    if raw.modules.is_empty() && !(raw.calls.is_empty() && raw.texts.is_empty() && raw.flags.is_empty()) {
        let message = "`calls`, `texts` and `flags` need `modules`: whose files they count in".to_owned();
        return Err(Fault { span, message });
    }
    Ok(Signs {
        uses: checked(raw.uses)?,
        except: checked(raw.except)?,
        calls: checked(raw.calls)?,
        texts: checked(raw.texts)?,
        flags: checked(raw.flags)?,
        modules: plain(raw.modules),
    })
}

fn installed(spanned: Spanned<RawInstalled>) -> Result<Installed, Fault> {
    let span = spanned.span();
    let raw = spanned.into_inner();
    let lists = [&raw.requires, &raw.beside, &raw.local_version, &raw.files];
    if !raw.always && lists.iter().all(|list| list.is_empty()) {
        let message = "expected a sign: `always = true`, `requires`, `beside`, `local-version` or `files`".to_owned();
        return Err(Fault { span, message });
    }
    Ok(Installed {
        always: raw.always,
        requires: checked(raw.requires)?,
        beside: checked(raw.beside)?,
        local_version: checked(raw.local_version)?,
        files: checked(raw.files)?,
    })
}

fn replacement(raw: RawReplacement) -> Result<Replacement, Fault> {
    super::check::normalized(&raw.name)?;
    if let Some(index) = &raw.index {
        super::check::index(index)?;
    }
    for name in &raw.together {
        super::check::normalized(name)?;
    }
    Ok(Replacement {
        name: raw.name.into_inner(),
        drop_extras: raw.drop_extras,
        index: raw.index.map(Spanned::into_inner),
        together: plain(raw.together),
        company: checked(raw.company)?,
        sizes: raw.sizes,
        without: checked(raw.without)?,
        version: raw.version,
    })
}

fn globs(texts: Spanned<Texts>) -> Result<Vec<String>, Fault> {
    if texts.get_ref().is_empty() {
        return Err(Fault { span: texts.span(), message: "expected at least one glob, found none".to_owned() });
    }
    checked(texts.into_inner())
}

fn optional_globs(texts: Option<Spanned<Texts>>) -> Result<Vec<String>, Fault> {
    texts.map_or(Ok(Vec::new()), |texts| checked(texts.into_inner()))
}

fn checked(texts: Texts) -> Result<Vec<String>, Fault> {
    for text in &texts {
        Glob::new(text.get_ref()).map_err(|message| Fault { span: text.span(), message })?;
    }
    Ok(plain(texts))
}

fn unknown_kind(kind: &Text) -> Fault {
    const KINDS: &str = "`duplicate-family`, `gpu-build`, `distributions`, `unused-distributions`, \
                         `broken-distribution`, `missing-libraries`, `contested-files`, \
                         `dead-bytes`, `rewritten-bytes`, `paths`, `os-packages`";
    Fault { span: kind.span(), message: format!("unknown kind `{}`, expected one of {KINDS}", kind.get_ref()) }
}

/// A key that the kind did not take.
fn left_over(raw: &RawDetect) -> Option<(&'static str, Range<usize>)> {
    let places = [
        ("members", raw.members.as_ref().map(Spanned::span)),
        ("keep", raw.keep.as_ref().map(Spanned::span)),
        ("needs", raw.needs.as_ref().map(Spanned::span)),
        ("distribution", raw.distribution.as_ref().map(Spanned::span)),
        ("when", raw.when.as_ref().map(Spanned::span)),
        ("replace", raw.replace.as_ref().map(Spanned::span)),
        ("unless", raw.unless.as_ref().map(Spanned::span)),
        ("names", raw.names.as_ref().map(Spanned::span)),
        ("globs", raw.globs.as_ref().map(Spanned::span)),
        ("except", raw.except.as_ref().map(Spanned::span)),
        ("owned", raw.owned.as_ref().map(Spanned::span)),
        ("at-least", raw.at_least.as_ref().map(Spanned::span)),
        ("leave", raw.leave.as_ref().map(Spanned::span)),
    ];
    places.into_iter().find_map(|(key, span)| span.map(|span| (key, span)))
}
