//! Lists of crates: the workspace's dependencies, the function of all operations, the Worker's crate.

use std::fmt::Write as _;

use crate::Error;
use crate::table::{Operation, Operations, Platform};
use crate::tree::Tree;

pub(crate) fn write(tree: &mut Tree, operations: &Operations) -> Result<(), Error> {
    let all = operations.all();
    let every: Vec<&Operation> = operations.iter().chain([&all]).collect();
    let paths = lines(&every, |it| format!("{} = {{ path = \"functions/{}\" }}", it.package(), it.name));
    tree.set_part("Cargo.toml", "operations", &paths)?;

    let parts: Vec<&Operation> = operations.on(Platform::All).collect();
    let dependencies = lines(&parts, |it| format!("{}.workspace = true", it.package()));
    tree.set_part("functions/all/Cargo.toml", "operations", &dependencies)?;
    tree.put_under_header("functions/all/src/operations.rs", "//!", &array(&parts));

    let workers: Vec<&Operation> = [&all].into_iter().chain(operations.on(Platform::Workers)).collect();
    let manifest = "infra/worker/Cargo.toml";
    tree.set_part(manifest, "features", &lines(&workers, feature))?;
    let optional =
        lines(&workers, |it| format!("{} = {{ workspace = true, optional = true }}", it.package()));
    tree.set_part(manifest, "operations", &optional)?;
    tree.put_under_header("infra/worker/src/operations.rs", "//!", &merged(&workers));
    Ok(())
}

fn lines(operations: &[&Operation], line: impl Fn(&Operation) -> String) -> String {
    operations.iter().fold(String::new(), |text, operation| text + &line(operation) + "\n")
}

fn feature(operation: &Operation) -> String {
    let needs = operation.worker_features.iter().map(|feature| format!("latchkey-cloudflare/{feature}"));
    let members: Vec<String> = [format!("dep:{}", operation.package())]
        .into_iter()
        .chain(needs)
        .map(|member| format!("\"{member}\""))
        .collect();
    format!("{} = [{}]", operation.name, members.join(", "))
}

fn array(operations: &[&Operation]) -> String {
    let mut text = format!(
        "
use latchkey_http::Function;

/// Returns every operation with routes, by the folder of its crate.
pub fn operations() -> [(&'static str, Function); {}] {{
    [
",
        operations.len()
    );
    for operation in operations {
        let _ = writeln!(text, "        (\"{}\", {}::function()),", operation.name, operation.lib_name());
    }
    text + "    ]\n}\n"
}

fn merged(operations: &[&Operation]) -> String {
    let mut text = "
use latchkey_http::Function;

/// Returns the operations of this Worker in one function.
pub(crate) fn operations() -> Function {
    let function = Function::default();
"
    .to_owned();
    for operation in operations {
        let (feature, library) = (&operation.name, operation.lib_name());
        let _ = writeln!(
            text,
            "    #[cfg(feature = \"{feature}\")]\n    let function = function.merge({library}::function());"
        );
    }
    text + "    function\n}\n"
}
