//! Alarms over the functions of template.yaml.

use askama::Template;

use crate::table::{Memory, Operation, Operations, Platform};
use crate::{Error, render};

/// Maximum number of metrics that `CloudWatch` allows in one alarm.
const METRICS: usize = 10;

#[derive(Template)]
#[template(path = "alarms.yaml")]
struct Alarms<'a> {
    alarms: &'a [Alarm],
}

/// An alarm over one metric of several functions.
pub(crate) struct Alarm {
    name: String,
    pub(crate) condition: String,
    description: String,
    threshold: u32,
    /// Number of periods of five minutes in a row.
    periods: u32,
    metric: &'static str,
    statistic: &'static str,
    pub(crate) functions: Vec<String>,
}

impl Alarm {
    /// Returns the expression: the sum of counts, or the maximum of durations.
    fn expression(&self) -> String {
        let metrics = (1..=self.functions.len()).map(|number| format!("m{number}"));
        if self.metric == "Duration" {
            let metrics: Vec<String> = metrics.collect();
            if metrics.len() == 1 { metrics.concat() } else { format!("MAX([{}])", metrics.join(", ")) }
        } else {
            metrics.map(|metric| format!("FILL({metric}, 0)")).collect::<Vec<_>>().join(" + ")
        }
    }
}

/// Returns the alarms in YAML.
pub(crate) fn lines(alarms: &[Alarm]) -> Result<String, Error> {
    render(&Alarms { alarms })
}

/// Returns the alarms over the functions: errors, throttles and slowness of each function are covered.
pub(crate) fn alarms(operations: &Operations) -> Vec<Alarm> {
    let separate: Vec<&Operation> = operations.on(Platform::Lambda).filter(|it| it.has_routes()).collect();
    let those = |is: fn(&Operation) -> bool| separate.iter().copied().filter(|it| is(it)).collect::<Vec<_>>();
    let mut alarms = Vec::new();
    alarms.extend(counting("Errors", "Separate", "Errors", "A function failed", &separate));
    alarms.extend(counting("Throttles", "Separate", "Throttles", REFUSED, &separate));
    alarms.extend(slow(
        "SlowPasswords",
        "Separate",
        "Signing up or in is slow",
        1500,
        &those(|it| it.memory == Memory::Hashing),
    ));
    alarms.extend(slow(
        "Slow",
        "Separate",
        "A function that neither hashes passwords nor calls providers is slow",
        500,
        &those(|it| it.memory != Memory::Hashing && !it.providers),
    ));
    // The time of a return from a provider includes two responses of the provider.
    alarms.extend(slow(
        "SlowProviders",
        "Separate",
        "A function that calls providers is slow",
        5000,
        &those(|it| it.memory != Memory::Hashing && it.providers),
    ));
    for operation in operations.on(Platform::Lambda) {
        if let Some(description) = &operation.error_alarm {
            let condition = operation.condition.as_deref().unwrap_or_default();
            let name = format!("{}Errors", operation.resource());
            alarms.extend(counting(&name, condition, "Errors", description, &[operation]));
        }
    }
    let all = operations.all();
    alarms.extend(counting("OneErrors", "One", "Errors", "The function failed", &[&all]));
    alarms.extend(counting("OneThrottles", "One", "Throttles", REFUSED, &[&all]));
    alarms.extend(slow("OneSlow", "One", "The function is slow", 1500, &[&all]));
    alarms
}

const REFUSED: &str = "Calls were refused for lack of concurrency";

fn counting(
    name: &str,
    condition: &str,
    metric: &'static str,
    description: &str,
    functions: &[&Operation],
) -> Vec<Alarm> {
    let alarm = |functions| Alarm {
        name: name.to_owned(),
        condition: condition.to_owned(),
        description: description.to_owned(),
        threshold: 0,
        periods: 1,
        metric,
        statistic: "Sum",
        functions,
    };
    split(functions, alarm)
}

fn slow(
    name: &str,
    condition: &str,
    description: &str,
    milliseconds: u32,
    functions: &[&Operation],
) -> Vec<Alarm> {
    let alarm = |functions| Alarm {
        name: name.to_owned(),
        condition: condition.to_owned(),
        description: format!("{description} (95th percentile in ms)"),
        threshold: milliseconds,
        periods: 3,
        metric: "Duration",
        statistic: "p95",
        functions,
    };
    split(functions, alarm)
}

/// Returns as many alarms as the functions need. The second and later ones have a number.
fn split(functions: &[&Operation], alarm: impl Fn(Vec<String>) -> Alarm) -> Vec<Alarm> {
    let several = functions.chunks(METRICS).zip(1..).map(|(functions, number)| {
        let mut alarm = alarm(functions.iter().map(|function| function.resource()).collect());
        alarm.name += "Alarm";
        if number > 1 {
            alarm.name += &number.to_string();
        }
        alarm
    });
    several.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: usize) -> Vec<Alarm> {
        let table = |number| format!("[f{number}]\ndoes = \"x\"\nreads = []\n");
        let tables: Vec<String> = (0..count).map(table).collect();
        alarms(&Operations::parse(&(tables.concat() + "answers-shared = true\n")).unwrap())
    }

    #[test]
    fn no_alarm_has_more_metrics_than_cloudwatch_takes() {
        for alarm in many(21) {
            assert!((1..=10).contains(&alarm.functions.len()), "{}", alarm.name);
        }
        let names: Vec<String> = many(21).into_iter().map(|alarm| alarm.name).collect();
        assert_eq!(names[..4], ["ErrorsAlarm", "ErrorsAlarm2", "ErrorsAlarm3", "ThrottlesAlarm"]);
    }

    #[test]
    fn every_function_has_three_metrics() {
        for kind in ["Errors", "Throttles", "Duration"] {
            let alarms =
                many(21).into_iter().filter(|alarm| alarm.metric == kind && alarm.condition == "Separate");
            let mut functions: Vec<String> = alarms.flat_map(|alarm| alarm.functions).collect();
            functions.sort();
            functions.dedup();
            assert_eq!(functions.len(), 21, "{kind}");
        }
    }
}
