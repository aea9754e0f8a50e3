//! Pages.
/// Routes.
pub fn routes<S: Clone + Send + Sync + 'static>(
    _: &latchkey_core::Config,
    _: &utoipa::openapi::OpenApi,
) -> axum::Router<S> {
    axum::Router::new()
}
