// A comparison as text: for the terminal, as Markdown, as JSON. No torch.
#pragma once

#include <string>
#include <vector>

#include "experiment/result/comparison.h"

namespace mm {

/// The heading and a row of cells for each variant, and sentences about them.
std::vector<std::vector<std::string>> table_cells(const ExperimentFile& file, const std::vector<ComparisonRow>& rows);
std::vector<std::string> explanation(const ExperimentFile& file);
/// `<variant>: <why its first run failed>` for each that has one.
std::vector<std::string> failures(const std::vector<ComparisonRow>& rows);

/// Aligned columns; a line of failures and what the words mean below them.
std::string terminal_table(const ExperimentFile& file, const std::vector<ComparisonRow>& rows);

/// The same as a Markdown table, with a heading and the command that repeats it.
std::string markdown_table(const ExperimentFile& file, const std::vector<ComparisonRow>& rows);

/// Every number: rows, and each run of every variant. An interval is {"mean", "low", "high", "n"}; what is without end
/// is null.
std::string json_table(const ExperimentFile& file, const std::vector<VariantResults>& variants,
                       const std::vector<ComparisonRow>& rows);

}  // namespace mm
