//! import
pub(super) async fn products(
    _f: &std::path::Path,
    _d: &std::path::Path,
    _s: &super::SettingsArgs,
    _n: bool,
) -> anyhow::Result<()> {
    Ok(())
}
