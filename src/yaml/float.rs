//! Numbers as texts.

/// A number as Go prints it by `%v`, which is what a container gets of `VARIABLE: 1.10` (`1.1`).
pub fn float_as_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let power: i32 = exponent.parse().unwrap_or(0);
    match (-4..6).contains(&power) || value == 0.0 {
        true => format!("{value}"),
        false => format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs()),
    }
}
