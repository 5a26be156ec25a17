//! Puts the picture and its hashes where the program includes them, and the memory of the machine where the linker looks.

use std::path::PathBuf;
use std::{env, fs};

use sha2::Digest as _;

include!("picture.rs");

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let picture = picture();
    fs::write(out.join("picture.raw"), &picture)?;
    fs::write(out.join("picture.blake3"), blake3::hash(&picture).as_bytes())?;
    fs::write(out.join("picture.sha256"), sha2::Sha256::digest(&picture))?;
    for script in ["device.x", "memory.x", "picture.x"] {
        fs::copy(script, out.join(script))?;
        println!("cargo::rerun-if-changed={script}");
    }
    println!("cargo::rerun-if-changed=picture.rs");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg=-Tlink.x");
    println!("cargo::rustc-link-arg=-Tpicture.x");
    Ok(())
}
