//! Rules for a project's memory, and promtool's unit tests of them.
//!
//! Every expression is one that Prometheus 2.42 takes, and asks for metrics that cAdvisor and node_exporter have. What has no
//! limit gives no sample, so that nothing fires for it.

use std::fmt::Write as _;

/// Rules, and their tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The rule file.
    pub rules: String,
    /// The unit tests, for `promtool test rules`.
    pub tests: String,
}

/// An alert: its name, its expression, how long it must hold, how bad it is, what it says, and series with which it is silent and
/// fires, in its unit test.
struct Alert {
    name: &'static str,
    expr: String,
    holds: Option<&'static str>,
    severity: &'static str,
    summary: String,
    description: &'static str,
    of_container: bool,
    silent: Vec<(&'static str, &'static str)>,
    fires: Vec<(&'static str, &'static str)>,
    /// Minutes after which it fires.
    at: u32,
}

/// The rules for the containers of a project of Compose, and the host's. `file` is the name of the rule file.
pub fn rules(project: &str, file: &str) -> Rules {
    let alerts = alerts(project);
    let mut rules = format!(
        "# Memory of the containers of {}, and of the host that they run on. Metrics: cAdvisor, node_exporter.\n\
         # Written by slimwright; tested by `promtool test rules` with the file beside it.\ngroups:\n  - name: memory-{}\n    rules:\n",
        comment(project),
        comment(project)
    );
    let mut tests = format!("rule_files: [{file}]\nevaluation_interval: 1m\ntests:\n");
    for alert in &alerts {
        rule(alert, &mut rules);
        test(alert, project, &mut tests);
    }
    Rules { rules, tests }
}

/// A name of a project: Compose lets it have letters, digits, `-` and `_` alone.
fn comment(project: &str) -> String {
    project.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn alerts(project: &str) -> Vec<Alert> {
    let labels = format!("{{container_label_com_docker_compose_project=\"{}\"}}", comment(project));
    let service = "{{ $labels.container_label_com_docker_compose_service }}";
    vec![
        Alert {
            name: "ContainerKilledForMemory",
            expr: format!("increase(container_oom_events_total{labels}[10m]) > 0"),
            holds: None,
            severity: "critical",
            summary: format!("A process of {service} was killed for memory"),
            description: "The container met its limit. Its first process may live on, so that the engine says nothing.",
            of_container: true,
            silent: vec![("container_oom_events_total", "0x30")],
            fires: vec![("container_oom_events_total", "0x10 1x20")],
            at: 15,
        },
        Alert {
            name: "ContainerNearMemoryLimit",
            expr: format!(
                "container_memory_working_set_bytes{labels}\n          / (container_spec_memory_limit_bytes{labels} > 0) > 0.9"
            ),
            holds: Some("10m"),
            severity: "warning",
            summary: format!("{service} has {{{{ $value | humanizePercentage }}}} of its memory limit"),
            description: "Page cache that was read twice is in this figure: look at anonymous memory before raising the limit.",
            of_container: true,
            silent: vec![
                ("container_memory_working_set_bytes", "1900000000x30"),
                ("container_spec_memory_limit_bytes", "0x30"),
            ],
            fires: vec![
                ("container_memory_working_set_bytes", "1900000000x30"),
                ("container_spec_memory_limit_bytes", "2000000000x30"),
            ],
            at: 20,
        },
        Alert {
            name: "HostKilledForMemory",
            expr: "increase(node_vmstat_oom_kill[10m]) > 0".to_owned(),
            holds: None,
            severity: "critical",
            summary: "The kernel killed a process for memory".to_owned(),
            description: "Kills in containers are counted here too, also those whose container is gone.",
            of_container: false,
            silent: vec![("node_vmstat_oom_kill", "4x30")],
            fires: vec![("node_vmstat_oom_kill", "4x10 5x20")],
            at: 15,
        },
        Alert {
            name: "HostWaitsForMemory",
            expr: "rate(node_pressure_memory_stalled_seconds_total[5m]) > 0.05".to_owned(),
            holds: Some("10m"),
            severity: "critical",
            summary: "All that runs waits for memory {{ $value | humanizePercentage }} of the time".to_owned(),
            description: "Pressure tells that a lack of memory costs time, whatever is free.",
            of_container: false,
            silent: vec![("node_pressure_memory_stalled_seconds_total", "0+1x30")],
            fires: vec![("node_pressure_memory_stalled_seconds_total", "0+6x30")],
            at: 20,
        },
        Alert {
            name: "HostSwaps",
            expr: "rate(node_vmstat_pswpin[5m]) > 100".to_owned(),
            holds: Some("10m"),
            severity: "warning",
            summary: "The host reads {{ $value | humanize }} pages a second back from swap".to_owned(),
            description: "How much lies in swap says nothing; how much comes back does.",
            of_container: false,
            silent: vec![("node_vmstat_pswpin", "900000x30")],
            fires: vec![("node_vmstat_pswpin", "0+12000x30")],
            at: 20,
        },
        Alert {
            name: "HostMemoryLow",
            expr: "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.05".to_owned(),
            holds: Some("10m"),
            severity: "warning",
            summary: "{{ $value | humanizePercentage }} of the host's memory is available".to_owned(),
            description: "Available is the kernel's estimate of what it can give without swapping.",
            of_container: false,
            silent: vec![
                ("node_memory_MemAvailable_bytes", "2000000000x30"),
                ("node_memory_MemTotal_bytes", "16000000000x30"),
            ],
            fires: vec![
                ("node_memory_MemAvailable_bytes", "400000000x30"),
                ("node_memory_MemTotal_bytes", "16000000000x30"),
            ],
            at: 20,
        },
    ]
}

// Writing to a text cannot fail.
fn rule(alert: &Alert, out: &mut String) {
    let _ = writeln!(out, "      - alert: {}", alert.name);
    let _ = writeln!(out, "        expr: |-\n          {}", alert.expr);
    if let Some(holds) = alert.holds {
        let _ = writeln!(out, "        for: {holds}");
    }
    let _ = writeln!(out, "        labels: {{severity: {}}}", alert.severity);
    let _ = writeln!(out, "        annotations:\n          summary: '{}'", alert.summary.replace('\'', "''"));
    let _ = writeln!(out, "          description: '{}'", alert.description.replace('\'', "''"));
}

fn test(alert: &Alert, project: &str, out: &mut String) {
    let labels = match alert.of_container {
        true => vec![
            ("container_label_com_docker_compose_project".to_owned(), comment(project)),
            ("container_label_com_docker_compose_service".to_owned(), "worker".to_owned()),
        ],
        false => vec![("instance".to_owned(), "host".to_owned())],
    };
    let matchers: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let matchers = matchers.join(", ");
    for (what, series) in [("is silent", &alert.silent), ("fires", &alert.fires)] {
        let _ = writeln!(out, "  - name: {} {what}", alert.name);
        let _ = writeln!(out, "    interval: 1m\n    input_series:");
        for (metric, values) in series {
            let _ = writeln!(out, "      - series: '{metric}{{{matchers}}}'\n        values: '{values}'");
        }
        let _ =
            writeln!(out, "    alert_rule_test:\n      - eval_time: {}m\n        alertname: {}", alert.at, alert.name);
        if what == "is silent" {
            let _ = writeln!(out, "        exp_alerts: []");
            continue;
        }
        let _ =
            writeln!(out, "        exp_alerts:\n          - exp_labels:\n              severity: {}", alert.severity);
        for (name, value) in &labels {
            let _ = writeln!(out, "              {name}: {value}");
        }
        let _ =
            writeln!(out, "            exp_annotations:\n              summary: '{}'", told(alert).replace('\'', "''"));
        let _ = writeln!(out, "              description: '{}'", alert.description.replace('\'', "''"));
    }
}

/// The summary as the test's series make it.
fn told(alert: &Alert) -> String {
    let value = match alert.name {
        "ContainerNearMemoryLimit" => "95%",
        "HostWaitsForMemory" => "10%",
        "HostSwaps" => "200",
        "HostMemoryLow" => "2.5%",
        _ => "",
    };
    alert
        .summary
        .replace("{{ $labels.container_label_com_docker_compose_service }}", "worker")
        .replace("{{ $value | humanizePercentage }}", value)
        .replace("{{ $value | humanize }}", value)
}
