//! What a build context is predicted to become, against the image that the engine built of it.

use crate::engine::skip;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Largest error of a layer of distributions without its bytecode, in per cent.
const WITHOUT_BYTECODE: f64 = 1.0;
/// Largest error of the whole image, in per cent: what has no wheel is not predicted, bytecode and OS packages by rules.
const WHOLE: f64 = 3.0;

/// Compares the prediction for `context` with the image `name` that the engine built of it.
pub fn is_as_predicted(context: &str, name: &str, cache: &Path) {
    let audit = |target: &str| -> Result<Value, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slimwright"));
        command.args(["audit", target, "--format", "json", "-q"]).env("SLIMWRIGHT_CACHE_DIR", cache);
        let output = command.output().unwrap();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let predicted = match audit(&format!("context:{context}")) {
        Ok(predicted) => predicted,
        Err(why) if why.contains("uv was not found") => return skip(&why),
        Err(why) => panic!("{why}"),
    };
    let built = audit(&format!("docker-daemon:{name}")).unwrap();
    assert_eq!(predicted["image"]["basis"], "predicted");
    let unpacked = |report: &Value| report["sizes"]["unpacked"]["bytes"].as_f64().unwrap();
    let error = |found: f64, expected: f64| 100.0 * (found - expected).abs() / expected;
    let whole = error(unpacked(&predicted), unpacked(&built));
    assert!(whole < WHOLE, "{} predicted, {} built", unpacked(&predicted), unpacked(&built));

    // Bytes of distributions without bytecode, of those that are in both: what has no wheel is a gap.
    let gaps: Vec<&str> = predicted["gaps"].as_array().unwrap().iter().filter_map(|gap| gap["what"].as_str()).collect();
    let rows = |report: &Value| -> Vec<(String, String, f64)> {
        let row = |dist: &Value| {
            let bytes = |key: &str| dist[key].as_f64().unwrap();
            let text = |key: &str| dist[key].as_str().unwrap().to_owned();
            (text("name"), text("version"), bytes("bytes") - bytes("bytecode"))
        };
        let rows = report["distributions"].as_array().unwrap().iter().map(row);
        let mut rows: Vec<_> = rows.filter(|(name, _, _)| !gaps.contains(&name.as_str())).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    };
    // What nobody pinned may have a newer version by now than when the engine built (or kept) the layer.
    let (ours, theirs) = (rows(&predicted), rows(&built));
    let is_in = |rows: &[(String, String, f64)], row: &(String, String, f64)| {
        rows.iter().any(|other| (&other.0, &other.1) == (&row.0, &row.1))
    };
    let names = |rows: &[(String, String, f64)]| rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>();
    let all = theirs.len();
    let (ours, theirs): (Vec<_>, Vec<_>) = (
        ours.iter().filter(|row| is_in(&theirs, row)).cloned().collect(),
        theirs.iter().filter(|row| is_in(&ours, row)).cloned().collect(),
    );
    assert!(theirs.len() * 10 >= all * 8, "of {all} the same: {:?}", names(&theirs));
    let sum = |rows: &[(String, String, f64)]| rows.iter().map(|row| row.2).sum::<f64>();
    let off = error(sum(&ours), sum(&theirs));
    println!("context: {whole:.2} % off in all, {off:.3} % off in distributions without bytecode; gaps: {gaps:?}");
    assert!(off < WITHOUT_BYTECODE, "{} predicted, {} built", sum(&ours), sum(&theirs));

    // What is wrong is found before it is built.
    let broken = |report: &Value| -> Vec<String> {
        let found = report["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
        found.map(|finding| format!("{} {}", finding["rule"], finding["subject"])).collect()
    };
    assert_eq!(broken(&predicted), broken(&built));
    assert!(!broken(&built).is_empty());
}
