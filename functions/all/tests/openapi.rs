//! The description that is served, beside the handlers that it describes.

#[test]
fn the_description_is_that_of_the_handlers() {
    let made = latchkey_all::function().merge(latchkey_http::health()).openapi().to_pretty_json().unwrap();
    assert!(
        latchkey_all::OPENAPI.trim_end() == made,
        "functions/all/openapi.json is out of date; run\n    \
         cargo run -q -p latchkey-all --example openapi > functions/all/openapi.json"
    );
}
