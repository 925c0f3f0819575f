//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Parameter management for neural networks.
#[derive(Debug, Parser)]
#[command(name = "gluonic", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what a parameter file holds, without reading its values
    Show(ShowArgs),
    /// Check that a parameter file is whole, unchanged since its digests were recorded, and finite
    Check(CheckArgs),
    /// Write a parameter file in another format, element type or number of files
    Convert(ConvertArgs),
    /// Walk through parameter management on real data, and check every claim
    Tour(TourArgs),
    /// What the second process of the tour does
    #[command(hide = true)]
    TourPredict(PredictArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The file, of any format that can be read; of a model in several files, its index
    pub(crate) file: PathBuf,
    /// Show each of the numbered layers that are alike, not one for all
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The file, of any format that can be read; of a model in several files, its index
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// The file to read, of any format that can be read
    pub(crate) from: PathBuf,
    /// The file to write: `.safetensors`, `.params` or `.npz`
    pub(crate) to: PathBuf,
    /// Rename, split, join, permute or drop tensors by the rules of this TOML file
    #[arg(long, value_name = "RULES")]
    pub(crate) rename: Option<PathBuf>,
    /// Convert floating-point tensors to this element type, such as float16
    #[arg(long, value_name = "DTYPE")]
    pub(crate) cast: Option<String>,
    /// Write several files of at most so many bytes each, and their index: 500M, 5G
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) shard: Option<u64>,
    /// Hold at most so many bytes of tensors in memory at once: 64M, 2G, in powers of 1024
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: Option<u64>,
    /// Record the digests of all tensors: in the metadata, or beside the file if it has none
    #[arg(long)]
    pub(crate) digests: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A number of bytes, with a unit of thousands if there is one.
fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let factor = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        _ => return Err("expected a number of bytes, such as 800, 500M or 5G".to_owned()),
    };
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "expected a number of bytes, such as 800, 500M or 5G".to_owned())
}

/// A number of bytes of memory, of which units are powers of 1024.
fn memory(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => Some(0),
        "K" | "KIB" => Some(10),
        "M" | "MIB" => Some(20),
        "G" | "GIB" => Some(30),
        _ => None,
    };
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
    let bytes = number.zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| {
        "expected a number of bytes of 1 or more, alone or with K, M or G, such as 64M".to_owned()
    })
}

#[derive(Debug, clap::Args)]
pub(crate) struct TourArgs {
    /// The seed of every random value and of the choice of held-out digits
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print the checks and the accuracy as JSON, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PredictArgs {
    /// The file with the parameters
    pub(crate) file: PathBuf,
    /// The seed that chose the held-out digits
    #[arg(long, value_name = "N")]
    pub(crate) seed: u64,
}
