//! URIs from any text. Promises: no panic; what parses prints to what parses to the same; an error points into
//! the text.

use packhorse::Uri;

/// Any text as the URI of a link.
pub fn uri(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    match text.parse::<Uri>() {
        Ok(uri) => {
            let printed = uri.to_string();
            assert_eq!(printed.parse(), Ok(uri), "{text:?} prints as {printed:?}");
        }
        Err(error) => {
            assert!(error.character <= text.chars().count(), "{error} points outside the text");
            assert!(!error.to_string().is_empty());
        }
    }
}
