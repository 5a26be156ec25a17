//! Parsers for the few Python literals that a numpy header is made of: strings, numbers, tuples, lists, one dictionary.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, multispace0, none_of};
use nom::combinator::{map, map_res, opt, value};
use nom::error::{Error, ErrorKind};
use nom::multi::{fold_many0, separated_list0};
use nom::sequence::{delimited, preceded, terminated};
use nom::{Err, IResult, Parser};

use super::numpy::{Dtype, Member, scalar};
use super::{BadDtype, DtypeHeader};

/// Records within records within records: numpy allows more, nobody uses it.
const DEEPEST: usize = 16;

/// A quoted type string, or a list of fields.
pub(super) fn dtype(text: &str) -> Result<Dtype, BadDtype> {
    finish(text, descr(text, DEEPEST))
}

/// The whole header.
pub(super) fn header(text: &str) -> Result<DtypeHeader, BadDtype> {
    let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
    let entry = |rest| {
        let (rest, key) = terminated(string, spaced(':')).parse(rest)?;
        match key.as_str() {
            "descr" => map(|rest| descr(rest, DEEPEST), Entry::Dtype).parse(rest),
            "fortran_order" => map(boolean, Entry::FortranOrder).parse(rest),
            "shape" => map(tuple, Entry::Shape).parse(rest),
            _ => Err(Err::Failure(Error::new(rest, ErrorKind::Tag))),
        }
    };
    let list = terminated(separated_list0(spaced(','), entry), opt(spaced(',')));
    let entries = finish(text, delimited(spaced('{'), list, spaced('}')).parse(text))?;
    for entry in entries {
        match entry {
            Entry::Dtype(found) => dtype = Some(found),
            Entry::FortranOrder(found) => fortran_order = Some(found),
            Entry::Shape(found) => shape = Some(found),
        }
    }
    match (dtype, fortran_order, shape) {
        (Some(dtype), Some(fortran_order), Some(shape)) => Ok(DtypeHeader { dtype, fortran_order, shape }),
        _ => Err(BadDtype::Incomplete),
    }
}

/// A line of the dictionary.
enum Entry {
    Dtype(Dtype),
    FortranOrder(bool),
    Shape(Vec<u64>),
}

fn finish<T>(text: &str, parsed: IResult<&str, T>) -> Result<T, BadDtype> {
    match parsed {
        Ok((rest, found)) if rest.trim_end().is_empty() => Ok(found),
        Ok((rest, _)) => Err(BadDtype::Syntax { offset: text.len() - rest.len() }),
        Err(Err::Error(error) | Err::Failure(error)) => {
            Err(BadDtype::Syntax { offset: text.len() - error.input.len() })
        }
        Err(Err::Incomplete(_)) => Err(BadDtype::Syntax { offset: text.len() }),
    }
}

fn descr(text: &str, depth: usize) -> IResult<&str, Dtype> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Err::Failure(Error::new(text, ErrorKind::TooLarge)));
    };
    let one = map_res(string, |text| scalar(&text).map(Dtype::Scalar));
    let field = |rest| {
        let (rest, name) = preceded(spaced('('), string).parse(rest)?;
        let (rest, dtype) = preceded(spaced(','), |rest| descr(rest, depth)).parse(rest)?;
        let (rest, shape) = opt(preceded(spaced(','), sides)).parse(rest)?;
        let (rest, _) = (opt(spaced(',')), spaced(')')).parse(rest)?;
        Ok((rest, Member { name, dtype, shape: shape.unwrap_or_default() }))
    };
    let fields = terminated(separated_list0(spaced(','), field), opt(spaced(',')));
    alt((one, map(delimited(spaced('['), fields, spaced(']')), Dtype::Record))).parse(text)
}

/// Dimensions within a record: numpy writes a tuple, people also a number.
fn sides(text: &str) -> IResult<&str, Vec<usize>> {
    let number = |side: u64| usize::try_from(side);
    let single = map_res(delimited(multispace0, nom::character::complete::u64, multispace0), move |side| {
        number(side).map(|side| vec![side])
    });
    let several = map_res(tuple, move |sides| sides.into_iter().map(number).collect::<Result<Vec<_>, _>>());
    alt((several, single)).parse(text)
}

fn tuple(text: &str) -> IResult<&str, Vec<u64>> {
    let number = delimited(multispace0, nom::character::complete::u64, multispace0);
    let list = terminated(separated_list0(char(','), number), opt(spaced(',')));
    delimited(spaced('('), list, spaced(')')).parse(text)
}

fn boolean(text: &str) -> IResult<&str, bool> {
    delimited(multispace0, alt((value(true, tag("True")), value(false, tag("False")))), multispace0)
        .parse(text)
}

fn string(text: &str) -> IResult<&str, String> {
    let quoted = |quote: char, plain: &'static str| {
        let run = take_while1(move |c| c != quote && c != '\\');
        let escaped = preceded(char('\\'), none_of("\n"));
        let pieces = fold_many0(
            alt((map(run, Piece::Run), map(escaped, Piece::Escaped))),
            String::new,
            |mut text, piece| {
                match piece {
                    Piece::Run(run) => text.push_str(run),
                    Piece::Escaped(c) => text.push(c),
                }
                text
            },
        );
        delimited(tag(plain), pieces, char(quote))
    };
    delimited(multispace0, alt((quoted('\'', "'"), quoted('"', "\""))), multispace0).parse(text)
}

enum Piece<'a> {
    Run(&'a str),
    Escaped(char),
}

fn spaced<'a>(wanted: char) -> impl Parser<&'a str, Output = char, Error = Error<&'a str>> {
    delimited(multispace0, char(wanted), multispace0)
}
