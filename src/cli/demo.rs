//! `mercat demo`
pub(super) async fn run(_listen: std::net::SocketAddr) -> anyhow::Result<()> {
    Ok(())
}
