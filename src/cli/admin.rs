//! `mercat admin create`: an administrator for a shop that is not running.

use super::house::{self, Mails};
use crate::actors::pools::Password;
use crate::config::Config;
use crate::domain::staff::Role;
use anyhow::Context;
use std::io::{self, BufRead};
use std::path::Path;

pub(super) async fn create(data: &Path, email: &str) -> anyhow::Result<()> {
    let mut password = String::new();
    io::stdin()
        .lock()
        .read_line(&mut password)
        .context("the password cannot be read from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let house = house::open(data, Config::default(), "http://127.0.0.1:8080", Mails::Leave).await?;
    let created =
        house.shop.accounts.create_staff(email, Password::from(password), Role::Admin).await;
    house.shop.close().await;
    created?;
    println!("{email} is an administrator now");
    Ok(())
}
