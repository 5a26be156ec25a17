//! URIs: every form parses, every error names its place, nothing panics.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use packhorse::transport::{Flow, Interface, Parity, SerialOptions, UdpOptions};
use packhorse::uri::{Uri, UriErrorKind};
use proptest::prelude::*;

fn parse(text: &str) -> Uri {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> (usize, UriErrorKind) {
    let error = text.parse::<Uri>().expect_err(text);
    (error.character, error.kind)
}

#[test]
fn every_form_parses() {
    assert_eq!(parse("pipe:"), Uri::Pipe);
    assert_eq!(parse("PIPE:"), Uri::Pipe);
    let serial = |path: &str, baud| Uri::Serial {
        path: path.into(),
        line: SerialOptions { baud, ..SerialOptions::default() },
    };
    assert_eq!(parse("serial:/dev/ttyUSB0?baud=9600"), serial("/dev/ttyUSB0", 9600));
    assert_eq!(parse("serial:/dev/ttyUSB0"), serial("/dev/ttyUSB0", 115_200));
    assert_eq!(parse("serial:/dev/a%20b%3f%25"), serial("/dev/a b?%", 115_200));
    let udp = |host: &str, port| Uri::Udp { host: host.into(), port, options: UdpOptions::default() };
    assert_eq!(parse("udp://host:1"), udp("host", 1));
    assert_eq!(parse("udp://:9000"), udp("", 9000));
    assert_eq!(parse("tcp://10.0.0.1:65535"), Uri::Tcp { host: "10.0.0.1".into(), port: 65535 });
    assert_eq!(parse("tcp://[2001:db8::1]:80"), Uri::Tcp { host: "2001:db8::1".into(), port: 80 });
    assert_eq!(parse("tcp://m%C3%BCll.example:80"), Uri::Tcp { host: "müll.example".into(), port: 80 });
    assert_eq!(parse("unix:/run/link.sock"), Uri::Unix("/run/link.sock".into()));
    assert_eq!(parse("unix:here"), Uri::Unix("here".into()));
    assert_eq!(parse("memory://demo"), Uri::Memory("demo".into()));
    assert_eq!(parse("ipc://grüße 1"), Uri::Ipc("grüße 1".into()));
}

#[test]
fn an_error_says_where_and_what() {
    assert_eq!(refused(""), (0, UriErrorKind::NoScheme));
    assert_eq!(refused("inbox"), (0, UriErrorKind::NoScheme));
    assert_eq!(refused("/dev/ttyUSB0"), (0, UriErrorKind::NoScheme));
    assert_eq!(refused("http://host:80"), (0, UriErrorKind::UnknownScheme));
    assert_eq!(refused("pipe:x"), (5, UriErrorKind::Unexpected));
    assert_eq!(refused("serial:"), (7, UriErrorKind::BadPath));
    assert_eq!(refused("serial:/dev/x?speed=1"), (13, UriErrorKind::UnknownOption));
    assert_eq!(refused("serial:/dev/x?baud="), (19, UriErrorKind::BadBaud));
    assert_eq!(refused("serial:/dev/x?baud=0"), (19, UriErrorKind::BadBaud));
    assert_eq!(refused("serial:/dev/x?baud=99999999999"), (19, UriErrorKind::BadBaud));
    assert_eq!(refused("serial:/dev/x?baud=1200,8N1"), (23, UriErrorKind::Unexpected));
    assert_eq!(refused("serial:/dev/x?baud=1200&stop=3"), (29, UriErrorKind::BadValue));
    assert_eq!(refused("serial:/dev/x?stop=2&&baud=1"), (20, UriErrorKind::UnknownOption));
    assert_eq!(refused("udp://239.0.0.1:1?mtu=9"), (22, UriErrorKind::BadValue));
    assert_eq!(refused("udp://239.0.0.1:1?ttl=256"), (22, UriErrorKind::BadValue));
    assert_eq!(refused("udp://239.0.0.1:1?baud=9"), (17, UriErrorKind::UnknownOption));
    assert_eq!(refused("tcp://h:1?mtu=900"), (9, UriErrorKind::Unexpected));
    assert_eq!(refused("udp:host:1"), (4, UriErrorKind::NoSlashes));
    assert_eq!(refused("udp://host"), (10, UriErrorKind::BadPort));
    assert_eq!(refused("udp://host:65536"), (10, UriErrorKind::BadPort));
    assert_eq!(refused("udp://ho st:1"), (8, UriErrorKind::BadHost));
    assert_eq!(refused("udp://host:1/x"), (12, UriErrorKind::Unexpected));
    assert_eq!(refused("tcp://[::1:80"), (6, UriErrorKind::BadHost));
    assert_eq!(refused("unix:a%2"), (6, UriErrorKind::BadEscape));
    assert_eq!(refused("unix:ü%zz"), (6, UriErrorKind::BadEscape));
    assert_eq!(refused("udp://a%zz:1"), (7, UriErrorKind::BadEscape));
    assert_eq!(refused("serial:%+1?baud=1"), (7, UriErrorKind::BadEscape));
    assert_eq!(refused("unix:a%00"), (5, UriErrorKind::BadPath));
    assert_eq!(refused("memory://"), (9, UriErrorKind::BadName));
    assert_eq!(refused("ipc://a/b"), (6, UriErrorKind::BadName));
    let text = "udp://host".parse::<Uri>().unwrap_err().to_string();
    assert_eq!(
        text,
        "'udp://host', character 11: a port from 0 to 65535 is missing; write e.g. udp://host:9000"
    );
}

#[test]
fn a_link_that_carries_no_files_is_told_from_one_that_can_be_opened() {
    for text in ["pipe:", "serial:/dev/x", "udp://h:1", "tcp://h:1", "unix:x"] {
        assert!(parse(text).available().is_ok(), "{text}");
    }
    let error = parse("memory://m").available().unwrap_err();
    assert_eq!(
        error.to_string(),
        "memory: links carry no files: available are pipe:, serial:, udp:, tcp:, unix:"
    );
}

fn any_path() -> impl Strategy<Value = PathBuf> {
    prop::collection::vec(1..=255_u8, 1..40).prop_map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
}

fn any_line() -> impl Strategy<Value = SerialOptions> {
    let parity = prop_oneof![Just(Parity::None), Just(Parity::Even), Just(Parity::Odd)];
    let flow = prop_oneof![Just(Flow::None), Just(Flow::Hardware), Just(Flow::Software)];
    (1..=u32::MAX, 5..=8_u8, 1..=2_u8, parity, flow).prop_map(|(baud, data_bits, stop_bits, parity, flow)| {
        SerialOptions { baud, data_bits, stop_bits, parity, flow }
    })
}

fn any_udp() -> impl Strategy<Value = UdpOptions> {
    let interface = prop_oneof![
        "[a-z&=?% ]{1,15}".prop_map(|name| Interface::from(name.as_str())),
        any::<core::net::IpAddr>().prop_map(Interface::Address)
    ];
    let of = prop::option::of::<BoxedStrategy<usize>>;
    (of((64..=65_507_usize).boxed()), any::<Option<u8>>(), prop::option::of(interface), any::<bool>())
        .prop_map(|(mtu, ttl, interface, no_loop)| UdpOptions {
            mtu,
            ttl,
            interface,
            no_loop,
            ..UdpOptions::default()
        })
}

fn any_uri() -> impl Strategy<Value = Uri> {
    let host =
        || prop_oneof!["[a-zA-Z0-9äß._~-]{0,20}", any::<core::net::Ipv6Addr>().prop_map(|a| a.to_string())];
    let name = || "[^/\0]{1,20}";
    prop_oneof![
        Just(Uri::Pipe),
        (any_path(), any_line()).prop_map(|(path, line)| Uri::Serial { path, line }),
        (host(), any::<u16>(), any_udp()).prop_map(|(host, port, options)| Uri::Udp { host, port, options }),
        (host(), any::<u16>()).prop_map(|(host, port)| Uri::Tcp { host, port }),
        any_path().prop_map(Uri::Unix),
        name().prop_map(Uri::Memory),
        name().prop_map(Uri::Ipc),
    ]
}

proptest! {
    #[test]
    fn what_is_written_parses_to_the_same(uri in any_uri()) {
        prop_assert_eq!(uri.to_string().parse::<Uri>(), Ok(uri));
    }

    #[test]
    fn no_text_panics_and_errors_lie_inside_it(
        text in "((pipe|serial|udp|tcp|unix|memory|ipc):)?(//)?[a-zü%0-9:/?=\\[\\]\0 -]{0,24}"
    ) {
        match text.parse::<Uri>() {
            Ok(uri) => prop_assert_eq!(uri.to_string().parse::<Uri>(), Ok(uri)),
            Err(error) => prop_assert!(error.character <= text.chars().count()),
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = text.parse::<Uri>();
    }
}
