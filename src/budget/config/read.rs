//! From TOML to a [`Config`].

use super::super::{CheckId, Date, Place, parse_day};
use super::error::Fault;
use super::{Accept, Bound, Config, ImageSection, Measure, Pattern, Section, Source, Unpredicted};
use crate::base::{Excerpt, Text, did_you_mean, parse_byte_size};
use crate::fs::Category;
use crate::python::normalize_name;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Value<'t> = Spanned<DeValue<'t>>;

const TOP: [&str; 9] =
    ["python", "unpredicted", "forbid", "forbid-os-packages", "forbid-rules", "limits", "growth", "image", "accept"];
const OF_IMAGE: [&str; 9] =
    ["name", "platform", "python", "unpredicted", "forbid", "forbid-os-packages", "forbid-rules", "limits", "growth"];
const OF_ACCEPT: [&str; 4] = ["rule", "subject", "reason", "expires"];
/// Severities and tiers, as the limits of findings name them.
pub(in super::super) const FINDINGS: [&str; 6] = ["error", "warning", "info", "auto", "confirm", "report-only"];

/// What a key of `[limits]` or `[growth]` may hold.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// A size.
    Size,
    /// A size, per cent, or several of them.
    Growth,
    /// A number of things.
    Count,
}

/// What the keys of a table are names of.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    /// The key itself is the limit.
    None,
    Distributions,
    OsPackages,
    Categories,
    Findings,
}

/// A key, what it limits, and what it holds.
type Row = (&'static str, CheckId, Form, Names);

const LIMITS: [Row; 12] = [
    ("unpacked", CheckId::Unpacked, Form::Size, Names::None),
    ("wire", CheckId::Wire, Form::Size, Names::None),
    ("own-layers", CheckId::OwnLayers, Form::Size, Names::None),
    ("own-layers-wire", CheckId::OwnLayersWire, Form::Size, Names::None),
    ("any-layer", CheckId::AnyLayer, Form::Size, Names::None),
    ("any-layer-wire", CheckId::AnyLayerWire, Form::Size, Names::None),
    ("dead-bytes", CheckId::DeadBytes, Form::Size, Names::None),
    ("any-distribution", CheckId::AnyDistribution, Form::Size, Names::None),
    ("distributions", CheckId::Distributions, Form::Size, Names::Distributions),
    ("os-packages", CheckId::OsPackages, Form::Size, Names::OsPackages),
    ("categories", CheckId::Categories, Form::Size, Names::Categories),
    ("findings", CheckId::Findings, Form::Count, Names::Findings),
];

const GROWTH: [Row; 6] = [
    ("unpacked", CheckId::GrowthUnpacked, Form::Growth, Names::None),
    ("wire", CheckId::GrowthWire, Form::Growth, Names::None),
    ("own-layers", CheckId::GrowthOwnLayers, Form::Growth, Names::None),
    ("dead-bytes", CheckId::GrowthDeadBytes, Form::Growth, Names::None),
    ("any-distribution", CheckId::GrowthAnyDistribution, Form::Growth, Names::None),
    ("distributions", CheckId::GrowthDistributions, Form::Growth, Names::Distributions),
];

/// A document, and how places in it are told.
struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    /// Whether places are of a file: those of an option are not told.
    is_file: bool,
}

/// Reads a whole file.
pub(super) fn document(text: &str, file: &str) -> Result<Config, Fault> {
    let table = DeTable::parse(text).map_err(|error| syntax(&error))?;
    let reader = Reader { file, text, is_file: true };
    reader.config(table.get_ref())
}

/// Reads `KEY=VALUE`, where the key is one of `[limits]`.
pub(super) fn given(option: &str) -> Result<Bound, Fault> {
    const EXPECTED: &str = "expected KEY=SIZE, for example `unpacked=3 GB` or `distributions.nvidia-*=0 B`";
    let nowhere = || Fault::new(0..0, EXPECTED);
    let (key, value) = option.split_once('=').ok_or_else(nowhere)?;
    let (key, subject) = key.trim().split_once('.').map_or((key.trim(), None), |(key, name)| (key, Some(name)));
    let value = value.trim().trim_matches('"');
    let reader = Reader { file: "", text: "", is_file: false };
    let known: Vec<&str> = LIMITS.iter().map(|row| row.0).collect();
    let Some(row) = LIMITS.iter().find(|row| row.0 == key) else {
        return Err(unknown(key, 0..0, "limit", &known));
    };
    if row.2 == Form::Count {
        return Err(Fault::new(0..0, "limits of findings stand in the configuration"));
    }
    let value = DeValue::String(value.into());
    let value = Spanned::new(0..0, value);
    match (row.3, subject) {
        (Names::None, None) => reader.bound(*row, "", None, "limits", &value),
        (Names::None, Some(_)) => Err(Fault::new(0..0, format!("`{key}` takes no name"))),
        (_, None) => Err(Fault::new(0..0, format!("expected a name: `{key}.NAME=SIZE`"))),
        (_, Some(name)) => reader.named(*row, name.trim_matches('"'), 0..0, "limits", &value),
    }
}

fn syntax(error: &toml::de::Error) -> Fault {
    Fault::new(error.span().unwrap_or(0..0), error.message().trim().replace('\n', ", "))
}

fn unknown(key: &str, span: Range<usize>, what: &str, known: &[&str]) -> Fault {
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let fault = Fault::new(span, format!("unknown {what} `{key}`, expected one of {list}"));
    match did_you_mean(key, known.iter().copied()) {
        Some(hint) => fault.hint(hint),
        None => fault.hint("docs/budget.md has every key with an example"),
    }
}

/// What a value is, for messages.
fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("`{text}`"),
        DeValue::Integer(number) => format!("`{}`", number.as_str()),
        DeValue::Float(number) => format!("`{}`", number.as_str()),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Datetime(date) => format!("`{date}`"),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn expected(value: &Value<'_>, what: &str) -> Fault {
    Fault::new(value.span(), format!("expected {what}, found {}", kind(value.get_ref())))
}

/// The entries of a table in the order of the file.
fn entries<'v, 't>(table: &'v DeTable<'t>) -> Vec<(&'v str, Range<usize>, &'v Value<'t>)> {
    let mut out: Vec<_> = table.iter().map(|(key, value)| (&**key.get_ref(), key.span(), value)).collect();
    out.sort_by_key(|(_, span, _)| span.start);
    out
}

impl Reader<'_> {
    fn place(&self, span: &Range<usize>) -> Option<Place> {
        self.is_file.then(|| self.place_in_file(span))
    }

    fn place_in_file(&self, span: &Range<usize>) -> Place {
        let excerpt = Excerpt::new(self.text, span.clone());
        Place { file: Text::from(self.file), line: excerpt.line, column: excerpt.column }
    }

    fn config(&self, table: &DeTable<'_>) -> Result<Config, Fault> {
        let source = Source { file: self.file.to_owned(), text: self.text.to_owned() };
        let mut out = Config { source, ..Config::empty() };
        for (key, span, value) in entries(table) {
            match key {
                "image" => out.images = self.tables(value, "[[image]]", |table| self.image(table, value.span()))?,
                "accept" => out.accept = self.accepts(value)?,
                _ if TOP.contains(&key) => self.entry(&mut out.general, key, &span, value)?,
                _ => return Err(unknown(key, span, "key", &TOP)),
            }
        }
        Ok(out)
    }

    /// An array of tables.
    fn tables<T>(
        &self,
        value: &Value<'_>,
        what: &str,
        read: impl Fn(&DeTable<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let array = value.get_ref().as_array().ok_or_else(|| expected(value, &format!("{what} tables")))?;
        let one = |item: &Value<'_>| {
            read(item.get_ref().as_table().ok_or_else(|| expected(item, &format!("a {what} table")))?)
        };
        array.iter().map(one).collect()
    }

    fn image(&self, table: &DeTable<'_>, span: Range<usize>) -> Result<ImageSection, Fault> {
        let mut out = ImageSection { name: None, platform: None, section: Section::default() };
        for (key, span, value) in entries(table) {
            match key {
                "name" => out.name = Some(self.pattern(value)?),
                "platform" => out.platform = Some(self.pattern(value)?),
                _ if OF_IMAGE.contains(&key) => self.entry(&mut out.section, key, &span, value)?,
                _ => return Err(unknown(key, span, "key of [[image]]", &OF_IMAGE)),
            }
        }
        if out.name.is_none() && out.platform.is_none() {
            let span = entries(table).first().map_or(span, |(_, span, _)| span.clone());
            return Err(Fault::new(span, "expected `name` or `platform` in [[image]], found neither")
                .hint("limits for all images stand outside of [[image]]"));
        }
        Ok(out)
    }

    fn entry(&self, out: &mut Section, key: &str, span: &Range<usize>, value: &Value<'_>) -> Result<(), Fault> {
        match key {
            "python" => {
                let promised = value.get_ref().as_bool().ok_or_else(|| expected(value, "`true` or `false`"))?;
                out.python = Some((promised, self.place_in_file(span)));
            }
            "unpredicted" => {
                let what = match value.get_ref().as_str() {
                    Some("refuse") => Unpredicted::Refuse,
                    Some("allow") => Unpredicted::Allow,
                    _ => return Err(expected(value, "\"refuse\" or \"allow\"")),
                };
                out.unpredicted = Some((what, self.place_in_file(span)));
            }
            "forbid" => out.forbid = Some(self.patterns(value, normalize_name)?),
            "forbid-os-packages" => out.forbid_os_packages = Some(self.patterns(value, str::to_owned)?),
            "forbid-rules" => out.forbid_rules = Some(self.patterns(value, str::to_owned)?),
            "limits" => self.rows(out, "limits", &LIMITS, value)?,
            _ => self.rows(out, "growth", &GROWTH, value)?,
        }
        Ok(())
    }

    fn rows(&self, out: &mut Section, table: &str, rows: &[Row], value: &Value<'_>) -> Result<(), Fault> {
        let known: Vec<&str> = rows.iter().map(|row| row.0).collect();
        for (key, span, value) in entries(self.table(value, &format!("a table [{table}]"))?) {
            let Some(row) = rows.iter().find(|row| row.0 == key) else {
                return Err(unknown(key, span, &format!("key of [{table}]"), &known));
            };
            if row.3 == Names::None {
                let bound = self.bound(*row, "", Some(&span), table, value)?;
                out.bounds.insert((bound.id, String::new()), bound);
                continue;
            }
            for (name, span, value) in entries(self.table(value, &format!("a table [{table}.{key}]"))?) {
                let bound = self.named(*row, name, span.clone(), table, value)?;
                let key = (bound.id, bound.subject.clone());
                if out.bounds.contains_key(&key) {
                    return Err(Fault::new(span, format!("`{}` is limited twice: names are normalized", key.1)));
                }
                out.bounds.insert(key, bound);
            }
        }
        Ok(())
    }

    fn table<'v, 't>(&self, value: &'v Value<'t>, what: &str) -> Result<&'v DeTable<'t>, Fault> {
        value.get_ref().as_table().ok_or_else(|| expected(value, what))
    }

    /// A limit of something that has a name.
    fn named(&self, row: Row, name: &str, span: Range<usize>, table: &str, value: &Value<'_>) -> Result<Bound, Fault> {
        let categories: Vec<&str> = Category::ALL.iter().map(|category| category.as_str()).collect();
        let known: Option<(&str, &[&str])> = match row.3 {
            Names::Categories => Some(("category", &categories)),
            Names::Findings => Some(("severity or tier", &FINDINGS)),
            _ => None,
        };
        let subject = if row.3 == Names::Distributions { normalize_name(name) } else { name.to_owned() };
        if let Some((what, known)) = known {
            if !known.contains(&subject.as_str()) {
                return Err(unknown(name, span, what, known));
            }
            return self.bound(row, &subject, Some(&span), table, value);
        }
        let pattern = Pattern::new(&subject, self.place(&span), span.clone())
            .map_err(|message| Fault::new(span.clone(), message))?;
        let bound = self.bound(row, &subject, Some(&span), table, value)?;
        Ok(Bound { pattern: Some(pattern), ..bound })
    }

    fn bound(
        &self,
        (name, id, form, _): Row,
        subject: &str,
        span: Option<&Range<usize>>,
        table: &str,
        value: &Value<'_>,
    ) -> Result<Bound, Fault> {
        let key = if subject.is_empty() { format!("{table}.{name}") } else { format!("{table}.{name}.{subject}") };
        let mut out = Bound {
            id,
            subject: subject.to_owned(),
            pattern: None,
            key: Text::from(&key).into(),
            max: Vec::new(),
            warn: Vec::new(),
            place: self.place(span.unwrap_or(&value.span())),
        };
        let Some(both) = value.get_ref().as_table() else {
            out.max = measures(form, value)?;
            return Ok(out);
        };
        for (key, span, value) in entries(both) {
            match key {
                "max" => out.max = measures(form, value)?,
                "warn" => out.warn = measures(form, value)?,
                _ => return Err(unknown(key, span, "key of a limit", &["max", "warn"])),
            }
        }
        if out.is_empty() {
            return Err(Fault::new(value.span(), "expected `max`, `warn` or both, found neither"));
        }
        match useless(&out) {
            true => Err(Fault::new(value.span(), "`warn` is not below `max`: it would never be heard")),
            false => Ok(out),
        }
    }

    fn pattern(&self, value: &Value<'_>) -> Result<Pattern, Fault> {
        self.pattern_of(value, str::to_owned)
    }

    fn pattern_of(&self, value: &Value<'_>, form: impl Fn(&str) -> String) -> Result<Pattern, Fault> {
        let text = value.get_ref().as_str().ok_or_else(|| expected(value, "a text"))?;
        Pattern::new(&form(text), self.place(&value.span()), value.span())
            .map_err(|message| Fault::new(value.span(), message))
    }

    fn patterns(&self, value: &Value<'_>, form: impl Fn(&str) -> String) -> Result<Vec<Pattern>, Fault> {
        let array = value.get_ref().as_array().ok_or_else(|| expected(value, "an array of texts"))?;
        array.iter().map(|item| self.pattern_of(item, &form)).collect()
    }

    fn accepts(&self, value: &Value<'_>) -> Result<Vec<Accept>, Fault> {
        let array = value.get_ref().as_array().ok_or_else(|| expected(value, "[[accept]] tables"))?;
        array.iter().map(|item| self.accept(item)).collect()
    }

    fn accept(&self, item: &Value<'_>) -> Result<Accept, Fault> {
        let table = item.get_ref().as_table().ok_or_else(|| expected(item, "an [[accept]] table"))?;
        let entries = entries(table);
        let start = entries.first().map_or(item.span(), |(_, span, _)| span.clone());
        let (mut rule, mut subject, mut reason, mut expires) = (None, None, None, None);
        for (key, span, value) in entries {
            let text = || value.get_ref().as_str().ok_or_else(|| expected(value, "a text"));
            match key {
                "rule" => rule = Some((text()?.to_owned(), value.span())),
                "subject" => subject = Some(self.pattern(value)?),
                "reason" if text()?.trim().is_empty() => {
                    return Err(Fault::new(value.span(), "expected a reason, found an empty text"));
                }
                "reason" => reason = Some(text()?.split_whitespace().collect::<Vec<_>>().join(" ")),
                "expires" => expires = Some(date(value)?),
                _ => return Err(unknown(key, span, "key of [[accept]]", &OF_ACCEPT)),
            }
        }
        let missing = |key: &str| {
            Fault::new(start.clone(), format!("expected `{key}` in [[accept]], found none"))
                .hint("an acceptance says which rule, which subject (\"*\" for all) and why")
        };
        let (rule, rule_span) = rule.ok_or_else(|| missing("rule"))?;
        Ok(Accept {
            rule,
            subject: subject.ok_or_else(|| missing("subject"))?,
            reason: reason.ok_or_else(|| missing("reason"))?,
            expires,
            place: self.place_in_file(&rule_span),
            rule_span,
        })
    }
}

/// Whether `warn` can never be reached before `max`, as far as both are of one kind.
fn useless(bound: &Bound) -> bool {
    let pairs = bound.warn.iter().flat_map(|warn| bound.max.iter().map(move |max| (warn, max)));
    bound.warn.len() == 1
        && bound.max.len() == 1
        && pairs.into_iter().any(|pair| match pair {
            (Measure::Bytes(warn), Measure::Bytes(max)) | (Measure::Count(warn), Measure::Count(max)) => warn >= max,
            (Measure::Percent(warn), Measure::Percent(max)) => warn >= max,
            _ => false,
        })
}

/// What a limit is given as; nothing for `"none"`.
fn measures(form: Form, value: &Value<'_>) -> Result<Vec<Measure>, Fault> {
    let wanted = match form {
        Form::Size => "a size with a unit, for example \"900 MB\" or \"1.2 GiB\"",
        Form::Growth => "a size with a unit or per cent, for example \"50 MB\", \"5 %\" or both in an array",
        Form::Count => "a whole number",
    };
    if value.get_ref().as_str() == Some("none") {
        return Ok(Vec::new());
    }
    match (form, value.get_ref()) {
        (Form::Count, DeValue::Integer(_)) => Ok(vec![Measure::Count(count(value)?)]),
        (Form::Growth, DeValue::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| measure(form, item, wanted)).collect()
        }
        (Form::Count, _) | (_, DeValue::Array(_)) => Err(expected(value, wanted)),
        _ => Ok(vec![measure(form, value, wanted)?]),
    }
}

fn count(value: &Value<'_>) -> Result<u64, Fault> {
    let number = value.get_ref().as_integer();
    let number = number.and_then(|number| u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
    number.ok_or_else(|| expected(value, "a whole number that is not negative"))
}

fn measure(form: Form, value: &Value<'_>, wanted: &str) -> Result<Measure, Fault> {
    let text = match value.get_ref() {
        DeValue::String(text) => text,
        DeValue::Integer(_) | DeValue::Float(_) => {
            return Err(Fault::new(value.span(), format!("{} has no unit, expected {wanted}", kind(value.get_ref()))));
        }
        _ => return Err(expected(value, wanted)),
    };
    if form == Form::Growth
        && let Some(number) = text.trim().strip_suffix('%')
    {
        let percent = number.trim().parse::<f64>().ok().filter(|percent| percent.is_finite() && *percent >= 0.0);
        return percent.map(Measure::Percent).ok_or_else(|| expected(value, wanted));
    }
    match parse_byte_size(text) {
        Ok(size) => Ok(Measure::Bytes(size.0)),
        Err(message) => Err(Fault::new(value.span(), message)),
    }
}

fn date(value: &Value<'_>) -> Result<Date, Fault> {
    let wanted = "a date, for example 2026-12-31";
    match value.get_ref() {
        DeValue::Datetime(found) => match (found.date, found.time) {
            (Some(date), None) => parse_day(&date.to_string()).ok_or_else(|| expected(value, wanted)),
            _ => Err(expected(value, wanted)),
        },
        DeValue::String(text) => parse_day(text).ok_or_else(|| expected(value, wanted)),
        _ => Err(expected(value, wanted)),
    }
}
