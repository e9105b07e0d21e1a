// Data expressions of a train block → streams: names are looked up, files found, readers called.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "driver/readers.h"
#include "frontend/frontend.h"
#include "ir/type.h"

namespace descent {

// Where a relative path is looked for, in this order: the model file's folder, --data, $DESCENT_DATA.
using Folders = std::vector<std::string>;
Folders data_folders(const std::string& model_folder, const std::string& data_folder);

// The file's path; a diagnostic that says where it was looked for. `what`: "data file", "weights file".
Result<std::string> find_file(const std::string& path, const Folders& folders, std::string_view what, const Span& at);
// The same for a file, a folder, or a pattern that matches at least one file.
Result<std::string> find_files(const std::string& path, const Folders& folders, const Span& at);

// What reading data needs to know beside the expression. `input`: the one that a tensor without a name will feed;
// empty: none will. `vocabularies` may be null.
struct DataContext {
  const Folders& folders;
  Vocabularies* vocabularies = nullptr;
  std::string input = {};
};
Result<data::Stream> read_data(const frontend::DataExpression& expression, const DataContext& context);
// What stands for `data, test`.
Result<std::pair<data::Stream, data::Stream>> read_data_and_test(const frontend::DataExpression& expression,
                                                                 const DataContext& context);

// Rows as values of an input: shapes agree, every number has an exact place in the input's type, labels lie in their
// range. A table of one column also feeds an input of rank 1. In memory where nothing is drawn and they are not too
// many; what is read later, row by row, is held against type and range then.
Result<data::RowsRef> fit_to_input(data::RowsRef rows, const std::string& input, const TensorType& type,
                                   const Span& at);

}  // namespace descent
