//! The map as SVG that needs no script and no style, and as data for the script that opens its parts.

use super::page::{Html, el, text, void};
use crate::base::ByteSize;
use crate::report::map::{Colour, Part, Square, squares};
use serde_json::{Value, json};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 520.0;
/// Room for a title in a square.
const TITLE: f64 = 20.0;
/// Width of a letter, about.
const LETTER: f64 = 6.6;

/// The picture and its legend.
pub(super) fn picture(map: &Part) -> Html {
    let names: Vec<&str> = map.parts.iter().take(3).map(|part| part.name.as_str()).collect();
    let label =
        format!("Map of {}: the largest layers are {}. The tables below say the same.", map.name, names.join("; "));
    let tops = squares(&map.parts, (0.0, 0.0, WIDTH, HEIGHT)).into_iter().map(|(part, at)| {
        let (x, y, width, height) = at;
        let inner = (x + 3.0, y + TITLE, width - 6.0, height - TITLE - 3.0);
        let parts = if inner.2 > 30.0 && inner.3 > 20.0 { squares(&part.parts, inner) } else { Vec::new() };
        el(
            "g",
            &[],
            [square(part, at, "1.5")].into_iter().chain(parts.into_iter().map(|(part, at)| square(part, at, "0.5"))),
        )
    });
    let attributes =
        [("viewBox", "0 0 1000 520"), ("width", "100%"), ("class", "map"), ("role", "img"), ("aria-label", &label)];
    let drawing = el("svg", &attributes, tops);
    Html::of([patterns(), el("div", &[("id", "map-picture")], [drawing]), legend()])
}

fn square(part: &Part, (x, y, width, height): Square, stroke: &'static str) -> Html {
    let said = format!("{}, {}, {}", part.name, ByteSize(part.bytes), part.colour.words());
    let size = |value: f64| format!("{:.1}", value.max(0.0));
    let fill = format!("url(#fill-{})", number(part.colour));
    let rect = el(
        "rect",
        &[
            ("x", &size(x + 1.0)),
            ("y", &size(y + 1.0)),
            ("width", &size(width - 2.0)),
            ("height", &size(height - 2.0)),
            ("fill", &fill),
            ("stroke", "#16202b"),
            ("stroke-width", stroke),
        ],
        [el("title", &[], [text(said)])],
    );
    let label: String = format!("{} {}", part.name, ByteSize(part.bytes))
        .chars()
        .take(((width - 8.0) / LETTER).max(0.0) as usize)
        .collect();
    let at = [
        ("x", &*size(x + 5.0)),
        ("y", &*size(y + 15.0)),
        ("font-size", "12"),
        ("font-family", "sans-serif"),
        ("fill", "#101820"),
    ];
    let title = if width > 60.0 && height > 18.0 { el("text", &at, [text(label)]) } else { Html::default() };
    Html::of([rect, title])
}

fn number(colour: Colour) -> usize {
    Colour::ALL.iter().position(|other| *other == colour).unwrap_or_default()
}

/// A colour and a pattern each: neither tells alone.
fn patterns() -> Html {
    let pattern = |colour: Colour| {
        let (fill, line) = match colour {
            Colour::Stays => ("#cfe3d4", None),
            Colour::Goes => ("#f3c3a5", Some("M0 8 L8 0")),
            Colour::OptIn => ("#f6e6a8", Some("M4 4 h1 v1 h-1 z")),
            Colour::Hidden => ("#d5d3e8", Some("M0 4 H8")),
        };
        let area = void("rect", &[("width", "8"), ("height", "8"), ("fill", fill)]);
        let line = line
            .map(|line| void("path", &[("d", line), ("stroke", "#3d4650"), ("stroke-width", "1"), ("fill", "none")]));
        let id = format!("fill-{}", number(colour));
        let units = [("id", &*id), ("width", "8"), ("height", "8"), ("patternUnits", "userSpaceOnUse")];
        el("pattern", &units, [area].into_iter().chain(line))
    };
    let defs = el("defs", &[], Colour::ALL.map(pattern));
    el("svg", &[("width", "0"), ("height", "0"), ("aria-hidden", "true")], [defs])
}

fn legend() -> Html {
    let row = |colour: Colour| {
        let fill = format!("url(#fill-{})", number(colour));
        let rect = void("rect", &[("width", "16"), ("height", "16"), ("fill", &fill), ("stroke", "#16202b")]);
        let sample = el("svg", &[("width", "16"), ("height", "16"), ("aria-hidden", "true")], [rect]);
        el("li", &[], [sample, text(colour.words())])
    };
    el("ul", &[("class", "legend")], Colour::ALL.map(row))
}

/// For the script: `[name, bytes, colour, parts]`, and what the colours mean.
pub(super) fn data(map: &Part) -> Value {
    fn node(part: &Part) -> Value {
        json!([part.name, part.bytes, number(part.colour), part.parts.iter().map(node).collect::<Vec<Value>>()])
    }
    json!({ "map": node(map), "verdicts": Colour::ALL.map(Colour::words) })
}
