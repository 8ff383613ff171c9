//! Pictures in the widths in which pages show them.

use crate::goods::shelve;
use crate::testshop::TestShop;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use mercat::actors::pictures::{MediaName, srcset};
use reqwest::multipart::{Form, Part};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;

fn photograph(width: u32, height: u32) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, y| Rgb([(x / 4) as u8, (y / 4) as u8, 90]));
    let mut bytes = Vec::new();
    let pixels = DynamicImage::from(pixels);
    pixels.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
    bytes
}

/// Adds a picture to the one product, and gives its path.
async fn upload(shop: &TestShop, bytes: Vec<u8>) -> String {
    let id = shop.shop.reads.catalog.load().products()[0].id.clone();
    let form = Form::new().part("file", Part::bytes(bytes).file_name("x.jpg"));
    let add = shop.post(&format!("/v1/products/{id}/images")).staff().multipart(form);
    add.send().await.expect(201).header("location").to_owned()
}

/// The files that the shop keeps of its pictures.
fn files(shop: &TestShop) -> BTreeSet<PathBuf> {
    let folder = std::fs::read_dir(shop.folder.path().join("media")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_there_in_every_width_that_its_srcset_names() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 5)]).await;
    let path = upload(&shop, photograph(1_000, 500)).await;
    let set = srcset(&path).unwrap();
    assert_eq!((set.width, set.height), (1_000, 500));
    let mut widths = Vec::new();
    for candidate in set.srcset.split(", ") {
        let (path, width) = candidate.split_once(' ').unwrap();
        let shown = shop.get(path).send().await.expect(200);
        assert_eq!(shown.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(shown.header("content-type"), "image/jpeg");
        let pixels = image::load_from_memory(&shown.bytes).unwrap();
        assert_eq!(format!("{}w", pixels.width()), width);
        assert_eq!(pixels.height(), pixels.width() / 2);
        widths.push(pixels.width());
        let known = shop.get(path).header("if-none-match", shown.etag());
        known.send().await.expect(304);
    }
    assert_eq!(widths, [320, 640, 960, 1_000]);
    assert_eq!(files(&shop).len(), widths.len(), "all of them are made with the upload");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_width_that_is_missing_is_made_when_it_is_asked_for_and_no_other_is() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 5)]).await;
    let path = upload(&shop, photograph(700, 70)).await;
    let name: MediaName = path.trim_start_matches("/media/").parse().unwrap();
    let copy = name.at(640).unwrap();
    let all = files(&shop);
    let file = shop.folder.path().join("media").join(copy.to_string());
    std::fs::remove_file(&file).unwrap();
    for _ in 0..2 {
        let made = shop.get(&copy.path()).send().await.expect(200);
        assert_eq!(image::load_from_memory(&made.bytes).unwrap().width(), 640);
        assert_eq!(files(&shop), all);
    }
    let other = name.to_string().replace(&name.to_string()[..4], "0000");
    for nothing in [
        copy.to_string().replace("-640.", "-641."),
        copy.to_string().replace("-640.", "-960."),
        other.clone(),
        other.replace(".jpg", "-640.jpg"),
        name.to_string().replace(".jpg", ".png"),
    ] {
        shop.get(&format!("/media/{nothing}")).send().await.problem(404, "not_found");
    }
    assert_eq!(files(&shop), all);
    // What lies there and is no picture is the shop's fault, not that of who asks.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(shop.folder.path().join("media").join(name.to_string()), b"no picture").unwrap();
    shop.get(&copy.path()).send().await.problem(500, "internal_error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_says_it_is_huge_is_refused_and_leaves_nothing() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 5)]).await;
    let id = shop.shop.reads.catalog.load().products()[0].id.clone();
    let mut bomb = photograph(16, 16);
    let frame = bomb.windows(2).position(|part| part == [0xff, 0xc0]).unwrap();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0x2e, 0xdf, 0x2e, 0xdf]);
    let half = photograph(300, 300);
    for file in [bomb, half[..20].to_vec(), vec![]] {
        let form = Form::new().part("file", Part::bytes(file).file_name("x.jpg"));
        let add = shop.post(&format!("/v1/products/{id}/images")).staff().multipart(form);
        assert_eq!(add.send().await.faults(422), ["/file"]);
    }
    assert!(files(&shop).is_empty());
}
