//! [`Need`]: what a step wants to find on the machine, and how it gets there.
//!
//! A step declares its needs; `cargo xtask test` installs what is missing where it may (root on Debian,
//! or through cargo), and says in one line what a person has to type where it may not.

use std::path::{Path, PathBuf};

use crate::counts::Counts;
use crate::report;
use crate::run::Run;

/// Something that a step cannot do without.
pub(crate) struct Need {
    /// What it is, for people.
    pub(crate) what: &'static str,
    /// Whether it is there and good enough.
    pub(crate) found: fn() -> bool,
    /// Where it comes from.
    pub(crate) source: Source,
}

/// Where a missing thing comes from.
pub(crate) enum Source {
    /// Debian packages.
    Debian(&'static [&'static str]),
    /// A program in cargo's registry.
    Cargo(&'static str),
    /// A person: what to do.
    Person(&'static str),
}

/// A rustc with the sources of its own core, alloc and std, for processors that have no prebuilt ones here.
pub(crate) const RUSTC_WITH_SOURCES: Need = Need {
    what: "Debian's rustc with the sources of std",
    found: || {
        let newest = version(Path::new(SYSTEM_RUSTC)).is_some_and(|version| version >= LEAST_RUSTC);
        newest && Path::new("/usr/lib/rustlib/src/rust/library/core/Cargo.toml").exists()
    },
    source: Source::Debian(&["rustc-web", "rust-web-src"]),
};

/// What builds and runs big-endian programs.
pub(crate) const S390X: Need = Need {
    what: "linker and libraries for s390x",
    found: || on_path("s390x-linux-gnu-gcc") && Path::new("/usr/s390x-linux-gnu/lib/libc.so.6").exists(),
    source: Source::Debian(&["gcc-s390x-linux-gnu", "libc6-dev-s390x-cross"]),
};

/// What builds and runs 32-bit programs.
pub(crate) const I686: Need = Need {
    what: "linker and libraries for i686",
    found: || on_path("i686-linux-gnu-gcc") && Path::new("/usr/i686-linux-gnu/lib/libc.so.6").exists(),
    source: Source::Debian(&["gcc-i686-linux-gnu", "libc6-dev-i386-cross"]),
};

/// Runs programs of other processors.
pub(crate) const QEMU: Need = Need {
    what: "qemu for programs of other processors",
    found: || on_path("qemu-s390x") && on_path("qemu-i386"),
    source: Source::Debian(&["qemu-user"]),
};

/// ZMODEM, beside which serial lines are measured.
pub(crate) const LRZSZ: Need =
    Need { what: "lrzsz", found: || on_path("sz") && on_path("rz"), source: Source::Debian(&["lrzsz"]) };

/// Links programs for microcontrollers.
pub(crate) const LLD: Need =
    Need { what: "the linker lld", found: || on_path("ld.lld"), source: Source::Debian(&["lld"]) };

/// Runs firmware.
pub(crate) const QEMU_ARM: Need = Need {
    what: "an emulator for microcontrollers",
    found: || on_path("qemu-system-arm"),
    source: Source::Debian(&["qemu-system-arm"]),
};

/// Drives libFuzzer.
pub(crate) const CARGO_FUZZ: Need =
    Need { what: "cargo-fuzz", found: || on_path("cargo-fuzz"), source: Source::Cargo("cargo-fuzz") };

/// The compiler with sanitizers and coverage.
pub(crate) const NIGHTLY: Need = Need {
    what: "a nightly toolchain",
    found: || {
        let asked = Run::new("cargo").args(["+nightly", "--version"]).output();
        asked.is_ok_and(|version| version.contains("nightly"))
    },
    source: Source::Person("rustup toolchain install nightly"),
};

/// A C++ compiler: libFuzzer is built from source.
pub(crate) const CXX: Need = Need {
    what: "a C++ compiler",
    found: || on_path("c++") || on_path("g++"),
    source: Source::Debian(&["g++"]),
};

/// The program that LZ4 frames are compared with.
pub(crate) const LZ4: Need =
    Need { what: "the program lz4", found: || on_path("lz4"), source: Source::Debian(&["lz4"]) };

/// Builds a rival of the benchmarks.
pub(crate) const MAKE: Need = Need {
    what: "make and a C compiler",
    found: || on_path("make") && on_path("cc"),
    source: Source::Debian(&["make", "gcc"]),
};

/// Reads C headers while iceoryx2 is built.
pub(crate) const LIBCLANG: Need = Need {
    what: "libclang",
    found: || {
        let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
        let found = |folder: &str| {
            std::fs::read_dir(folder).is_ok_and(|mut files| files.any(|file| is_libclang(&file)))
        };
        std::env::var_os("LIBCLANG_PATH").is_some() || folders.into_iter().any(found)
    },
    source: Source::Debian(&["libclang-dev"]),
};

/// Makes the virtual environment of the peers.
pub(crate) const PYTHON: Need = Need {
    what: "Python 3 with venv",
    found: || Run::new("python3").args(["-c", "import venv, ensurepip"]).output().is_ok(),
    source: Source::Debian(&["python3", "python3-venv"]),
};

/// The rustc of the distribution, which is not the one that rustup puts first on the path.
pub(crate) const SYSTEM_RUSTC: &str = "/usr/bin/rustc";

/// The workspace's rust-version.
const LEAST_RUSTC: (u32, u32) = (1, 95);

/// Whether everything is strict: nothing may be skipped.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Where `program` is found.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_libclang(file: &std::io::Result<std::fs::DirEntry>) -> bool {
    let name = file.as_ref().map(std::fs::DirEntry::file_name).unwrap_or_default();
    let name = name.to_string_lossy();
    name.starts_with("libclang") && !name.starts_with("libclang-cpp") && name.contains(".so")
}

fn on_path(program: &str) -> bool {
    which(program).is_some()
}

/// Major and minor version of a rustc.
fn version(rustc: &Path) -> Option<(u32, u32)> {
    let text = Run::new(rustc).arg("--version").output().ok()?;
    parse_version(&text)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Installs what is missing, as far as this user may. Says what it does; failures show when the step asks again.
pub(crate) fn install(needs: &[&Need]) {
    let missing: Vec<&&Need> = needs.iter().filter(|need| !(need.found)()).collect();
    let mut debian: Vec<&str> = Vec::new();
    let mut programs: Vec<&str> = Vec::new();
    for need in missing {
        println!("  missing: {}", need.what);
        match need.source {
            Source::Debian(packages) => {
                for package in packages {
                    if !debian.contains(package) {
                        debian.push(package);
                    }
                }
            }
            Source::Cargo(program) => programs.push(program),
            Source::Person(_) => {}
        }
    }
    let mut tally = Counts::default();
    let mut attempt = |run: Run| {
        if let Err(error) = run.run(&mut tally) {
            println!("  {}", report::verdict(Some(false), &format!("{error:#}")));
        }
    };
    if !debian.is_empty() {
        if is_root() && on_path("apt-get") {
            attempt(Run::new("apt-get").args(["-qq", "update"]));
            // One by one: a name that this release does not know would keep all the others away.
            for package in debian {
                let install = ["-qq", "-y", "--no-install-recommends", "install", package];
                attempt(Run::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive"));
            }
        } else {
            println!("  as root: apt-get install {}", debian.join(" "));
        }
    }
    for program in programs {
        attempt(Run::new("cargo").args(["install", "--locked", program]));
    }
}

/// What is still missing, and what a person can do about it.
pub(crate) fn missing(needs: &[Need]) -> Option<String> {
    let missing: Vec<String> = needs
        .iter()
        .filter(|need| !(need.found)())
        .map(|need| {
            let remedy = match need.source {
                Source::Debian(packages) => format!("apt-get install {}", packages.join(" ")),
                Source::Cargo(program) => format!("cargo install --locked {program}"),
                Source::Person(advice) => advice.to_owned(),
            };
            format!("{} is missing ({remedy})", need.what)
        })
        .collect();
    if missing.is_empty() { None } else { Some(missing.join("; ")) }
}

fn is_root() -> bool {
    Run::new("id").arg("-u").output().is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Need =
        Need { what: "a thing", found: || false, source: Source::Debian(&["thing", "thing-dev"]) };
    const ALWAYS: Need = Need { what: "a shell", found: || on_path("sh"), source: Source::Cargo("sh") };

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        assert_eq!(missing(&[ALWAYS]), None);
        let text = missing(&[ALWAYS, NEVER]).unwrap();
        assert_eq!(text, "a thing is missing (apt-get install thing thing-dev)");
    }

    #[test]
    fn versions_of_rustc_are_read() {
        assert_eq!(parse_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from source)"), Some((1, 96)));
        assert_eq!(parse_version("no rustc"), None);
    }
}
